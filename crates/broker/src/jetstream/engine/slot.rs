//! A stream and its consumers, with what the engine keeps beside their state machines.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use crate::jetstream::config::ConsumerConfig;
use crate::jetstream::consumer::Consumer;
use crate::jetstream::source::{Life, Positions, Source};
use crate::jetstream::stream::Stream;
use crate::router::Subscription;
use crate::storage::{Bounds, StreamId};
use crate::subject::SubjectIndex;

/// A consumer of this run: the number of its stream, and one of its own.
pub(in crate::jetstream) type ConsumerKey = (StreamId, u64);

#[derive(Debug)]
pub(in crate::jetstream) struct StreamSlot {
    pub(in crate::jetstream) core: Stream,
    pub(in crate::jetstream) name: Arc<str>,
    /// Headers and bodies of a stream in memory.
    pub(super) memory: Option<HashMap<u64, Bytes>>,
    /// Every message is forced to the disk before it is acknowledged.
    pub(super) is_synced: bool,
    /// The batch that the last answers about this stream belong to.
    pub(super) gate: u64,
    /// Messages before this are gone, though the log may still hold them.
    pub(super) floor: u64,
    /// What its messages cost, by segment of the log.
    pub(super) costs: BTreeMap<u32, u64>,
    pub(in crate::jetstream) consumers: BTreeMap<u64, ConsumerSlot>,
    pub(in crate::jetstream) consumer_names: BTreeMap<Arc<str>, u64>,
    /// Which consumers want which subjects.
    pub(super) signals: SubjectIndex<Vec<u64>>,
    pub(super) subscriptions: Vec<Arc<Subscription>>,
    /// What it takes from other streams.
    pub(in crate::jetstream) sources: Vec<Source>,
    /// How far those came that were removed.
    pub(super) past_positions: Positions,
    /// It is in the queue of those that may have something to take.
    pub(super) is_sourcing: bool,
    /// It had no room for a message of a source.
    pub(super) has_full_source: bool,
}

#[derive(Debug)]
pub(in crate::jetstream) struct ConsumerSlot {
    pub(in crate::jetstream) core: Consumer,
    /// It is in the queue of those that may have something to deliver.
    pub(super) is_ready: bool,
    /// It survives a restart.
    pub(super) is_stored: bool,
}

impl StreamSlot {
    /// Positions that the messages do not tell.
    pub(super) fn positions(&self) -> Bounds {
        Bounds {
            floor: self.floor,
            last_seq: self.core.index().last_seq(),
            last_time: self.core.index().last_time(),
        }
    }

    /// The configurations of its consumers, apart from one.
    pub(super) fn configs_of_others(
        &self,
        own: Option<u64>,
    ) -> impl Iterator<Item = &ConsumerConfig> + Clone {
        self.consumers
            .iter()
            .filter(move |(number, _)| Some(**number) != own)
            .map(|(_, slot)| slot.core.config())
    }

    /// Which of the streams with its name it is.
    pub(in crate::jetstream) fn life(&self, id: StreamId) -> Life {
        Life {
            id,
            created: self.core.created(),
        }
    }

    /// How far all sources have come, also those that were removed.
    pub(super) fn source_positions(&self) -> Positions {
        let mut positions = self.past_positions.clone();
        let sources = self.sources.iter();
        positions.extend(sources.filter_map(|source| Some((source.key(), source.position()?))));
        positions
    }

    /// Notes what a message costs in a segment of the log.
    pub(super) fn count_in(&mut self, segment: u32, cost: u64) {
        *self.costs.entry(segment).or_default() += cost;
    }

    /// Notes that it is there no more.
    pub(super) fn count_out(&mut self, segment: u32, cost: u64) {
        if let Some(held) = self.costs.get_mut(&segment) {
            *held = held.saturating_sub(cost);
            if *held == 0 {
                self.costs.remove(&segment);
            }
        }
    }

    pub(super) fn is_file(&self) -> bool {
        self.memory.is_none()
    }
}
