//! Messages that were delivered and await their acknowledgement.

use std::collections::{BTreeMap, BTreeSet};

use super::SavedPending;
use crate::jetstream::clock::{Nanos, Tick};

/// Every pending message is either due at some time or queued for redelivery.
#[derive(Debug, Default)]
pub(super) struct Acks {
    /// By sequence of the stream.
    pending: BTreeMap<u64, Pending>,
    due: BTreeSet<(Tick, u64)>,
    /// In the order of the stream, so that redelivery keeps it.
    redeliver: BTreeSet<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    /// Number of its first delivery.
    pub(super) consumer_seq: u64,
    /// How often it was delivered after that.
    pub(super) redeliveries: u64,
    /// None while it is queued for redelivery.
    due: Option<Tick>,
}

impl Acks {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn redelivered_len(&self) -> usize {
        self.pending
            .values()
            .filter(|pending| pending.redeliveries > 0)
            .count()
    }

    pub(super) fn get(&self, stream_seq: u64) -> Option<Pending> {
        self.pending.get(&stream_seq).copied()
    }

    /// All that await their acknowledgement, in the order of the stream.
    pub(super) fn each(&self) -> impl Iterator<Item = (u64, Pending)> {
        self.pending.iter().map(|(seq, pending)| (*seq, *pending))
    }

    /// Notes a first delivery.
    pub(super) fn delivered(&mut self, stream_seq: u64, consumer_seq: u64, due: Tick) {
        self.put(
            stream_seq,
            Pending {
                consumer_seq,
                redeliveries: 0,
                due: Some(due),
            },
        );
    }

    /// Notes a further delivery. It keeps the number of the first.
    pub(super) fn redelivered(&mut self, stream_seq: u64, due: Tick) {
        if let Some(pending) = self.remove(stream_seq) {
            self.put(
                stream_seq,
                Pending {
                    redeliveries: pending.redeliveries + 1,
                    due: Some(due),
                    ..pending
                },
            );
        }
    }

    /// Gives the receiver until `due`.
    pub(super) fn postpone(&mut self, stream_seq: u64, due: Tick) {
        if let Some(pending) = self.remove(stream_seq) {
            self.put(
                stream_seq,
                Pending {
                    due: Some(due),
                    ..pending
                },
            );
        }
    }

    /// Queues a pending message for redelivery.
    pub(super) fn queue(&mut self, stream_seq: u64) {
        if let Some(pending) = self.remove(stream_seq) {
            self.put(
                stream_seq,
                Pending {
                    due: None,
                    ..pending
                },
            );
        }
    }

    /// Queues all pending messages for redelivery.
    pub(super) fn queue_all(&mut self) {
        self.due.clear();
        for (seq, pending) in &mut self.pending {
            pending.due = None;
            self.redeliver.insert(*seq);
        }
    }

    /// Gives receivers longer by what `change` says for a message that was delivered again so many times.
    pub(super) fn extend(&mut self, change: impl Fn(u64) -> Nanos) {
        self.due.clear();
        for (seq, pending) in &mut self.pending {
            if let Some(due) = pending.due {
                let due = due.plus(change(pending.redeliveries));
                pending.due = Some(due);
                self.due.insert((due, *seq));
            }
        }
    }

    pub(super) fn remove(&mut self, stream_seq: u64) -> Option<Pending> {
        let pending = self.pending.remove(&stream_seq)?;
        match pending.due {
            Some(due) => self.due.remove(&(due, stream_seq)),
            None => self.redeliver.remove(&stream_seq),
        };
        Some(pending)
    }

    /// The next to be delivered again.
    pub(super) fn next_redelivery(&self) -> Option<u64> {
        self.redeliver.first().copied()
    }

    pub(super) fn redelivery_len(&self) -> usize {
        self.redeliver.len()
    }

    /// A message whose time is up.
    pub(super) fn overdue(&self, now: Tick) -> Option<u64> {
        self.due
            .first()
            .filter(|(due, _)| *due <= now)
            .map(|(_, seq)| *seq)
    }

    pub(super) fn deadline(&self) -> Option<Tick> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn restore(&mut self, saved: &SavedPending, due: Tick) {
        self.put(
            saved.stream_seq,
            Pending {
                consumer_seq: saved.consumer_seq,
                redeliveries: saved.redeliveries,
                due: Some(due),
            },
        );
    }

    fn put(&mut self, stream_seq: u64, pending: Pending) {
        match pending.due {
            Some(due) => self.due.insert((due, stream_seq)),
            None => self.redeliver.insert(stream_seq),
        };
        self.pending.insert(stream_seq, pending);
    }
}
