//! The controller: everything that a manager knows, and what it decides to do about it.
//!
//! [`Controller::step`] takes in what happened and gives what is to be done. It is synchronous and does nothing itself;
//! [`crate::reconcile`] does, and brings back what came of it. It works by level: whatever happens changes what is known
//! and at most *nudges*; a plan is then made from everything that is known. One plan is executed at a time.
//!
//! Followers know all that the acting manager knows, and make no plans.

mod hear;
pub(crate) mod input;
pub(crate) mod job;
mod plan;
mod progress;
mod snapshot;
mod tidy;

pub(crate) use hear::is_behind;
pub(crate) use input::{Effect, Input, Tidying};
pub(crate) use job::{Job, Skip, StepOutcome};
pub(crate) use snapshot::Snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use weft_model::id::{ApplicationName, EntityId};
use weft_protocol::control::Lease;

use crate::catalog::status::StatusRecord;
use crate::catalog::{Catalog, News, Orphans};
use crate::clock::Moment;
use crate::configs::Configs;
use crate::desired::{Desired, Loaded};
use crate::metrics::{Counter, Counters};
use crate::observed::{self, Observed, Sign, StepNumber};
use crate::options::Options;
use crate::pending::Pending;
use crate::records::Records;
use crate::setbacks::Setbacks;

/// The pause before what the store did not answer is asked for again.
const LOAD_PAUSE: Duration = Duration::from_secs(1);

/// What a manager knows.
#[derive(Debug)]
pub(crate) struct Controller {
    settings: Settings,
    counters: Counters,
    /// The number of the present step.
    step: StepNumber,
    catalog: Catalog,
    desired: Desired,
    observed: Observed,
    records: Records,
    configs: Configs,
    pending: Pending,
    setbacks: Setbacks,
    orphans: Orphans,
    /// Since when component records have been of no use.
    idle_since: Orphans,
    /// Records that somebody else was faster to write, with the revision that was expected: until the watch tells of
    /// another, writing them again is of no use.
    stale: BTreeMap<EntityId, Option<u64>>,
    /// The statuses as they were made last.
    statuses: BTreeMap<ApplicationName, StatusRecord>,
    /// Those of them that are not written yet.
    unwritten: BTreeSet<ApplicationName>,
    lease: Option<Lease>,
    is_connected: bool,
    /// Whether hosts are waited for before a plan is made.
    discovery: Option<Discovery>,
    /// The generations of applications, to know when one changes.
    generations: BTreeMap<ApplicationName, u64>,
    /// Whether something happened that a plan may follow from.
    is_nudged: bool,
    /// Whether the present plan left something undone that another one may do.
    is_replan_due: bool,
    is_executing: bool,
    is_writing: bool,
    is_tidying: bool,
    is_stopping: bool,
    /// Whether what [`Snapshot`] tells has changed.
    is_snapshot_stale: bool,
    /// What was made of the last plan, which tells what may be forgotten.
    tidyings: Vec<Tidying>,
    period_at: Moment,
    retry_at: Option<Moment>,
    load_at: Option<Moment>,
    jobs: u64,
}

/// The wait for hosts.
#[derive(Clone, Copy, Debug)]
enum Discovery {
    /// Hosts that are not known yet may still answer, until then.
    Open(Moment),
    /// Those that have answered are asked what they run.
    Closed,
}

/// Settings of the controller.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    period: Duration,
    discovery_window: Duration,
    orphan_age: Duration,
    /// The largest status that is written, in bytes of JSON.
    status_bytes_max: usize,
}

// ===== impl Settings =====

impl Settings {
    pub(crate) fn new(options: &Options, status_bytes_max: usize) -> Self {
        Self {
            period: options.period,
            discovery_window: options.discovery_window,
            orphan_age: options.orphan_age,
            status_bytes_max,
        }
    }
}

// ===== impl Controller =====

impl Controller {
    pub(crate) fn new(options: &Options, settings: Settings, counters: Counters) -> Self {
        Self {
            settings,
            counters,
            step: 0,
            catalog: Catalog::default(),
            desired: Desired::default(),
            observed: Observed::new(observed::Settings {
                heartbeat_interval: options.heartbeat_interval,
                asks_max: options.inventories_concurrent_max,
            }),
            records: Records::default(),
            configs: Configs::default(),
            pending: Pending::new(options.command_timeout),
            setbacks: Setbacks::new(options.retry_delay_min, options.retry_delay_max),
            orphans: Orphans::default(),
            idle_since: Orphans::default(),
            stale: BTreeMap::new(),
            statuses: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            lease: None,
            is_connected: true,
            discovery: None,
            generations: BTreeMap::new(),
            is_nudged: false,
            is_replan_due: false,
            is_executing: false,
            is_writing: false,
            is_tidying: false,
            is_stopping: false,
            is_snapshot_stale: true,
            tidyings: Vec::new(),
            period_at: Moment::ZERO,
            retry_at: None,
            load_at: None,
            jobs: 0,
        }
    }

    /// Takes in what happened, and says what to do about it.
    pub(crate) fn step(&mut self, now: Moment, input: Input) -> Vec<Effect> {
        self.step += 1;
        let mut effects = Vec::new();
        self.take(now, input, &mut effects);
        self.pass_time(now, &mut effects);
        for (name, revision) in self.desired.take_missing(&self.catalog) {
            effects.push(Effect::Load(name, revision));
        }
        for host in self.observed.take_asks(now, self.step) {
            self.counters.add(Counter::InventoriesAsked);
            effects.push(Effect::Ask(host));
        }
        self.make_plan(now, &mut effects);
        self.write_statuses(&mut effects);
        self.tidy(&mut effects);
        self.retry_at = self.setbacks.deadline(now);
        effects
    }

    /// When the controller wants a [`Input::Tick`] although nothing happens.
    pub(crate) fn deadline(&self) -> Moment {
        let discovery_until = match self.discovery {
            Some(Discovery::Open(until)) => Some(until),
            Some(Discovery::Closed) | None => None,
        };
        [
            discovery_until,
            self.retry_at,
            self.load_at,
            self.observed.deadline(),
            self.pending.deadline(),
        ]
        .into_iter()
        .flatten()
        .fold(self.period_at, Moment::min)
    }

    /// Whether a plan is being executed.
    pub(crate) fn is_executing(&self) -> bool {
        self.is_executing
    }

    fn take(&mut self, now: Moment, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Tick => {}
            Input::Connection(is_connected) => self.take_connection(now, is_connected, effects),
            Input::Application(change) => match self.catalog.apply(change) {
                News::Application(name) => self.take_application_news(name),
                News::Status => self.is_snapshot_stale = true,
                News::Nothing => {}
            },
            Input::Record(change) => self.take_record(change),
            Input::Config(change) => self.take_config(change),
            Input::Event(event) => self.take_event(now, *event),
            Input::EventsMissed => {
                self.counters.add(Counter::EventsMissed);
                self.observed.touch_all();
                effects.push(Effect::Ping);
            }
            Input::Greeting(host) => self.hear(now, Sign::Greeting(host)),
            Input::Answered(host, answer) => self.hear(now, Sign::Answered(host, answer)),
            Input::Loaded(revision, loaded) => self.take_loaded(now, &revision, loaded),
            Input::Lease(lease) => self.take_lease(now, lease, effects),
            Input::StepEnded(step, outcome) => self.take_outcome(now, &step, outcome),
            Input::PlanEnded => self.end_plan(),
            Input::StatusesWritten { failed } => {
                self.is_writing = false;
                // They are made anew with the next plan: the period is the retry.
                self.statuses.retain(|name, _| !failed.contains(name));
            }
            Input::Tidied => self.is_tidying = false,
            Input::Stop => self.is_stopping = true,
        }
    }

    /// Does what is due by time alone.
    fn pass_time(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let expired = self.pending.expire(now);
        self.counters
            .add_many(Counter::CommandsExpired, expired as u64);
        let news = self.observed.expire(now);
        self.take_news(now, news);
        self.is_nudged |= expired > 0 || self.retry_at.is_some_and(|at| at <= now);
        if let Some(Discovery::Open(until)) = self.discovery
            && until <= now
        {
            self.discovery = Some(Discovery::Closed);
            self.is_nudged = true;
        }
        if self.load_at.is_some_and(|at| at <= now) {
            self.load_at = None;
            self.desired.forget_failed();
        }
        if self.period_at <= now {
            self.period_at = now + self.settings.period;
            self.is_nudged = true;
            self.stale.clear();
            self.desired.forget_failed();
            self.sweep(now);
            effects.push(Effect::Ping);
        }
    }

    fn take_connection(&mut self, now: Moment, is_connected: bool, effects: &mut Vec<Effect>) {
        self.observed.set_connected(now, is_connected);
        if is_connected && !self.is_connected {
            // Nothing is known of what happened meanwhile.
            self.discover(now, effects);
        }
        self.is_connected = is_connected;
    }

    fn take_lease(&mut self, now: Moment, lease: Option<Lease>, effects: &mut Vec<Effect>) {
        if lease == self.lease {
            return;
        }
        self.lease = lease;
        if self.lease.is_some() {
            // Whoever acted before may have done more than is known.
            self.pending.clear();
            self.statuses.clear();
            self.unwritten.clear();
            self.discover(now, effects);
        }
    }

    /// Looks for hosts before the next plan is made.
    fn discover(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.discovery = Some(Discovery::Open(now + self.settings.discovery_window));
        self.observed.touch_all();
        self.is_nudged = true;
        effects.push(Effect::Ping);
    }

    fn take_application_news(&mut self, name: Option<ApplicationName>) {
        self.is_snapshot_stale = true;
        self.is_nudged = true;
        let Some(name) = name else {
            return;
        };
        let stored = self.catalog.application(&name);
        let generation = stored.map(|stored| stored.record.generation);
        let before = match generation {
            Some(generation) => self.generations.insert(name.clone(), generation),
            None => self.generations.remove(&name),
        };
        if before != generation {
            // What is asked for now, or anew, is tried at once.
            self.setbacks.clear_application(&name);
        }
    }

    fn take_loaded(
        &mut self,
        now: Moment,
        revision: &crate::catalog::record::RevisionId,
        loaded: Loaded,
    ) {
        if matches!(loaded, Loaded::Unavailable) {
            self.load_at = Some(now + LOAD_PAUSE);
        }
        self.desired.take_loaded(revision, loaded);
        self.take_application_news(None);
    }
}

#[cfg(test)]
mod tests;
