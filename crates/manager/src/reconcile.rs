//! The loop that connects the controller to the lattice: it brings it what happens, and does what it decides.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout, timeout_at};
use tracing::{debug, trace, warn};
use weft_lattice::bucket::{Change, Watch, WatchError};
use weft_lattice::control::ControlError;
use weft_lattice::event::{Events, Item};
use weft_lattice::{Connection, ConnectionState, Lattice, RequestError};
use weft_model::id::HostId;
use weft_model::problem::{Coded, render_chain};
use weft_protocol::control::Lease;
use weft_runtime::{Shutdown, field};

use crate::clock::Clock;
use crate::controller::{Controller, Effect, Input, Snapshot};
use crate::execute::Executor;
use crate::lease::Held;
use crate::observed::Answer;
use crate::store::Store;

/// How long answers to a ping are read.
const PING_WINDOW: Duration = Duration::from_secs(2);
/// How long the end of a running plan is waited for when the manager stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The loop and all that it reads.
pub(crate) struct Reconciler {
    pub(crate) controller: Controller,
    pub(crate) clock: Clock,
    pub(crate) lattice: Lattice,
    pub(crate) store: Store,
    pub(crate) executor: Executor,
    /// The other end of the executor's outcomes.
    pub(crate) outcomes: mpsc::Receiver<Input>,
    pub(crate) watches: Watches,
    pub(crate) events: Events,
    pub(crate) held: watch::Receiver<Option<Held>>,
    pub(crate) snapshots: watch::Sender<Arc<Snapshot>>,
}

/// The watches of the buckets.
pub(crate) struct Watches {
    pub(crate) applications: Watch,
    pub(crate) records: Watch,
    pub(crate) configs: Watch,
}

/// Why the loop ended although nobody asked for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    /// A watch came to its end.
    #[error("the state of the lattice cannot be followed any more")]
    Watch(#[from] WatchError),
    /// The connection was closed.
    #[error("the connection to the lattice was closed")]
    Closed,
}

/// What is under way.
type Jobs = FuturesUnordered<BoxFuture<'static, Option<Input>>>;

// ===== impl Reconciler =====

impl Reconciler {
    /// Runs until `stop`, and then until the steps that are under way have ended.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`] when the lattice cannot be followed any more.
    pub(crate) async fn run(mut self, stop: Shutdown) -> Result<(), ReconcileError> {
        let mut jobs = Jobs::new();
        let (greetings, mut greeted) = mpsc::channel(256);
        let mut connection = self.lattice.connection();
        let mut input = Input::Tick;
        loop {
            trace!(?input, "Input");
            for effect in self.controller.step(self.clock.now(), input) {
                self.perform(effect, &jobs, &greetings);
            }
            if let Some(snapshot) = self.controller.take_snapshot() {
                self.snapshots.send_replace(Arc::new(snapshot));
            }
            let deadline = self.clock.instant(self.controller.deadline());
            input = tokio::select! {
                () = stop.requested() => break,
                Ok(()) = self.held.changed() => Input::Lease(lease(&self.held)),
                Ok(()) = connection.changed() => connected(&connection)?,
                Some(input) = self.outcomes.recv() => input,
                Some(done) = jobs.next(), if !jobs.is_empty() => match done {
                    Some(input) => input,
                    None => Input::Tick,
                },
                Some(host) = greeted.recv() => Input::Greeting(host),
                change = self.watches.applications.next() => changed(change, Input::Application)?,
                change = self.watches.records.next() => changed(change, Input::Record)?,
                change = self.watches.configs.next() => changed(change, Input::Config)?,
                item = self.events.next() => event(item)?,
                () = sleep_until(deadline) => Input::Tick,
            };
        }
        self.drain(jobs).await;
        Ok(())
    }

    fn perform(&self, effect: Effect, jobs: &Jobs, greetings: &mpsc::Sender<HostId>) {
        trace!(?effect, "Effect");
        let store = self.store.clone();
        let lattice = self.lattice.clone();
        jobs.push(match effect {
            Effect::Ask(host) => ask(lattice, host).map(Some).boxed(),
            Effect::Ping => ping(lattice, greetings.clone()).map(|()| None).boxed(),
            Effect::Load(name, revision) => {
                let recent = self.controller.recent(&name, &revision);
                async move { Some(store.load(name, revision, recent).await) }.boxed()
            }
            Effect::Execute(job) => {
                let executor = self.executor.clone();
                executor.execute(*job).map(|()| None).boxed()
            }
            Effect::WriteStatuses(statuses) => {
                async move { Some(store.write_statuses(statuses).await) }.boxed()
            }
            Effect::Tidy(tidyings) => async move { Some(store.tidy(tidyings).await) }.boxed(),
        });
    }

    /// Waits until the steps that are under way have ended; no further ones are begun.
    async fn drain(mut self, mut jobs: Jobs) {
        self.executor.stop.request();
        self.controller.step(self.clock.now(), Input::Stop);
        let ended = async {
            while self.controller.is_executing() {
                let input = tokio::select! {
                    Some(input) = self.outcomes.recv() => input,
                    Some(done) = jobs.next() => match done {
                        Some(input) => input,
                        None => continue,
                    },
                    else => return,
                };
                // What follows from it is left to whoever acts next.
                self.controller.step(self.clock.now(), input);
            }
        };
        if timeout(DRAIN_TIMEOUT, ended).await.is_err() {
            warn!("Steps of a plan are still under way");
        }
    }
}

/// The lease, while it is held.
fn lease(held: &watch::Receiver<Option<Held>>) -> Option<Lease> {
    held.borrow().as_ref().map(|held| held.lease.clone())
}

fn connected(connection: &watch::Receiver<Connection>) -> Result<Input, ReconcileError> {
    match connection.borrow().state {
        ConnectionState::Connected => Ok(Input::Connection(true)),
        ConnectionState::Disconnected => Ok(Input::Connection(false)),
        _ => Err(ReconcileError::Closed),
    }
}

fn changed(
    change: Result<Change, WatchError>,
    input: fn(Change) -> Input,
) -> Result<Input, ReconcileError> {
    match change {
        Ok(change) => Ok(input(change)),
        Err(WatchError::Entry(error)) => {
            warn!(
                { field::ERROR } = render_chain(&error),
                { field::ERROR_CODE } = error.code(),
                "Left out an entry of the lattice's state"
            );
            Ok(Input::Tick)
        }
        Err(error) => Err(error.into()),
    }
}

fn event(item: Option<Item>) -> Result<Input, ReconcileError> {
    match item {
        Some(Item::Event(event)) => Ok(Input::Event(event)),
        Some(Item::Lagged { .. } | Item::Interrupted) => Ok(Input::EventsMissed),
        // What one host writes wrongly is nobody else's trouble.
        Some(_) => Ok(Input::Tick),
        None => Err(ReconcileError::Closed),
    }
}

/// Asks a host for its inventory.
async fn ask(lattice: Lattice, host: HostId) -> Input {
    let answer = match lattice.control().inventory(&host).await {
        Ok(inventory) if inventory.value.host == host => {
            Answer::Inventory(Arc::new(inventory.value))
        }
        Ok(_) => Answer::None,
        Err(ControlError::Request {
            source: RequestError::NoResponders { .. },
            ..
        }) => Answer::Gone,
        Err(error) => {
            debug!({ field::HOST_ID } = %host, { field::ERROR } = render_chain(&error), { field::ERROR_CODE } = error.code(), "Host does not tell what it runs");
            Answer::None
        }
    };
    Input::Answered(host, answer)
}

/// Asks all hosts who they are.
async fn ping(lattice: Lattice, greetings: mpsc::Sender<HostId>) {
    let mut pings = match lattice.control().pings().await {
        Ok(pings) => pings,
        Err(error) => {
            debug!(
                { field::ERROR } = render_chain(&error),
                { field::ERROR_CODE } = error.code(),
                "Hosts cannot be looked for"
            );
            return;
        }
    };
    let deadline = tokio::time::Instant::now() + PING_WINDOW;
    while let Ok(Some(summary)) = timeout_at(deadline, pings.next()).await {
        if let Ok(host) = summary.host()
            && greetings.send(host).await.is_err()
        {
            return;
        }
    }
}
