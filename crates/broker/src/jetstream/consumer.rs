//! A consumer: which message of a stream goes to whom next, and what became of it.
//!
//! Like a stream, it is a state machine without clients or bodies. It reads its stream's index and is told of
//! every change of it.

mod ack;
mod acks;
mod changes;
mod deliver;
mod effect;
mod flow;
mod input;
mod pull;
mod saved;
mod start;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::jetstream::clock::{Now, Tick, WallTime};
use crate::jetstream::config::ConsumerConfig;
use crate::jetstream::stream::{Filters, Index};

pub(crate) use ack::Ack;
use acks::Acks;
pub(crate) use effect::{Delivery, Effect, Notice};
use flow::Window;
pub(crate) use input::Input;
pub(crate) use pull::Pull;
use pull::Request;
pub(crate) use saved::{Saved, SavedPending};
use start::SkipList;

/// A pair of positions: how many deliveries, and up to which message of the stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) consumer: u64,
    pub(crate) stream: u64,
}

/// The state machine of one consumer.
///
/// `next` is the first sequence of the stream that was not looked at; messages before it are delivered, passed
/// over, or in `skip`. `num_pending` is exact: the messages still to be delivered a first time.
#[derive(Debug)]
pub(crate) struct Consumer {
    stream: Arc<str>,
    name: Arc<str>,
    config: ConsumerConfig,
    filters: Filters,
    created: WallTime,
    next: u64,
    skip: Option<SkipList>,
    num_pending: u64,
    delivered: Position,
    floor: Position,
    last_delivered: Option<WallTime>,
    last_acked: Option<WallTime>,
    acks: Acks,
    /// Messages that were delivered as often as they may be, and not acknowledged. Where messages go once they are
    /// acknowledged, these stay.
    given_up: BTreeSet<u64>,
    /// Someone listens on the deliver subject.
    is_active: bool,
    window: Option<Window>,
    heartbeat_due: Option<Tick>,
    waiting: VecDeque<Request>,
    /// Since when nobody has used it; none while someone does.
    idle_since: Option<Tick>,
}

// ---------------------------------------------------------------------------------------------------------

impl Consumer {
    /// Takes one input and says what to do. `index` is that of the consumer's stream.
    pub(crate) fn step(&mut self, now: Now, index: &Index, input: Input<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Poll => self.deliver(now, index, &mut effects),
            Input::Stored => self.stored(&mut effects),
            Input::Removed { seq } => self.removed(seq, &mut effects),
            Input::Purged => self.purged(index, &mut effects),
            Input::Ack(ack) => ack.apply(self, now, &mut effects),
            Input::Pull(pull) => pull.apply(self, now, &mut effects),
            Input::FlowControl { subject } => self.flow_controlled(subject, &mut effects),
            Input::Interest {
                subject,
                is_present,
            } => self.interest_changed(now, subject, is_present, &mut effects),
            Input::Update(config) => self.update(now, index, *config, &mut effects),
            Input::Tick => self.tick(now, index, &mut effects),
        }
        effects
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    pub(crate) fn created(&self) -> WallTime {
        self.created
    }

    pub(crate) fn delivered(&self) -> Position {
        self.delivered
    }

    pub(crate) fn floor(&self) -> Position {
        self.floor
    }

    pub(crate) fn last_delivered(&self) -> Option<WallTime> {
        self.last_delivered
    }

    pub(crate) fn last_acked(&self) -> Option<WallTime> {
        self.last_acked
    }

    pub(crate) fn num_pending(&self) -> u64 {
        self.num_pending
    }

    pub(crate) fn num_ack_pending(&self) -> usize {
        self.acks.len()
    }

    pub(crate) fn num_redelivered(&self) -> usize {
        self.acks.redelivered_len()
    }

    pub(crate) fn num_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Someone listens on the deliver subject.
    pub(crate) fn is_bound(&self) -> bool {
        self.is_active
    }

    /// The queue group that messages are sent to, if there is one.
    pub(crate) fn deliver_group(&self) -> Option<&str> {
        let group = self.config.deliver_group.as_str();
        (self.config.is_push() && !group.is_empty()).then_some(group)
    }

    /// Whether this consumer has yet to be done with a message of its stream.
    pub(crate) fn needs(&self, seq: u64, subject: &[u8]) -> bool {
        let is_listed = || {
            let skip = self.skip.as_ref();
            skip.is_some_and(|skip| skip.seqs.binary_search(&seq).is_ok())
        };
        self.filters.matches(subject)
            && (seq >= self.next
                || self.acks.get(seq).is_some()
                || self.given_up.contains(&seq)
                || is_listed())
    }

    /// Where the next delivery goes, if anywhere.
    pub(crate) fn receiver(&self) -> Option<Bytes> {
        if self.config.is_push() {
            Some(self.deliver_subject())
        } else {
            self.request_reply().cloned()
        }
    }

    fn deliver_subject(&self) -> Bytes {
        Bytes::copy_from_slice(self.config.deliver_subject.as_bytes())
    }

    /// Whether a poll could deliver anything, as far as the receiving side goes.
    fn has_receiver(&self) -> bool {
        if self.config.is_push() {
            self.is_active && !self.window.as_ref().is_some_and(Window::is_full)
        } else {
            !self.waiting.is_empty()
        }
    }

    fn ready(&self, effects: &mut Vec<Effect>) {
        if self.has_receiver() {
            effects.push(Effect::Ready);
        }
    }
}
