//! What all parts of a host share.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use weft_artifact::Artifacts;
use weft_artifact::claims::Claims;
use weft_engine::Engine;
use weft_lattice::bucket::{Bucket, Update, Updated};
use weft_lattice::event::Publisher;
use weft_lattice::{Headers, Lattice};
use weft_model::application::Config;
use weft_model::id::{ComponentId, ConfigName, EntityId, HostId, ProviderId};
use weft_model::link::Link;
use weft_protocol::control::{
    ComponentEntry, HostSummary, Inventory, ProviderEntry, render_uptime,
};
use weft_protocol::event::Data;
use weft_protocol::json;
use weft_protocol::provider::LinkDefinition;
use weft_protocol::state::{self, ComponentRecord, LatticeKey};
use weft_protocol::subject::{ProviderMessage, ProviderSubjects};
use weft_runtime::field;

use crate::builtin::Builtin;
use crate::error::Refusal;
use crate::host::StopRequest;
use crate::keyvalue::Databases;
use crate::lease::Leases;
use crate::options::{FileLoads, Options, StandIn};
use crate::provider::Processes;
use crate::pulls::Pulls;
use crate::registry::{Backing, Registry, RunningComponent, RunningProvider};
use crate::router::Routing;
use crate::serving::Servings;

/// The version that hosts and inventories tell.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What stands around an inventory in an event or a reply.
const ENVELOPE_RESERVE_BYTES: usize = 4 << 10;

/// What all parts of a host share.
pub(crate) struct Core {
    pub(crate) identity: Identity,
    pub(crate) lattice: Lattice,
    /// The connection for calls and for what provider processes are told.
    pub(crate) rpc: Lattice,
    pub(crate) publisher: Publisher,
    pub(crate) records: Bucket,
    pub(crate) configs: Bucket,
    pub(crate) registry: Arc<Registry>,
    pub(crate) routing: Routing,
    pub(crate) engine: Engine,
    pub(crate) artifacts: Artifacts,
    pub(crate) pulls: Pulls,
    pub(crate) databases: Databases,
    pub(crate) processes: Processes,
    pub(crate) leases: Leases,
    pub(crate) servings: Servings,
    pub(crate) stop: watch::Sender<Option<StopRequest>>,
}

/// What a host is and may.
pub(crate) struct Identity {
    pub(crate) id: HostId,
    pub(crate) friendly_name: String,
    pub(crate) control_url: String,
    pub(crate) rpc_url: String,
    pub(crate) file_loads: FileLoads,
    pub(crate) stand_in: StandIn,
    pub(crate) started: Instant,
}

/// Configs as they were read, and the revision of the newest.
pub(crate) struct ReadConfigs {
    pub(crate) merged: Config,
    pub(crate) revision: u64,
}

// ===== impl Identity =====

impl Identity {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            id: options.id.clone(),
            friendly_name: options.friendly_name.clone(),
            control_url: options.control_url.clone(),
            rpc_url: options.rpc_url.clone(),
            file_loads: options.file_loads,
            stand_in: options.stand_in,
            started: Instant::now(),
        }
    }
}

// ===== impl Core =====

impl Core {
    /// Publishes an event; a failure is logged, as nobody waits for it.
    pub(crate) async fn publish(&self, data: Data) {
        let name = data.name().to_owned();
        if let Err(error) = self.publisher.publish(data).await {
            tracing::warn!(
                event = name,
                { field::ERROR } = weft_model::problem::render_chain(&error),
                "Cannot publish an event"
            );
        }
    }

    /// Whether a component or provider of this id runs here.
    pub(crate) fn runs(&self, id: &EntityId) -> bool {
        self.registry
            .component(&ComponentId::from(id.clone()))
            .is_some()
            || self
                .registry
                .provider(&ProviderId::from(id.clone()))
                .is_some()
    }

    /// Makes sure that there is a record for `id`, and returns its revision (spec §3.1).
    pub(crate) async fn ensure_record(&self, id: &EntityId, url: &str) -> Result<u64, Refusal> {
        let key = LatticeKey::Component(id.clone()).to_string();
        // Another host may make it at the same moment, or remove it between reading and writing.
        let updated = self
            .records
            .retry_update(&key, |entry| {
                Ok::<_, Infallible>(match entry {
                    Some(_) => Update::Keep,
                    None => Update::Put(ComponentRecord::new(url).encode().into()),
                })
            })
            .await
            .map_err(|error| Refusal::State {
                reason: weft_model::problem::render_chain(&error),
            })?;
        Ok(match updated {
            Updated::Written { revision } => revision,
            Updated::Kept { revision } => revision.unwrap_or(0),
        })
    }

    /// Reads `names` from the bucket and merges them left to right.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchConfig`], [`Refusal::SecretConfig`], [`Refusal::Malformed`] or [`Refusal::State`].
    pub(crate) async fn read_configs(&self, names: &[ConfigName]) -> Result<ReadConfigs, Refusal> {
        let mut read = ReadConfigs {
            merged: Config::new(),
            revision: 0,
        };
        for name in names {
            let subject = || name.to_string();
            if state::is_secret(name) {
                return Err(Refusal::SecretConfig { config: subject() });
            }
            let entry = self
                .configs
                .get(name.as_str())
                .await?
                .ok_or_else(|| Refusal::NoSuchConfig { config: subject() })?;
            let config: Config =
                json::decode(&entry.value).map_err(|error| Refusal::Unreadable {
                    what: "config",
                    reason: weft_model::problem::render_chain(&error),
                })?;
            read.merged.extend(config);
            read.revision = read.revision.max(entry.revision);
        }
        Ok(read)
    }

    /// Waits until the router has acted on these revisions; zero stands for none. Being late is logged: what was asked for
    /// is done, only not everywhere yet.
    pub(crate) async fn settle(&self, record: u64, config: u64) {
        if !self.routing.settle_records(record).await || !self.routing.settle_configs(config).await
        {
            tracing::warn!(record, config, "The watch of the lattice's state is late");
        }
    }

    /// Waits until the router has acted on a change of the registry.
    pub(crate) async fn settle_registry(&self, version: u64) {
        if !self.routing.settle_registry(version).await {
            tracing::warn!(version, "The router is late");
        }
    }

    /// Waits until what listens for calls stands at the server: events go another way, and who hears one may call at once.
    pub(crate) async fn settle_calls(&self) {
        if let Err(error) = self.rpc.flush().await {
            tracing::warn!(
                { field::ERROR } = weft_model::problem::render_chain(&error),
                "Calls from elsewhere may come late"
            );
        }
    }

    /// Tells both ends of a link, on the subjects that providers with an SDK before 1.1 and built-in ones of 1.9 hosts
    /// listen on (spec §5.5).
    pub(crate) async fn tell_ends(
        &self,
        link: &Link,
        message: ProviderMessage,
        definition: &LinkDefinition,
    ) {
        let subjects = ProviderSubjects::new(self.lattice.name());
        let body = json::encode(definition);
        for end in [&link.source, &link.target] {
            let subject = subjects.render(end, message);
            let published = self
                .rpc
                .publish(&subject, &Headers::new(), body.clone().into())
                .await;
            if let Err(error) = published {
                tracing::warn!(
                    subject,
                    { field::ERROR } = weft_model::problem::render_chain(&error),
                    "Cannot tell providers of a link"
                );
            }
        }
    }

    /// What this host answers to a ping.
    pub(crate) fn summary(&self) -> HostSummary {
        let uptime = self.identity.started.elapsed();
        HostSummary {
            rpc_host: Some(self.identity.rpc_url.clone()),
            ctl_host: Some(self.identity.control_url.clone()),
            friendly_name: self.identity.friendly_name.clone(),
            id: self.identity.id.to_string(),
            js_domain: self.lattice.jetstream_domain().map(str::to_owned),
            labels: self.registry.labels(),
            lattice: self.lattice.name().to_string(),
            uptime_human: Some(render_uptime(uptime)),
            uptime_seconds: uptime.as_secs(),
            version: Some(VERSION.to_owned()),
        }
    }

    /// What runs here, such that it fits into a message, and whether problems were left out for that.
    pub(crate) fn told_inventory(&self) -> (Inventory, bool) {
        let mut inventory = self.inventory();
        let bytes_max = self.lattice.payload_bytes_max();
        let is_short = shorten(
            &mut inventory,
            bytes_max.saturating_sub(ENVELOPE_RESERVE_BYTES),
        );
        (inventory, is_short)
    }

    /// What runs here.
    pub(crate) fn inventory(&self) -> Inventory {
        let uptime = self.identity.started.elapsed();
        // Read before what follows from it, so that what is told is never older than it says.
        let passed = self.routing.passed();
        let running = self.registry.snapshot();
        Inventory {
            components: running
                .components
                .iter()
                .map(|(id, component)| component.to_entry(id.as_str()))
                .collect(),
            providers: running
                .providers
                .iter()
                .map(|(id, provider)| provider.to_entry(id.as_str()))
                .collect(),
            host_id: self.identity.id.to_string(),
            friendly_name: self.identity.friendly_name.clone(),
            labels: self.registry.labels(),
            version: VERSION.to_owned(),
            uptime_human: render_uptime(uptime),
            uptime_seconds: uptime.as_secs(),
            weft_passed: Some(passed),
        }
    }
}

/// Makes an inventory fit into `bytes_max` by leaving problems out; nothing else can be, as what is not in an inventory is
/// taken for not running. Returns whether it did.
fn shorten(inventory: &mut Inventory, bytes_max: usize) -> bool {
    if json::encode(inventory).len() <= bytes_max {
        return false;
    }
    for component in &mut inventory.components {
        component.weft_problems.clear();
    }
    for provider in &mut inventory.providers {
        provider.weft_problems.clear();
    }
    true
}

// ===== impl RunningComponent, RunningProvider =====

impl RunningComponent {
    pub(crate) fn to_entry(&self, id: &str) -> ComponentEntry {
        ComponentEntry {
            id: id.to_owned(),
            image_ref: self.image.to_string(),
            name: name(self.claims.as_deref()),
            annotations: Some((*self.annotations).clone()),
            revision: revision(self.claims.as_deref()),
            max_instances: self.instances_max,
            limits: weft_protocol::control::render_limits(&self.limits),
            weft_problems: self.problems.iter().map(Into::into).collect(),
        }
    }
}

impl RunningProvider {
    /// What stands in for the backend that the image means, if something does.
    pub(crate) fn substitution(&self) -> Option<&'static str> {
        match &self.backing {
            Backing::Builtin(builtin) => match &**builtin {
                Builtin::KeyValue(buckets) => buckets.kind.substitution(),
                Builtin::HttpServer => None,
            },
            Backing::Process(_) => None,
        }
    }

    pub(crate) fn to_entry(&self, id: &str) -> ProviderEntry {
        let mut entry = self.lasting_entry(id);
        if let Backing::Process(process) = &self.backing {
            let status = process.status();
            status.annotate(entry.annotations.get_or_insert_default());
            // First, as nothing that the router finds matters without a process.
            let problem = status.problem(id);
            entry.weft_problems = problem.iter().map(Into::into).collect();
        }
        entry
            .weft_problems
            .extend(self.problems.iter().map(Into::into));
        entry
    }

    /// The entry without what changes by itself: problems, and facts about the process.
    pub(crate) fn lasting_entry(&self, id: &str) -> ProviderEntry {
        ProviderEntry {
            id: id.to_owned(),
            image_ref: Some(self.image.to_string()),
            name: name(self.claims().map(|claims| &**claims)),
            revision: revision(self.claims().map(|claims| &**claims)),
            annotations: Some((*self.annotations).clone()),
            weft_substitution: self.substitution().map(str::to_owned),
            weft_problems: Vec::new(),
        }
    }

    /// What the publisher of the provider signed.
    pub(crate) fn claims(&self) -> Option<&Arc<Claims>> {
        match &self.backing {
            Backing::Builtin(_) => None,
            Backing::Process(process) => process.claims.as_ref(),
        }
    }
}

/// The name that inventories tell.
fn name(claims: Option<&Claims>) -> Option<String> {
    claims?.name().map(str::to_owned)
}

/// The number that inventories tell.
fn revision(claims: Option<&Claims>) -> i32 {
    claims.and_then(Claims::revision).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use weft_model::problem::Problem;

    use super::*;

    #[test]
    fn problems_make_room_for_what_runs() {
        let refusal = Refusal::Panicked;
        let entry = ComponentEntry {
            id: "web".to_owned(),
            weft_problems: vec![(&Problem::new(&refusal)).into()],
            ..ComponentEntry::default()
        };
        let full = Inventory {
            components: vec![entry; 3],
            ..Inventory::default()
        };
        let bytes = json::encode(&full).len();
        let mut inventory = full.clone();
        assert!(!shorten(&mut inventory, bytes));
        assert_eq!(inventory, full);
        assert!(shorten(&mut inventory, bytes - 1));
        assert!(json::encode(&inventory).len() < bytes);
        assert_eq!(inventory.components.len(), 3);
        assert!(inventory.components[0].weft_problems.is_empty());
    }
}
