//! The manager: starts its parts in order, and stops them in the other.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};
use weft_lattice::application::Answerer;
use weft_lattice::bucket::{Bucket, BucketOptions, WatchOptions};
use weft_lattice::event::Events;
use weft_lattice::{Headers, Lattice, intake};
use weft_model::problem::{Coded, render_chain};
use weft_protocol::{state, wire};
use weft_runtime::{Shutdown, TaskKind, Tasks, field};

use crate::api::{Api, Bounds, Ids};
use crate::clock::Clock;
use crate::controller::{self, Controller, Snapshot};
use crate::error::StartError;
use crate::execute::Executor;
use crate::lease::task::LeaseTask;
use crate::lease::{self, Held};
use crate::metrics::{Counters, Metrics};
use crate::options::Options;
use crate::reconcile::{Reconciler, Watches};
use crate::store::Store;

/// How many outcomes of steps may wait to be read.
const OUTCOMES_MAX: usize = 64;
/// The largest status that is written where the server would take larger ones, in bytes.
const STATUS_BYTES_MAX: usize = 512 << 10;

/// A manager that runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Manager {
    role: watch::Receiver<Role>,
    counters: Counters,
    stops: Stops,
}

/// What a manager does for its lattice.
///
/// | role | goes to | when |
/// |---|---|---|
/// | standby | following | the other kind of manager does not answer any more |
/// | following | acting | it takes the lease |
/// | acting | following | it loses the lease, or gives it back |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Another kind of manager, such as a wadm, answers the application API; this one does nothing but ask now and then
    /// whether it still does.
    Standby,
    /// It answers the application API, and another manager acts.
    Following,
    /// It answers the application API, and makes what runs what is asked for.
    Acting,
}

/// The parts of a manager are asked to end one after the other, and say when they have.
#[derive(Clone, Debug)]
struct Stops {
    /// Asks for the end of the whole.
    all: Shutdown,
    /// The application API is not answered any more.
    api_ended: Shutdown,
    /// No step is under way any more.
    reconciler_ended: Shutdown,
    /// The lease is not held any more.
    lease_ended: Shutdown,
}

/// Says that a part has ended, in whatever way it does: also by a panic, or because it is aborted.
struct Ended(Shutdown);

/// What the parts of a manager are made of.
struct Parts {
    options: Options,
    lattice: Lattice,
    tasks: Tasks,
    stops: Stops,
    counters: Counters,
    role: watch::Sender<Role>,
}

// ===== impl Manager =====

impl Manager {
    /// Starts a manager of `lattice`. When this returns it answers the application API, or is on standby because another
    /// kind of manager does.
    ///
    /// # Errors
    ///
    /// [`StartError`]. Tasks that were spawned end with `tasks`.
    pub async fn start(
        options: Options,
        lattice: Lattice,
        tasks: &Tasks,
    ) -> Result<Self, StartError> {
        options.check()?;
        let (role_sender, role) = watch::channel(Role::Standby);
        let stops = Stops::new(tasks);
        let counters = Counters::new();
        let manager = Self {
            role,
            counters: counters.clone(),
            stops: stops.clone(),
        };
        let parts = Parts {
            options,
            lattice,
            tasks: tasks.clone(),
            stops,
            counters,
            role: role_sender,
        };
        if parts.is_answered_otherwise().await {
            warn!({ field::LATTICE } = %parts.lattice.name(), "Another kind of manager answers the application API, standing by");
            let shutdown = tasks.shutdown();
            tasks.spawn_fallible(TaskKind::Service, "manager.standby", async move {
                parts.stand_by().await?;
                shutdown.requested().await;
                Ok::<(), StartError>(())
            });
        } else {
            parts.serve().await?;
        }
        Ok(manager)
    }

    /// What the manager does, now and whenever it changes.
    pub fn role(&self) -> watch::Receiver<Role> {
        self.role.clone()
    }

    /// How often things happened since the manager started.
    pub fn metrics(&self) -> Metrics {
        self.counters.read()
    }

    /// Stops: takes no more requests and answers those that wait, lets the steps that are under way end, and gives the
    /// lease back. Draining the tasks that the manager was started with does the same.
    pub async fn stop(&self) {
        self.stops.all.request();
        self.stops.lease_ended.requested().await;
    }
}

// ===== impl Stops =====

impl Stops {
    fn new(tasks: &Tasks) -> Self {
        Self {
            all: tasks.shutdown().child(),
            api_ended: Shutdown::default(),
            reconciler_ended: Shutdown::default(),
            lease_ended: Shutdown::default(),
        }
    }

    /// Nothing is there that could end.
    fn request_ended(&self) {
        for ended in [&self.api_ended, &self.reconciler_ended, &self.lease_ended] {
            ended.request();
        }
    }
}

// ===== impl Ended =====

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.request();
    }
}

// ===== impl Parts =====

impl Parts {
    /// Whether a manager of another kind answers the application API.
    async fn is_answered_otherwise(&self) -> bool {
        let applications = self.lattice.applications();
        match applications.answerer(self.options.probe_timeout).await {
            Ok(Some(Answerer::Weft(id))) => {
                debug!(manager = id, "Another manager of Weft answers");
                false
            }
            Ok(Some(_)) => true,
            Ok(None) => false,
            Err(error) => {
                debug!(
                    { field::ERROR } = render_chain(&error),
                    { field::ERROR_CODE } = error.code(),
                    "Cannot ask for other managers"
                );
                false
            }
        }
    }

    /// Asks now and then, and begins when nobody else answers.
    async fn stand_by(self) -> Result<(), StartError> {
        let stop = self.stops.all.clone();
        let mut timer = tokio::time::interval(self.options.period);
        // The first tick is now, when it has just been asked.
        timer.tick().await;
        while stop.or(timer.tick()).await.is_some() {
            if !self.is_answered_otherwise().await {
                info!({ field::LATTICE } = %self.lattice.name(), "The other kind of manager is gone");
                return self.serve().await;
            }
        }
        self.stops.request_ended();
        Ok(())
    }

    /// Starts everything. What has started ends again where something does not start.
    async fn serve(self) -> Result<(), StartError> {
        let started = self.start_parts().await;
        if started.is_err() {
            self.stops.request_ended();
        }
        started
    }

    async fn start_parts(&self) -> Result<(), StartError> {
        let lattice = &self.lattice;
        let open = async |name: String| {
            Bucket::open_or_create(lattice, &name, BucketOptions::default()).await
        };
        let applications = open(state::application_bucket(lattice.name())).await?;
        let managers = open(state::manager_bucket(lattice.name())).await?;
        let records = open(state::lattice_bucket(lattice.name())).await?;
        let configs = open(state::config_bucket(lattice.name())).await?;
        let events = Events::follow(lattice, self.options.events_waiting_max).await?;
        let watches = Watches {
            applications: applications.watch(WatchOptions::default()),
            records: records.watch(WatchOptions::default()),
            configs: configs.watch(WatchOptions::default()),
        };
        let passed = watches.applications.passed();
        let store = Store {
            lattice: lattice.clone(),
            bucket: applications,
            records: records.clone(),
            counters: self.counters.clone(),
        };
        let clock = Clock::start();
        let held = self.start_lease(managers, clock);
        let snapshots = self.start_reconciler(clock, held, watches, records, events, store.clone());
        let api = Api {
            store,
            snapshots,
            passed,
            bounds: Bounds::new(&self.options, lattice.payload_bytes_max()),
            ids: Ids::new(),
            counters: self.counters.clone(),
        };
        self.start_api(api).await
    }

    /// Starts the task that holds the lease or follows it, and the one that tells the role.
    fn start_lease(&self, bucket: Bucket, clock: Clock) -> watch::Receiver<Option<Held>> {
        let (sender, held) = watch::channel(None);
        let task = LeaseTask {
            machine: lease::Machine::new(lease::Settings {
                id: self.options.id.clone(),
                duration: self.options.lease_duration,
                renewal: self.options.lease_renewal,
                seed: ulid::Ulid::generate().to_string(),
            }),
            bucket,
            clock,
            held: sender,
            counters: self.counters.clone(),
        };
        let stop = self.stops.reconciler_ended.clone();
        let ended = Ended(self.stops.lease_ended.clone());
        let shutdown = self.tasks.shutdown();
        self.tasks
            .spawn(TaskKind::Service, "manager.lease", async move {
                task.run(stop).await;
                drop(ended);
                shutdown.requested().await;
            });
        let (role, mut watched) = (self.role.clone(), held.clone());
        role.send_replace(Role::Following);
        self.tasks
            .spawn(TaskKind::Helper, "manager.role", async move {
                while watched.changed().await.is_ok() {
                    let now = match *watched.borrow() {
                        Some(_) => Role::Acting,
                        None => Role::Following,
                    };
                    role.send_if_modified(|role| std::mem::replace(role, now) != now);
                }
            });
        held
    }

    /// Starts the loop that observes, plans and acts.
    fn start_reconciler(
        &self,
        clock: Clock,
        held: watch::Receiver<Option<Held>>,
        watches: Watches,
        records: Bucket,
        events: Events,
        store: Store,
    ) -> watch::Receiver<Arc<Snapshot>> {
        let (snapshots, receiver) = watch::channel(Arc::new(Snapshot::default()));
        let (outcomes, outcome_receiver) = mpsc::channel(OUTCOMES_MAX);
        let status_bytes_max = STATUS_BYTES_MAX.min(self.lattice.payload_bytes_max() / 2);
        let settings = controller::Settings::new(&self.options, status_bytes_max);
        let reconciler = Reconciler {
            controller: Controller::new(&self.options, settings, self.counters.clone()),
            clock,
            lattice: self.lattice.clone(),
            store,
            executor: Executor {
                lattice: self.lattice.clone(),
                records,
                clock,
                held: held.clone(),
                concurrent_max: self.options.commands_concurrent_max,
                stop: Shutdown::default(),
                outcomes,
            },
            outcomes: outcome_receiver,
            watches,
            events,
            held,
            snapshots,
        };
        let stop = self.stops.api_ended.clone();
        let ended = Ended(self.stops.reconciler_ended.clone());
        let shutdown = self.tasks.shutdown();
        self.tasks
            .spawn_fallible(TaskKind::Service, "manager.reconcile", async move {
                let result = reconciler.run(stop).await;
                drop(ended);
                if result.is_ok() {
                    shutdown.requested().await;
                }
                result
            });
        receiver
    }

    /// Starts to answer requests; the subscription stands when this returns.
    async fn start_api(&self, api: Api) -> Result<(), StartError> {
        let id = (wire::header::MANAGER.to_owned(), self.options.id.clone());
        let requests = intake::serve_applications(
            &self.lattice,
            self.options.requests_waiting_max,
            Headers::from([id]),
        )
        .await?;
        info!({ field::LATTICE } = %self.lattice.name(), manager = self.options.id, "Manager started");
        let stop = self.stops.all.clone();
        let ended = Ended(self.stops.api_ended.clone());
        let shutdown = self.tasks.shutdown();
        let concurrent_max = self.options.requests_concurrent_max;
        self.tasks
            .spawn(TaskKind::Service, "manager.api", async move {
                api.serve(requests, concurrent_max, stop).await;
                drop(ended);
                shutdown.requested().await;
            });
        Ok(())
    }
}
