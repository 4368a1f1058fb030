//! A host as wasmCloud 1.9.2 is: it acknowledges what it takes, tells the outcome in events, some of them twice, fetches
//! images also to stop a component, and does not answer for a built-in provider that is switched off.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use weft_lattice::event::Publisher;
use weft_lattice::intake::{Request, serve_control};
use weft_lattice::protocol::control::{
    Ack, ComponentAuction, ComponentBid, ComponentEntry, DeleteLabel, DeleteLink, HostSummary,
    Inventory, Link, ProviderAuction, ProviderBid, ProviderEntry, PutLabel, Reply, ScaleComponent,
    StartProvider, StopProvider, UpdateComponent,
};
use weft_lattice::protocol::event::{
    ComponentScaleFailed, ComponentScaled, ConfigChanged, Data, HostStopped, LabelsChanged,
    LinkDeleted, LinkSetFailed, ProviderStartFailed, ProviderStarted, ProviderStopped,
};
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::{Auctions, Operation};
use weft_model::id::HostId;
use weft_runtime::TaskKind;

use crate::server::Server;

/// What the images are called that cannot be fetched.
const BROKEN: &str = "file:///nope.wasm";
const CONFLICT: &str = "link already exists with different target, consider deleting the existing link or using a different link name";

/// A host of 1.9.
#[derive(Clone)]
pub(crate) struct Foreign {
    state: Arc<Mutex<State>>,
}

struct State {
    id: HostId,
    inventory: Inventory,
    links: Vec<Link>,
    configs: BTreeMap<String, BTreeMap<String, String>>,
    /// The subjects of the requests that changed something, without what comes before the noun.
    requests: Vec<String>,
    /// Whether outcomes are kept back.
    is_silent: bool,
}

/// What a request leads to: an answer, and events before it.
struct Act {
    answer: Option<Vec<u8>>,
    events: Vec<Data>,
}

// ===== impl Foreign =====

impl Foreign {
    /// Serves the lattice of `server`.
    pub(crate) async fn start(server: &Server, id: &str, name: &str) -> Self {
        let host_id: HostId = id.parse().unwrap();
        let state = State {
            id: host_id.clone(),
            inventory: Inventory {
                host_id: id.to_owned(),
                friendly_name: name.to_owned(),
                labels: [("zone".to_owned(), "east".to_owned())].into(),
                version: "1.9.2".to_owned(),
                uptime_seconds: 4,
                ..Inventory::default()
            },
            links: Vec::new(),
            configs: BTreeMap::new(),
            requests: Vec::new(),
            is_silent: false,
        };
        let host = Self {
            state: Arc::new(Mutex::new(state)),
        };
        let lattice = server.connect().await;
        let auctions = Auctions {
            components: true,
            providers: true,
        };
        let mut requests = serve_control(&lattice, &host_id, auctions, 100)
            .await
            .unwrap();
        let publisher = lattice.event_publisher(host_id);
        let serving = host.clone();
        server.tasks().spawn(TaskKind::Helper, "host", async move {
            while let Some(request) = requests.next().await {
                serving.serve(&request, &publisher).await;
            }
        });
        host
    }

    /// Keeps outcomes to itself from now on.
    pub(crate) fn be_silent(&self) {
        self.state().is_silent = true;
    }

    /// What it was asked to change.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// How many calls of a component may run at once.
    pub(crate) fn instances(&self, id: &str) -> Option<u32> {
        let state = self.state();
        let found = state.inventory.components.iter().find(|one| one.id == id);
        found.map(|one| one.max_instances)
    }

    /// The config of a name.
    pub(crate) fn config(&self, name: &str) -> Option<BTreeMap<String, String>> {
        self.state().configs.get(name).cloned()
    }

    /// Has a component, which nobody of this test started.
    pub(crate) fn have(&self, component: ComponentEntry) {
        self.state().inventory.components.push(component);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(&self, request: &Request<Operation>, publisher: &Publisher) {
        let (act, is_silent) = {
            let mut state = self.state();
            if request.operation.kind().is_mutation() {
                state.requests.push(request.operation.to_string());
            }
            (state.act(request), state.is_silent)
        };
        if let Some(answer) = act.answer {
            request.reply(answer).await.unwrap();
        }
        if !is_silent {
            for event in act.events {
                publisher.publish(event).await.unwrap();
            }
        }
    }
}

// ===== impl State =====

impl State {
    fn act(&mut self, request: &Request<Operation>) -> Act {
        let body = &request.payload;
        match &request.operation {
            Operation::HostPing => Act::data(&HostSummary {
                friendly_name: self.inventory.friendly_name.clone(),
                id: self.inventory.host_id.clone(),
                labels: self.inventory.labels.clone(),
                version: Some(self.inventory.version.clone()),
                ..HostSummary::default()
            }),
            Operation::HostGet(_) => Act::data(&self.inventory),
            Operation::ComponentAuction => self.bid_for_component(&json::decode(body).unwrap()),
            Operation::ProviderAuction => self.bid_for_provider(&json::decode(body).unwrap()),
            Operation::ComponentScale(_) => self.scale(json::decode(body).unwrap()),
            Operation::ComponentUpdate(_) => self.update(&json::decode(body).unwrap()),
            Operation::ProviderStart(_) => self.start_provider(&json::decode(body).unwrap()),
            Operation::ProviderStop(_) => self.stop_provider(&json::decode(body).unwrap()),
            Operation::LabelPut(_) => {
                let label: PutLabel = json::decode(body).unwrap();
                self.inventory.labels.insert(label.key, label.value);
                Act::done("successfully put label").tell(self.labels())
            }
            Operation::LabelDelete(_) => {
                let label: DeleteLabel = json::decode(body).unwrap();
                match self.inventory.labels.remove(&label.key) {
                    Some(_) => Act::done("successfully deleted label").tell(self.labels()),
                    None => Act::done("successfully deleted label (no such label)"),
                }
            }
            Operation::LinkGet => Act::data(&self.links),
            Operation::LinkPut => self.put_link(json::decode(body).unwrap()),
            Operation::LinkDelete => self.delete_link(&json::decode(body).unwrap()),
            Operation::ConfigPut(name) => {
                let values = json::decode(body).unwrap();
                self.configs.insert(name.to_string(), values);
                let config_name = name.to_string();
                Act::done("successfully put config")
                    .tell(Data::ConfigSet(ConfigChanged { config_name }))
            }
            Operation::ConfigGet(name) => match self.configs.get(name.as_str()) {
                Some(values) => Act::data(values),
                None => Act::done("Configuration not found"),
            },
            Operation::HostStop(_) => {
                let labels = self.inventory.labels.clone();
                Act::done("successfully handled stop host")
                    .tell(Data::HostStopped(HostStopped { labels }))
            }
            _ => Act::refused("unsupported subject"),
        }
    }

    fn satisfies(&self, constraints: &BTreeMap<String, String>) -> bool {
        let own = &self.inventory.labels;
        constraints
            .iter()
            .all(|(key, value)| own.get(key) == Some(value))
    }

    fn bid_for_component(&self, auction: &ComponentAuction) -> Act {
        let components = &self.inventory.components;
        let runs = components.iter().any(|one| one.id == auction.component_id);
        if runs || !self.satisfies(&auction.constraints) {
            return Act::silent();
        }
        Act::data(&ComponentBid::new(&self.id, auction.clone()))
    }

    fn bid_for_provider(&self, auction: &ProviderAuction) -> Act {
        let providers = &self.inventory.providers;
        let runs = providers.iter().any(|one| one.id == auction.provider_id);
        if runs || !self.satisfies(&auction.constraints) {
            return Act::silent();
        }
        Act::data(&ProviderBid::new(&self.id, auction.clone()))
    }

    fn scale(&mut self, scale: ScaleComponent) -> Act {
        let missing = scale
            .config
            .iter()
            .find(|name| !self.configs.contains_key(*name));
        let error = if scale.component_ref.is_empty() || scale.component_ref == BROKEN {
            Some("failed to fetch component: failed to read component: No such file or directory (os error 2)".to_owned())
        } else {
            missing.map(|name| {
                format!("Unable to fetch requested config: Config {name} does not exist")
            })
        };
        if let Some(error) = error {
            return Act::done("").tell(Data::ComponentScaleFailed(ComponentScaleFailed {
                host_id: self.inventory.host_id.clone(),
                image_ref: scale.component_ref,
                component_id: scale.component_id,
                max_instances: scale.instances_max,
                error,
                ..ComponentScaleFailed::default()
            }));
        }
        let components = &mut self.inventory.components;
        let before = components
            .iter()
            .position(|one| one.id == scale.component_id);
        let is_new = before.is_none() && scale.instances_max > 0;
        if let Some(place) = before {
            components.remove(place);
        }
        if scale.instances_max > 0 {
            components.push(ComponentEntry {
                id: scale.component_id.clone(),
                image_ref: scale.component_ref.clone(),
                annotations: scale.annotations.clone(),
                max_instances: scale.instances_max,
                limits: scale.component_limits.clone(),
                ..ComponentEntry::default()
            });
        }
        let told = self.scaled(
            &scale.component_id,
            &scale.component_ref,
            scale.instances_max,
        );
        let act = Act::done("").tell(told.clone());
        // A component that is new is told twice.
        if is_new { act.tell(told) } else { act }
    }

    fn update(&mut self, update: &UpdateComponent) -> Act {
        let id = &update.component_id;
        let components = &mut self.inventory.components;
        let Some(component) = components.iter_mut().find(|one| one.id == *id) else {
            return Act::refused(&format!("component {id} not found"));
        };
        let image = &update.new_component_ref;
        component.image_ref.clone_from(image);
        let count = component.max_instances;
        // Then that none run of the new one, as 1.9.2 says.
        Act::done(&format!("component {id} updating from A to {image}"))
            .tell(self.scaled(id, image, count))
            .tell(self.scaled(id, image, 0))
    }

    fn scaled(&self, id: &str, image: &str, count: u32) -> Data {
        Data::ComponentScaled(ComponentScaled {
            host_id: self.inventory.host_id.clone(),
            image_ref: image.to_owned(),
            max_instances: count,
            component_id: id.to_owned(),
            ..ComponentScaled::default()
        })
    }

    fn start_provider(&mut self, start: &StartProvider) -> Act {
        let id = &start.provider_id;
        let providers = &self.inventory.providers;
        if start.provider_ref.starts_with("wasmcloud+builtin://") {
            return Act::silent();
        }
        if providers.iter().any(|one| one.id == *id) {
            return Act::refused("provider with that ID is already running");
        }
        let host_id = self.inventory.host_id.clone();
        let done = Act::done("successfully started provider");
        if start.provider_ref == BROKEN {
            return done.tell(Data::ProviderStartFailed(ProviderStartFailed {
                provider_ref: start.provider_ref.clone(),
                provider_id: id.clone(),
                host_id,
                error: "failed to fetch provider".to_owned(),
                ..ProviderStartFailed::default()
            }));
        }
        self.inventory.providers.push(ProviderEntry {
            id: id.clone(),
            image_ref: Some(start.provider_ref.clone()),
            annotations: start.annotations.clone(),
            ..ProviderEntry::default()
        });
        done.tell(Data::ProviderStarted(ProviderStarted {
            host_id,
            image_ref: start.provider_ref.clone(),
            provider_id: id.clone(),
            ..ProviderStarted::default()
        }))
    }

    fn stop_provider(&mut self, stop: &StopProvider) -> Act {
        let providers = &mut self.inventory.providers;
        let Some(place) = providers.iter().position(|one| one.id == stop.provider_id) else {
            return Act::refused("provider with that ID is not running");
        };
        providers.remove(place);
        Act::done("successfully stopped provider").tell(Data::ProviderStopped(ProviderStopped {
            host_id: self.inventory.host_id.clone(),
            provider_id: stop.provider_id.clone(),
            ..ProviderStopped::default()
        }))
    }

    fn labels(&self) -> Data {
        Data::LabelsChanged(LabelsChanged {
            host_id: self.inventory.host_id.clone(),
            labels: self.inventory.labels.clone(),
        })
    }

    fn put_link(&mut self, link: Link) -> Act {
        let is_same = |one: &Link| {
            (&one.source_id, &one.name, &one.wit_package)
                == (&link.source_id, &link.name, &link.wit_package)
        };
        let configs = link.source_config.iter().chain(&link.target_config);
        let missing = configs
            .into_iter()
            .find(|name| !self.configs.contains_key(*name));
        let error = match (missing, self.links.iter().find(|one| is_same(one))) {
            (Some(name), _) => Some(format!(
                "Failed to validate configuration and secrets. Config {name} does not exist"
            )),
            (None, Some(one)) if one.target != link.target => Some(CONFLICT.to_owned()),
            _ => None,
        };
        if let Some(error) = error {
            let mut failed = LinkSetFailed::from(link);
            failed.error.clone_from(&error);
            return Act::refused(&error).tell(Data::LinkSetFailed(failed));
        }
        self.links.retain(|one| !is_same(one));
        self.links.push(link.clone());
        Act::done("successfully set link").tell(Data::LinkSet(link))
    }

    fn delete_link(&mut self, link: &DeleteLink) -> Act {
        let is_it = |one: &Link| {
            (&one.source_id, &one.name, &one.wit_package)
                == (&link.source_id, &link.name, &link.wit_package)
        };
        let Some(place) = self.links.iter().position(is_it) else {
            return Act::done("successfully deleted link (spec doesn't exist)");
        };
        let gone = self.links.remove(place);
        Act::done("successfully deleted link").tell(Data::LinkDeleted(LinkDeleted {
            source_id: gone.source_id,
            name: gone.name,
            wit_namespace: gone.wit_namespace,
            wit_package: gone.wit_package,
            target: Some(gone.target),
            interfaces: Some(gone.interfaces),
        }))
    }
}

// ===== impl Act =====

impl Act {
    fn silent() -> Self {
        Self {
            answer: None,
            events: Vec::new(),
        }
    }

    fn data<T: serde::Serialize + Clone>(data: &T) -> Self {
        Self {
            answer: Some(json::encode(&Reply::data(data.clone()))),
            events: Vec::new(),
        }
    }

    fn done(text: &str) -> Self {
        Self {
            answer: Some(json::encode(&Ack::done(text))),
            events: Vec::new(),
        }
    }

    fn refused(text: &str) -> Self {
        Self {
            answer: Some(json::encode(&Ack::refused_text(text))),
            events: Vec::new(),
        }
    }

    fn tell(mut self, event: Data) -> Self {
        self.events.push(event);
        self
    }
}
