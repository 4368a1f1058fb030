//! Messages with an expiry of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::Expiry;
use crate::jetstream::clock::WallTime;

/// When each of them goes, by sequence and by time.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    by_seq: BTreeMap<u64, Expiry>,
    by_time: BTreeSet<(WallTime, u64)>,
}

// ---------------------------------------------------------------------------------------------------------

impl Expiries {
    pub(super) fn is_empty(&self) -> bool {
        self.by_seq.is_empty()
    }

    /// When the next message goes, and its sequence.
    pub(super) fn first(&self) -> Option<(WallTime, u64)> {
        self.by_time.first().copied()
    }

    pub(super) fn is_ageless(&self, seq: u64) -> bool {
        self.by_seq.get(&seq) == Some(&Expiry::Never)
    }

    pub(super) fn note(&mut self, seq: u64, expiry: Expiry) {
        match expiry {
            Expiry::Stream => return,
            Expiry::At(time) => {
                self.by_time.insert((time, seq));
            }
            Expiry::Never => {}
        }
        self.by_seq.insert(seq, expiry);
    }

    pub(super) fn remove(&mut self, seq: u64) {
        if let Some(Expiry::At(time)) = self.by_seq.remove(&seq) {
            self.by_time.remove(&(time, seq));
        }
    }
}
