//! When which stream or consumer wants to be told the time.

use std::collections::{BTreeSet, HashMap};

use super::slot::ConsumerKey;
use crate::jetstream::clock::Tick;
use crate::storage::StreamId;

/// Whoever waits for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Owner {
    Stream(StreamId),
    /// A stream that waits before it asks its sources again.
    Sources(StreamId),
    Consumer(ConsumerKey),
}

/// At most one time per owner.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Tick, Owner)>,
    by_owner: HashMap<Owner, Tick>,
}

impl Timers {
    pub(super) fn set(&mut self, owner: Owner, due: Option<Tick>) {
        let old = match due {
            Some(due) => self.by_owner.insert(owner, due),
            None => self.by_owner.remove(&owner),
        };
        if old == due {
            return;
        }
        if let Some(old) = old {
            self.due.remove(&(old, owner));
        }
        if let Some(due) = due {
            self.due.insert((due, owner));
        }
    }

    /// Takes all owners whose time has come.
    pub(super) fn take_due(&mut self, now: Tick) -> Vec<Owner> {
        let mut owners = Vec::new();
        while let Some((due, owner)) = self.due.first().copied()
            && due <= now
        {
            self.due.remove(&(due, owner));
            self.by_owner.remove(&owner);
            owners.push(owner);
        }
        owners
    }

    pub(super) fn next(&self) -> Option<Tick> {
        self.due.first().map(|(due, _)| *due)
    }
}
