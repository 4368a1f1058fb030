//! The host: starts its parts in order, and stops them in the other.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{oneshot, watch};
use tokio::time::{self, Instant};
use weft_artifact::Artifacts;
use weft_capabilities::http_server::HttpServer;
use weft_capabilities::remote::Wire;
use weft_engine::Engine;
use weft_lattice::Lattice;
use weft_lattice::bucket::{Bucket, BucketOptions};
use weft_lattice::intake::{self, Requests};
use weft_model::labels::Labels;
use weft_protocol::control::Inventory;
use weft_protocol::event::{Data, HostStarted, HostStopped};
use weft_protocol::subject::Operation;
use weft_protocol::{json, state, wire};
use weft_runtime::{Shutdown, TaskKind, Tasks, field};
use weft_wrpc::Endpoint;

use crate::core::{Core, Identity, VERSION};
use crate::error::StartError;
use crate::intake::Intake;
use crate::keyvalue::Databases;
use crate::lease::Leases;
use crate::mailbox::Mailboxes;
use crate::options::{Connections, Options};
use crate::provider::Processes;
use crate::pulls::Pulls;
use crate::registry::{Backing, Registry};
use crate::router::Reach;
use crate::serving::Servings;
use crate::{credentials, heartbeat, router};

/// How long the state of the lattice may take to be listed at the start.
const LISTING_TIMEOUT: Duration = Duration::from_secs(30);
/// What inventories take beside labels and entries, with the event around them.
const INVENTORY_RESERVE_BYTES: usize = 8 << 10;
/// The directory of the embedded key-value store in the data directory.
const KEYVALUE_DIR: &str = "keyvalue";
/// The directory of the programs of providers in the data directory.
const PROVIDERS_DIR: &str = "providers";
/// How long provider processes may take to end when the host stops, where what comes before has left less.
const PROVIDERS_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// How long stopping may take, whatever somebody asks for.
const STOP_TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// A host that runs. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    core: Arc<Core>,
    http: HttpServer,
    mailboxes: Mailboxes,
    /// Asks the intake and the heartbeat to end.
    parts: Shutdown,
    /// Nothing is put into mailboxes any more.
    intake_ended: Shutdown,
    drain_timeout: Duration,
}

/// Says that a part has ended, in whatever way it does: also by a panic, or because it is aborted.
struct Ended(Shutdown);

/// Somebody asked this host to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StopRequest {
    /// How long cleaning up may take, where the request says so.
    pub timeout: Option<Duration>,
}

/// Says that the host started, to the lattice and to the log.
async fn tell_started(core: &Core) {
    core.publish(Data::HostStarted(HostStarted {
        friendly_name: core.identity.friendly_name.clone(),
        labels: core.registry.labels(),
        uptime_seconds: 0,
        version: VERSION.to_owned(),
    }))
    .await;
    tracing::info!({ field::HOST_ID } = %core.identity.id, { field::LATTICE } = %core.lattice.name(), "Host started");
}

// ===== impl Host =====

impl Host {
    /// Starts a host on `connections`, both of one lattice. When this returns, the host serves the control interface and has said that it started.
    ///
    /// # Errors
    ///
    /// [`StartError`]. Tasks that were spawned end with `tasks`.
    pub async fn start(
        options: Options,
        connections: Connections,
        tasks: &Tasks,
    ) -> Result<Self, StartError> {
        let (lattice, rpc) = (connections.control, connections.rpc);
        let identity = Identity::new(&options);
        let engine = Engine::start(options.engine, weft_capabilities::families())?;
        let http = HttpServer::start(options.http).map_err(StartError::Http)?;
        let records = open_bucket(&lattice, state::lattice_bucket(lattice.name())).await?;
        let configs = open_bucket(&lattice, state::config_bucket(lattice.name())).await?;
        let registry = Arc::new(open_registry(
            options.labels,
            options.components_max,
            &lattice,
        ));
        let artifacts = Artifacts::open(options.artifacts).map_err(StartError::Artifacts)?;
        if options.asks_config_service {
            artifacts.put_credentials(credentials::ask_service(&lattice, registry.labels()).await);
        }
        let wire = open_wire(&rpc, tasks).await?;
        let reach = Reach::new(&wire, options.spill);
        let (routing, listed) = router::start(
            Arc::clone(&registry),
            reach,
            http.clone(),
            &records,
            &configs,
            tasks,
        );
        wait_for_listing(listed).await?;
        let providers_dir = options.data_dir.join(PROVIDERS_DIR);
        let processes = Processes::new(options.providers, providers_dir, tasks.clone());
        let core = Arc::new(Core {
            processes: processes.map_err(StartError::Spawner)?,
            publisher: lattice.event_publisher(identity.id.clone()),
            databases: Databases::new(options.data_dir.join(KEYVALUE_DIR), tasks.clone()),
            artifacts,
            pulls: Pulls::default(),
            leases: Leases::new(lattice.clone()),
            servings: Servings::new(wire),
            stop: watch::Sender::new(None),
            identity,
            lattice,
            rpc,
            records,
            configs,
            registry,
            routing,
            engine,
        });
        let requests = intake::serve_control(
            &core.lattice,
            &core.identity.id,
            options.auctions,
            options.intake_capacity,
        )
        .await?;
        let mailboxes = Mailboxes::new(options.mailbox_capacity, tasks.clone());
        let parts = tasks.shutdown().child();
        let intake = Intake::new(Arc::clone(&core), mailboxes.clone());
        let intake_ended = spawn_intake(intake, requests, &parts, tasks);
        tell_started(&core).await;
        spawn_heartbeat(&core, options.heartbeat_interval, &parts, tasks);
        spawn_pulls(&core, &parts, tasks);
        Ok(Self {
            core,
            http,
            mailboxes,
            parts,
            intake_ended,
            drain_timeout: options.drain_timeout,
        })
    }

    /// What runs here.
    pub fn inventory(&self) -> Inventory {
        self.core.inventory()
    }

    /// The HTTP server.
    pub fn http(&self) -> &HttpServer {
        &self.http
    }

    /// Waits until somebody asks this host to stop over the control interface. Cancel safe.
    pub async fn stop_requested(&self) -> StopRequest {
        let mut stop = self.core.stop.subscribe();
        match stop.wait_for(Option::is_some).await {
            Ok(request) => request.unwrap_or(StopRequest { timeout: None }),
            // The sender lives in `self`.
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops: takes no more requests, lets open ones end, those of the control interface and of HTTP, then provider
    /// processes, and says that it stopped. Whoever asked for it may have said how long that may take. Returns how many connections were broken off because they did not end in time.
    pub async fn stop(&self) -> usize {
        let asked = *self.core.stop.borrow();
        let drain_timeout = asked
            .and_then(|request| request.timeout)
            .unwrap_or(self.drain_timeout)
            .min(STOP_TIMEOUT_MAX);
        let deadline = Instant::now() + drain_timeout;
        self.parts.request();
        let (cut, (), ()) = tokio::join!(
            self.http.drain(drain_timeout),
            self.core.servings.remove_all(drain_timeout),
            self.finish_requests(drain_timeout)
        );
        // After the components that call them.
        let left = deadline.saturating_duration_since(Instant::now());
        self.stop_processes(left.max(PROVIDERS_TIMEOUT_MIN)).await;
        self.core
            .publish(Data::HostStopped(HostStopped {
                labels: self.core.registry.labels(),
            }))
            .await;
        if let Err(error) = self.core.lattice.flush().await {
            tracing::warn!(
                { field::ERROR } = weft_model::problem::render_chain(&error),
                "Cannot say that the host stopped"
            );
        }
        tracing::info!({ field::HOST_ID } = %self.core.identity.id, cut, "Host stopped");
        cut
    }

    /// Ends all provider processes; what they have under way may take `drain_max`.
    async fn stop_processes(&self, drain_max: Duration) {
        let providers = self.core.registry.snapshot().providers;
        let stops = providers.values().filter_map(|provider| {
            let Backing::Process(process) = &provider.backing else {
                return None;
            };
            Some(process.stop(drain_max))
        });
        join_all(stops).await;
    }

    /// Waits for what the control interface has taken in, as long as open requests may take.
    async fn finish_requests(&self, drain_timeout: Duration) {
        let finish = async {
            self.intake_ended.requested().await;
            self.mailboxes.idle().await;
        };
        if time::timeout(drain_timeout, finish).await.is_err() {
            let busy: Vec<_> = self
                .mailboxes
                .busy()
                .iter()
                .map(ToString::to_string)
                .collect();
            tracing::warn!(
                mailboxes = ?busy,
                "Requests that were taken in were not done when the host stopped"
            );
        }
    }
}

// ===== impl Ended =====

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// Starts to take requests in, until `stop`. What is returned is requested once that has ended.
fn spawn_intake(
    intake: Intake,
    requests: Requests<Operation>,
    stop: &Shutdown,
    tasks: &Tasks,
) -> Shutdown {
    let intake_ended = Shutdown::default();
    let ended = Ended(intake_ended.clone());
    let (stop, all) = (stop.clone(), tasks.shutdown());
    tasks.spawn(TaskKind::Service, "host.intake", async move {
        intake.run(requests, stop.clone()).await;
        drop(ended);
        stay(&stop, &all).await;
    });
    intake_ended
}

fn spawn_heartbeat(core: &Arc<Core>, interval: Duration, stop: &Shutdown, tasks: &Tasks) {
    let core = Arc::clone(core);
    let (stop, all) = (stop.clone(), tasks.shutdown());
    tasks.spawn(TaskKind::Worker, "host.heartbeat", async move {
        heartbeat::run(&core, interval, &stop).await;
        stay(&stop, &all).await;
    });
}

fn spawn_pulls(core: &Arc<Core>, stop: &Shutdown, tasks: &Tasks) {
    let core = Arc::clone(core);
    let (stop, all) = (stop.clone(), tasks.shutdown());
    tasks.spawn(TaskKind::Worker, "host.pulls", async move {
        core.pulls.tell(&core, &stop).await;
        stay(&stop, &all).await;
    });
}

/// Keeps a task whose role has ended until everything is asked to end: a return before that is a failure, which it is
/// where the role was not asked to end.
async fn stay(role: &Shutdown, all: &Shutdown) {
    if role.is_requested() {
        all.requested().await;
    }
}

async fn open_bucket(lattice: &Lattice, name: String) -> Result<Bucket, StartError> {
    Ok(Bucket::open_or_create(lattice, &name, BucketOptions::default()).await?)
}

/// A registry of nothing, bounded by what the lattice carries in one message.
fn open_registry(labels: Labels, components_max: usize, lattice: &Lattice) -> Registry {
    let told_bytes_max = lattice
        .payload_bytes_max()
        .min(json::PAYLOAD_BYTES_MAX)
        .saturating_sub(INVENTORY_RESERVE_BYTES);
    Registry::new(all_labels(labels), told_bytes_max, components_max)
}

/// Listens for answers to calls of what runs elsewhere.
async fn open_wire(lattice: &Lattice, tasks: &Tasks) -> Result<Wire, StartError> {
    let options = weft_wrpc::Options::default();
    let endpoint = Endpoint::new(lattice.nats().clone(), tasks, options).await?;
    Ok(Wire::new(endpoint, lattice.name().clone(), tasks.clone()))
}

async fn wait_for_listing(listed: oneshot::Receiver<()>) -> Result<(), StartError> {
    match time::timeout(LISTING_TIMEOUT, listed).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(StartError::Listing {
            seconds: LISTING_TIMEOUT.as_secs(),
        }),
    }
}

/// `labels` and those that every host has, which nobody can set.
fn all_labels(mut labels: Labels) -> Labels {
    for (key, value) in [
        (wire::label::ARCH, std::env::consts::ARCH),
        (wire::label::OS, std::env::consts::OS),
        (wire::label::OS_FAMILY, std::env::consts::FAMILY),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    labels
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use weft_runtime::End;

    use super::*;

    #[tokio::test]
    async fn a_role_that_was_asked_to_end_is_no_failure() {
        let tasks = Tasks::new();
        let (role, all) = (tasks.shutdown().child(), tasks.shutdown());
        let stop = role.clone();
        let (sender, ended) = oneshot::channel();
        tasks.spawn(TaskKind::Service, "role", async move {
            stop.requested().await;
            sender.send(()).unwrap();
            stay(&stop, &all).await;
        });
        role.request();
        ended.await.unwrap();
        tokio::task::yield_now().await;
        assert!(tasks.end().now_or_never().is_none());
        assert_eq!(tasks.drain(Duration::from_secs(10)).await.aborted, []);
        assert_eq!(tasks.end().await, End::Requested);
    }

    #[tokio::test]
    async fn a_role_that_ends_by_itself_is_a_failure() {
        let tasks = Tasks::new();
        let (role, all) = (tasks.shutdown().child(), tasks.shutdown());
        tasks.spawn(TaskKind::Service, "role", async move {
            stay(&role, &all).await;
        });
        assert!(matches!(tasks.end().await, End::Failed(_)));
    }
}
