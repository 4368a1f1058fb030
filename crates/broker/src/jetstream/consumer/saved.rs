//! What survives a restart.

use super::{Consumer, Position};

/// The state of a consumer, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) next: u64,
    pub(crate) delivered: Position,
    pub(crate) floor: Position,
    pub(crate) pending: Vec<SavedPending>,
    /// What is left of the messages it began with, and up to where those replace what the stream holds.
    pub(crate) skip: Vec<u64>,
    pub(crate) skip_upto: Option<u64>,
    /// Messages that were delivered as often as may be.
    pub(crate) given_up: Vec<u64>,
}

/// A message that awaits its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SavedPending {
    pub(crate) stream_seq: u64,
    pub(crate) consumer_seq: u64,
    pub(crate) redeliveries: u64,
}

impl Consumer {
    pub(crate) fn save(&self) -> Saved {
        Saved {
            next: self.next,
            delivered: self.delivered,
            floor: self.floor,
            pending: self
                .acks
                .each()
                .map(|(stream_seq, pending)| SavedPending {
                    stream_seq,
                    consumer_seq: pending.consumer_seq,
                    redeliveries: pending.redeliveries,
                })
                .collect(),
            skip: self
                .skip
                .iter()
                .flat_map(|skip| skip.seqs.iter().copied())
                .collect(),
            skip_upto: self.skip.as_ref().map(|skip| skip.upto),
            given_up: self.given_up.iter().copied().collect(),
        }
    }
}
