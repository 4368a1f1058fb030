//! The owner of all streams: it feeds the state machines and carries out what they say.
//!
//! One round takes all mail, steps the machines, lets consumers deliver a portion each, and then commits what
//! changed. Answers about a stream wait for the commit of what they tell.

mod answers;
mod consumers;
#[cfg(any(test, fuzzing))]
pub(crate) mod driver;
mod gate;
mod interest;
mod lifecycle;
mod restore;
mod retention;
mod slot;
mod sourcing;
mod streams;
mod timers;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::clock::{Clock, Nanos, Now, Tick, TimeShift};
use super::names::{ACK_FILTER, API_FILTER, FLOW_CONTROL_FILTER};
use super::{Courier, Due, Mail, Mailbox, consumer};
use crate::entropy::Entropy;
use crate::router::{Ingest, Internal, Router, Subscription, Target};
use crate::stats::Counters;
use crate::storage::{Disk, Portion, StreamId, Wanted, cost};

use gate::Gate;
pub(super) use slot::{ConsumerKey, ConsumerSlot, StreamSlot};
use streams::Arrival;
use timers::{Owner, Timers};

/// States of consumers are stored at most this often, and this much later than they change.
const SAVE_INTERVAL: Nanos = 100_000_000;

/// Messages after which streams that follow others get their turn, so that a burst does not push out of a small
/// stream what has yet to be taken.
const TURN: usize = 64;

/// Longest wait of all, so that a wall clock that was set forward is noticed.
const WAIT_MAX: Nanos = 30_000_000_000;

/// Bytes that may wait for one receiver before its consumer pauses.
const BACKLOG_MAX: usize = 8 * 1024 * 1024;

/// How long such a consumer pauses.
const BACKLOG_PAUSE: Nanos = 5_000_000;

/// Bounds and rules of all streams together.
#[derive(Debug, Clone)]
pub(crate) struct EngineBounds {
    pub(crate) streams_max: usize,
    pub(crate) consumers_max: usize,
    /// Bytes of all streams in memory.
    pub(crate) memory_bytes_max: u64,
    /// How often data of streams without a rule is forced to the disk.
    pub(crate) sync_interval: Duration,
    /// Names of streams whose every message is forced to the disk before it is acknowledged; a final `*`
    /// stands for any rest.
    pub(crate) synced_streams: Vec<String>,
    pub(crate) time_shift: TimeShift,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("cannot start a thread")]
pub(crate) struct EngineError(#[source] pub(crate) std::io::Error);

/// All streams and what they need.
pub(crate) struct Engine {
    pub(super) bounds: EngineBounds,
    pub(super) clock: Clock,
    pub(super) router: Arc<Router>,
    pub(super) counters: Arc<Counters>,
    gate: Gate,
    pub(super) streams: BTreeMap<StreamId, StreamSlot>,
    pub(super) stream_names: BTreeMap<Arc<str>, StreamId>,
    next_stream: StreamId,
    next_consumer: u64,
    timers: Timers,
    /// Consumers that may have something to deliver.
    ready: VecDeque<ConsumerKey>,
    /// Consumers that pause until their receiver has caught up.
    paused: BTreeSet<(Tick, ConsumerKey)>,
    interest: HashMap<Bytes, Vec<ConsumerKey>>,
    /// Which streams take messages from the streams with these names.
    followers: BTreeMap<String, BTreeSet<StreamId>>,
    /// Streams that may have something to take.
    sourcing: VecDeque<StreamId>,
    /// Consumers whose stored state is out of date.
    unsaved: BTreeSet<ConsumerKey>,
    /// Those of them whose receivers are told, behind this batch, that their acknowledgements are noted.
    confirmed: BTreeSet<ConsumerKey>,
    save_due: Option<Tick>,
    sync_due: Option<Tick>,
    pub(super) entropy: Entropy,
    pub(super) api_total: u64,
    pub(super) api_errors: u64,
}

// ---------------------------------------------------------------------------------------------------------

impl Engine {
    /// An engine with everything that `disk` holds. Blocks while it reads. Nothing is left behind if it fails.
    pub(crate) fn new(
        bounds: EngineBounds,
        disk: Disk,
        router: Arc<Router>,
        mailbox: Arc<Mailbox>,
    ) -> Result<Self, EngineError> {
        let clock = Clock::new(bounds.time_shift.clone());
        Self::with_clock(bounds, clock, disk, router, mailbox)
    }

    fn with_clock(
        bounds: EngineBounds,
        clock: Clock,
        disk: Disk,
        router: Arc<Router>,
        mailbox: Arc<Mailbox>,
    ) -> Result<Self, EngineError> {
        let counters = Arc::clone(&router.counters);
        let courier = Courier::new(Arc::clone(&router), Arc::clone(&mailbox));
        let gate = Gate::new(disk.log, disk.lock, courier, &counters).map_err(EngineError)?;
        let mut engine = Self {
            bounds,
            clock,
            router,
            counters,
            gate,
            streams: BTreeMap::new(),
            stream_names: BTreeMap::new(),
            next_stream: 1,
            next_consumer: 1,
            timers: Timers::default(),
            ready: VecDeque::new(),
            paused: BTreeSet::new(),
            interest: HashMap::new(),
            followers: BTreeMap::new(),
            sourcing: VecDeque::new(),
            unsaved: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            save_due: None,
            sync_due: None,
            entropy: Entropy::new(),
            api_total: 0,
            api_errors: 0,
        };
        engine.restore(disk.messages);
        engine.listen();
        Ok(engine)
    }

    /// Deals with a portion of mail and with what is due, and commits what changed. Returns whether it is the last.
    pub(super) fn round(&mut self, mail: &[Mail]) -> bool {
        let now = self.clock.now();
        let mut is_stopping = false;
        for turn in mail.chunks(TURN) {
            for mail in turn {
                match mail {
                    Mail::Ingest(ingest) => self.ingest(now, ingest),
                    Mail::Interest(subject) => self.interest_changed(now, subject),
                    Mail::Report(request) => request.answer(|wanted| self.report(wanted)),
                    Mail::Stop => is_stopping = true,
                }
            }
            self.poll_sources(now);
        }
        self.run_timers(now);
        self.poll_sources(now);
        self.poll_consumers(now);
        if is_stopping {
            self.save_consumers();
        }
        self.save_confirmed();
        self.close_batch(now);
        is_stopping
    }

    /// Subscribes to what the API, receivers and publishers send.
    fn listen(&self) {
        for (filter, target) in [
            (API_FILTER, Internal::Api),
            (ACK_FILTER, Internal::Ack),
            (FLOW_CONTROL_FILTER, Internal::FlowControl),
        ] {
            self.router.subscribe(&internal(filter, target));
        }
        for slot in self.streams.values() {
            for subscription in &slot.subscriptions {
                self.router.subscribe(subscription);
            }
        }
    }

    fn ingest(&mut self, now: Now, ingest: &Ingest) {
        match ingest.target {
            Internal::Stream(id) => self.publish(now, id, ingest),
            Internal::Api => self.serve_api(now, ingest),
            Internal::Ack => self.acknowledged(now, ingest),
            Internal::FlowControl => self.flow_controlled(now, ingest),
        }
    }

    /// When there is something to do unless mail arrives; none if there is now.
    pub(super) fn due(&self) -> Option<Due> {
        if !self.ready.is_empty() || !self.sourcing.is_empty() || self.gate.log.is_cleaning() {
            return None;
        }
        let now = self.clock.now().tick;
        let latest = now.plus(WAIT_MAX);
        let due = [
            self.timers.next(),
            self.paused.first().map(|(due, _)| *due),
            self.save_due,
            self.sync_due,
        ];
        let at = due.into_iter().flatten().fold(latest, Tick::min);
        let wait = now.until(at);
        Some(Due { at, wait })
    }

    /// What of the log is to be read next, so that what is needed of it can be copied.
    pub(super) fn next_to_clean(&mut self) -> Option<Wanted> {
        if self.gate.has_failed() {
            self.gate.log.stop_cleaning();
        }
        self.gate.log.next_to_clean()
    }

    /// Copies what is needed of a portion of the log.
    pub(super) fn clean(&mut self, portion: &Portion) {
        let streams = &self.streams;
        let moved = self.gate.log.clean(portion, |id, seq, place| {
            let slot = streams.get(&id);
            let entry = slot.and_then(|slot| slot.core.index().get(seq));
            entry.is_some_and(|entry| entry.place == place)
        });
        for moved in moved {
            let Some(slot) = self.streams.get_mut(&moved.stream) else {
                continue;
            };
            if let Some(entry) = slot.core.index().get(moved.seq) {
                let len = entry.header_len as usize + entry.body_len as usize;
                let (cost, from) = (cost(entry.subject.len(), len), entry.place.0);
                slot.count_out(from, cost);
                slot.count_in(moved.to.0, cost);
                self.gate.log.count_out(from, cost);
                self.gate.log.count_in(moved.to.0, cost);
                slot.core.set_place(moved.seq, moved.to);
            }
        }
        let now = self.clock.now();
        self.close_batch(now);
        self.gate.log.choose_cleaning();
    }

    /// Whether so much waits to be stored that more would have to wait.
    pub(super) fn is_behind(&self) -> bool {
        self.gate.is_behind()
    }

    fn run_timers(&mut self, now: Now) {
        for owner in self.timers.take_due(now.tick) {
            match owner {
                Owner::Stream(id) => self.tick_stream(now, id),
                Owner::Sources(id) => self.retry_sources(id),
                Owner::Consumer(key) => self.step_consumer(now, key, consumer::Input::Tick),
            }
        }
        while let Some((due, key)) = self.paused.first().copied()
            && due <= now.tick
        {
            self.paused.remove(&(due, key));
            self.make_ready(key);
        }
        if self.save_due.is_some_and(|due| due <= now.tick) {
            self.save_consumers();
        }
    }

    /// Commits what changed in this round, or hands it to the storage thread.
    fn close_batch(&mut self, now: Now) {
        let interval = super::clock::nanos(self.bounds.sync_interval);
        if self.gate.has_writes() && self.sync_due.is_none() {
            self.sync_due = Some(now.tick.plus(interval));
        }
        self.gate.close(&self.counters);
        if self.sync_due.is_some_and(|due| due <= now.tick) {
            self.sync_due = None;
            self.gate.sync_aside();
        }
    }
}

/// A subscription of the broker itself.
pub(super) fn internal(filter: &str, target: Internal) -> Arc<Subscription> {
    Arc::new(Subscription::new(
        filter.as_bytes().into(),
        None,
        Box::default(),
        Target::Internal(target),
    ))
}
