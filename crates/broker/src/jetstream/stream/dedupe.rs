//! Message ids that were seen, so that a message sent twice is stored once.

use std::collections::{HashMap, VecDeque};

use super::Restored;
use crate::jetstream::clock::{Nanos, WallTime};

/// Ids that one stream remembers at most; further messages with an id are refused until some are old enough.
pub(super) const IDS_MAX: usize = 1_000_000;

/// Ids are dropped in lots, this much later than they could be, to wake up less often.
const LATENESS: Nanos = 1_000_000_000;

#[derive(Debug, Default)]
pub(super) struct Dedupe {
    seqs: HashMap<Box<[u8]>, u64>,
    /// By time.
    order: VecDeque<(WallTime, Box<[u8]>, u64)>,
    /// Id of the last stored message; empty if it had none.
    last: Box<[u8]>,
}

impl Dedupe {
    /// The sequence of the message that had this id within `window` before `now`.
    pub(super) fn find(&mut self, id: &[u8], now: WallTime, window: Nanos) -> Option<u64> {
        self.purge(now, window);
        self.seqs.get(id).copied()
    }

    pub(super) fn is_full(&self) -> bool {
        self.seqs.len() >= IDS_MAX
    }

    pub(super) fn last(&self) -> &[u8] {
        &self.last
    }

    /// Notes that a message was stored before the last start, unless its id is too old to matter.
    pub(super) fn restored(&mut self, message: Restored<'_>, now: WallTime, window: Nanos) {
        if message.time.plus(window) > now {
            self.stored(message.msg_id, message.seq, message.time);
        } else {
            self.last = message.msg_id.unwrap_or_default().into();
        }
    }

    /// Notes that a message was stored.
    pub(super) fn stored(&mut self, id: Option<&[u8]>, seq: u64, time: WallTime) {
        self.last = id.unwrap_or_default().into();
        if let Some(id) = id {
            self.seqs.insert(id.into(), seq);
            self.order.push_back((time, id.into(), seq));
        }
    }

    /// Drops ids that are older than `window`.
    pub(super) fn purge(&mut self, now: WallTime, window: Nanos) {
        while let Some((time, id, seq)) = self.order.front()
            && time.plus(window) <= now
        {
            // After a restart the same id may have been stored again since.
            if self.seqs.get(id) == Some(seq) {
                self.seqs.remove(id);
            }
            self.order.pop_front();
        }
    }

    /// When there will be something to drop.
    pub(super) fn deadline(&self, window: Nanos) -> Option<WallTime> {
        self.order
            .front()
            .map(|(time, ..)| time.plus(window).plus(LATENESS))
    }
}
