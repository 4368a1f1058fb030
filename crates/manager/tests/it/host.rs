//! A host that is played: it speaks the control interface, does at once what it is told, and writes down what that was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weft_lattice::Lattice;
use weft_lattice::bucket::Bucket;
use weft_lattice::event::Publisher;
use weft_lattice::intake::{Request, Requests, serve_control};
use weft_lattice::protocol::application::ProblemEntry;
use weft_lattice::protocol::control::{
    Ack, ComponentEntry, HostSummary, Inventory, PassedEntry, ProviderEntry, Reply, ScaleComponent,
    StartProvider, StopProvider,
};
use weft_lattice::protocol::event::{
    ComponentScaleFailed, ComponentScaled, Data, HealthCheck, HostStarted, HostStopped,
    ProviderStarted, ProviderStopped,
};
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::{Auctions, Operation};
use weft_model::annotation;
use weft_model::id::HostId;
use weft_model::labels::{Annotations, Labels};
use weft_model::problem::Problem;
use weft_runtime::{TaskGuard, TaskKind, Tasks};

/// How often a host tells what it runs.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(200);

/// A command that some host was given.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// The host and what it was told, as `h1: scale shop-web to 2 of x:1`.
    pub(crate) text: String,
    /// The lease under which it came.
    pub(crate) lease: Option<String>,
}

/// What all hosts of a lattice were told, in order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Command>>>);

/// The buckets that hosts follow and write.
#[derive(Clone)]
pub(crate) struct Buckets {
    pub(crate) records: Bucket,
    pub(crate) configs: Bucket,
}

/// A host. Dropping it is its sudden death.
pub(crate) struct Host {
    state: Arc<Mutex<State>>,
    lattice: Lattice,
    publisher: Publisher,
    _guard: TaskGuard,
}

#[derive(Debug)]
struct State {
    id: HostId,
    labels: Labels,
    components: BTreeMap<String, ComponentEntry>,
    providers: BTreeMap<String, ProviderEntry>,
    /// Images that cannot be had, and why.
    missing: BTreeMap<String, Problem>,
}

/// The side of a host that serves.
struct Server {
    state: Arc<Mutex<State>>,
    publisher: Publisher,
    buckets: Buckets,
    log: Log,
}

// ===== impl Log =====

impl Log {
    /// What was told, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.all().into_iter().map(|command| command.text).collect()
    }

    pub(crate) fn all(&self) -> Vec<Command> {
        self.0.lock().unwrap().clone()
    }

    /// Forgets what was told, and gives it.
    pub(crate) fn take(&self) -> Vec<Command> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn push(&self, command: Command) {
        self.0.lock().unwrap().push(command);
    }
}

// ===== impl Host =====

impl Host {
    pub(crate) async fn start(
        lattice: Lattice,
        tasks: &Tasks,
        buckets: Buckets,
        log: Log,
        id: &str,
        labels: &[(&str, &str)],
    ) -> Self {
        let id: HostId = id.parse().unwrap();
        let auctions = Auctions {
            components: false,
            providers: false,
        };
        let mut requests = serve_control(&lattice, &id, auctions, 256).await.unwrap();
        let publisher = lattice.event_publisher(id.clone());
        let labels = labels
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let state = Arc::new(Mutex::new(State {
            id,
            labels: labels.collect(),
            components: BTreeMap::new(),
            providers: BTreeMap::new(),
            missing: BTreeMap::new(),
        }));
        let server = Server {
            state: Arc::clone(&state),
            publisher: publisher.clone(),
            buckets,
            log,
        };
        publish(&publisher, Data::HostStarted(HostStarted::default())).await;
        let guard = tasks
            .spawn(TaskKind::Helper, "test.host", async move {
                server.run(&mut requests).await;
            })
            .into_guard();
        Self {
            state,
            lattice,
            publisher,
            _guard: guard,
        }
    }

    /// What runs, as `shop-web 2 x:1`, components first.
    pub(crate) fn running(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let components = state
            .components
            .values()
            .map(|one| format!("{} {} {}", one.id, one.max_instances, one.image_ref));
        let providers = state.providers.values().map(|one| {
            let image = one.image_ref.as_deref().unwrap_or_default();
            format!("{} {image}", one.id)
        });
        components.chain(providers).collect()
    }

    /// The annotations of a component.
    pub(crate) fn annotations(&self, id: &str) -> Annotations {
        let state = self.state.lock().unwrap();
        state.components[id].annotations.clone().unwrap_or_default()
    }

    /// Runs a component that nobody asked for.
    pub(crate) fn run_foreign(&self, id: &str) {
        let entry = ComponentEntry {
            id: id.to_owned(),
            image_ref: "foreign:1".to_owned(),
            max_instances: 1,
            ..ComponentEntry::default()
        };
        let mut state = self.state.lock().unwrap();
        state.components.insert(id.to_owned(), entry);
    }

    /// A component ends, and nobody asked for it.
    pub(crate) async fn lose(&self, id: &str) {
        let entry = self.state.lock().unwrap().components.remove(id).unwrap();
        let scaled = ComponentScaled {
            host_id: self.id(),
            component_id: id.to_owned(),
            image_ref: entry.image_ref,
            ..ComponentScaled::default()
        };
        publish(&self.publisher, Data::ComponentScaled(scaled)).await;
    }

    /// From now on a component has this problem, or none.
    pub(crate) fn complain(&self, id: &str, problem: Option<&Problem>) {
        let mut state = self.state.lock().unwrap();
        let entry = state.components.get_mut(id).unwrap();
        entry.weft_problems = problem.map(ProblemEntry::from).into_iter().collect();
    }

    /// Tells how a provider is.
    pub(crate) async fn tell_health(&self, id: &str, is_well: bool) {
        let check = HealthCheck {
            host_id: self.id(),
            provider_id: id.to_owned(),
        };
        let data = if is_well {
            Data::HealthCheckPassed(check)
        } else {
            Data::HealthCheckFailed(check)
        };
        publish(&self.publisher, data).await;
    }

    /// From now on the image cannot be had.
    pub(crate) fn miss(&self, image: &str) {
        let problem = Problem {
            code: "ART001".into(),
            subject: image.to_owned(),
            message: format!("`{image}` is not in its registry"),
            hints: vec!["push it".to_owned()],
        };
        let mut state = self.state.lock().unwrap();
        state.missing.insert(image.to_owned(), problem);
    }

    /// From now on all images can be had.
    pub(crate) fn find_all(&self) {
        self.state.lock().unwrap().missing.clear();
    }

    /// Stops, and says so.
    pub(crate) async fn stop(self) {
        let Self {
            publisher,
            _guard: guard,
            lattice,
            ..
        } = self;
        drop(guard);
        publish(&publisher, Data::HostStopped(HostStopped::default())).await;
        lattice.flush().await.unwrap();
    }

    fn id(&self) -> String {
        self.state.lock().unwrap().id.to_string()
    }
}

// ===== impl State =====

impl State {
    fn summary(&self) -> HostSummary {
        HostSummary {
            id: self.id.to_string(),
            labels: self.labels.clone(),
            ..HostSummary::default()
        }
    }

    fn inventory(&self, passed: PassedEntry) -> Inventory {
        Inventory {
            host_id: self.id.to_string(),
            labels: self.labels.clone(),
            components: self.components.values().cloned().collect(),
            providers: self.providers.values().cloned().collect(),
            weft_passed: Some(passed),
            ..Inventory::default()
        }
    }

    /// Does what is asked, and gives what is to be told about it.
    fn scale(&mut self, scale: ScaleComponent) -> Data {
        let annotations = scale.annotations.clone().unwrap_or_default();
        let image = scale.component_ref.clone();
        if scale.instances_max > 0
            && let Some(problem) = self.missing.get(&image)
        {
            let failed = ComponentScaleFailed {
                host_id: self.id.to_string(),
                component_id: scale.component_id,
                annotations,
                image_ref: image,
                max_instances: scale.instances_max,
                ..ComponentScaleFailed::default()
            };
            return Data::ComponentScaleFailed(failed.with_problem(problem));
        }
        if scale.instances_max == 0 {
            self.components.remove(&scale.component_id);
        } else {
            let entry = ComponentEntry {
                id: scale.component_id.clone(),
                image_ref: image.clone(),
                annotations: Some(annotations.clone()),
                max_instances: scale.instances_max,
                limits: scale.component_limits,
                ..ComponentEntry::default()
            };
            self.components.insert(scale.component_id.clone(), entry);
        }
        Data::ComponentScaled(ComponentScaled {
            annotations,
            host_id: self.id.to_string(),
            image_ref: image,
            max_instances: scale.instances_max,
            component_id: scale.component_id,
            ..ComponentScaled::default()
        })
    }

    fn start(&mut self, start: StartProvider) -> Data {
        let entry = ProviderEntry {
            id: start.provider_id.clone(),
            image_ref: Some(start.provider_ref.clone()),
            annotations: start.annotations.clone(),
            ..ProviderEntry::default()
        };
        self.providers.insert(start.provider_id.clone(), entry);
        Data::ProviderStarted(ProviderStarted {
            host_id: self.id.to_string(),
            image_ref: start.provider_ref,
            provider_id: start.provider_id,
            annotations: start.annotations.unwrap_or_default(),
            ..ProviderStarted::default()
        })
    }

    fn stop(&mut self, stop: StopProvider) -> Data {
        self.providers.remove(&stop.provider_id);
        Data::ProviderStopped(ProviderStopped {
            host_id: self.id.to_string(),
            provider_id: stop.provider_id,
            reason: "stop".to_owned(),
            ..ProviderStopped::default()
        })
    }
}

// ===== impl Server =====

impl Server {
    async fn run(self, requests: &mut Requests<Operation>) {
        let mut heartbeats = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                Some(request) = requests.next() => self.serve(&request).await,
                _ = heartbeats.tick() => {
                    let heartbeat = Data::HostHeartbeat(self.inventory().await);
                    publish(&self.publisher, heartbeat).await;
                }
            }
        }
    }

    async fn serve(&self, request: &Request<Operation>) {
        let body = &request.payload;
        let answer = match &request.operation {
            Operation::HostPing => json::encode(&Reply::data(self.lock().summary())),
            Operation::HostGet(_) => json::encode(&Reply::data(self.inventory().await)),
            Operation::ComponentScale(_) => {
                let scale: ScaleComponent = json::decode(body).unwrap();
                self.note(request, &told(&scale));
                let data = self.lock().scale(scale);
                return self.answer_and_tell(request, data).await;
            }
            Operation::ProviderStart(_) => {
                let start: StartProvider = json::decode(body).unwrap();
                let text = format!("start {} of {}", start.provider_id, start.provider_ref);
                self.note(request, &text);
                let data = self.lock().start(start);
                return self.answer_and_tell(request, data).await;
            }
            Operation::ProviderStop(_) => {
                let stop: StopProvider = json::decode(body).unwrap();
                self.note(request, &format!("stop {}", stop.provider_id));
                let data = self.lock().stop(stop);
                return self.answer_and_tell(request, data).await;
            }
            Operation::ConfigPut(name) => {
                self.note(request, &format!("put config {name}"));
                let configs = &self.buckets.configs;
                configs.put(name.as_str(), body.clone()).await.unwrap();
                json::encode(&Ack::done(""))
            }
            Operation::ConfigDelete(name) => {
                self.note(request, &format!("delete config {name}"));
                let configs = &self.buckets.configs;
                configs.delete(name.as_str(), None).await.unwrap();
                json::encode(&Ack::done(""))
            }
            other => {
                self.note(request, &other.to_string());
                json::encode(&Ack::refused_text("no"))
            }
        };
        let _ = request.reply(answer).await;
    }

    async fn answer_and_tell(&self, request: &Request<Operation>, data: Data) {
        let _ = request.reply(json::encode(&Ack::done(""))).await;
        publish(&self.publisher, data).await;
    }

    /// What it runs. It has come to everything that is in the buckets.
    async fn inventory(&self) -> Inventory {
        let passed = PassedEntry {
            records: self.buckets.records.revision().await.unwrap_or_default(),
            configs: self.buckets.configs.revision().await.unwrap_or_default(),
        };
        self.lock().inventory(passed)
    }

    fn note(&self, request: &Request<Operation>, text: &str) {
        let id = self.lock().id.clone();
        self.log.push(Command {
            text: format!("{id}: {text}"),
            lease: request.lease().unwrap().map(|lease| lease.to_string()),
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn told(scale: &ScaleComponent) -> String {
    let ScaleComponent {
        component_id,
        component_ref,
        instances_max,
        ..
    } = scale;
    let verb = if scale.allow_update {
        "update"
    } else {
        "scale"
    };
    let digest = scale
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(annotation::DIGEST))
        .map(|digest| format!(" @{}", &digest["sha256:".len()..][..2]))
        .unwrap_or_default();
    format!("{verb} {component_id} to {instances_max} of {component_ref}{digest}")
}

async fn publish(publisher: &Publisher, data: Data) {
    // The server of the test may be gone before its hosts are.
    let _ = publisher.publish(data).await;
}
