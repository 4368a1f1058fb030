//! Subscriptions, and those that stand under one filter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Batch;
use super::roster::{Keyed, Roster};
use crate::client::Client;
use crate::subject::{self, Entry};

/// One subscription of a client or of the broker itself.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) subject: Box<[u8]>,
    pub(crate) queue: Option<Box<[u8]>>,
    /// The id that the client gave it.
    pub(crate) sid: Box<[u8]>,
    pub(crate) target: Target,
    delivered: AtomicU64,
    /// Messages after which it ends; 0 for never.
    max: AtomicU64,
    /// Subjects that it matches and its client may not receive.
    denied: Box<[Box<[u8]>]>,
}

/// Where a subscription's messages go.
#[derive(Debug)]
pub(crate) enum Target {
    Client(Arc<Client>),
    Internal(Internal),
}

/// A part of the broker that receives messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Internal {
    /// Requests to the JetStream API.
    Api,
    /// Acknowledgements of messages that consumers delivered.
    Ack,
    /// Answers to flow control requests.
    FlowControl,
    /// Messages for the stream with this number.
    Stream(u32),
}

/// All subscriptions with the same subject.
#[derive(Debug, Default)]
pub(super) struct Interest {
    pub(super) plain: Roster<Arc<Subscription>>,
    pub(super) groups: Roster<Group>,
}

/// A queue group: each message goes to one member.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Box<[u8]>,
    /// At least one.
    pub(super) members: Roster<Arc<Subscription>>,
}

// ---------------------------------------------------------------------------------------------------------

impl Subscription {
    pub(crate) fn new(
        subject: Box<[u8]>,
        queue: Option<Box<[u8]>>,
        sid: Box<[u8]>,
        target: Target,
    ) -> Self {
        Self {
            subject,
            queue,
            sid,
            target,
            delivered: AtomicU64::new(0),
            max: AtomicU64::new(0),
            denied: Box::default(),
        }
    }

    /// The same without what these filters match.
    pub(crate) fn without(mut self, denied: Vec<Box<[u8]>>) -> Self {
        self.denied = denied.into();
        self
    }

    /// Whether its client may receive what is sent to the literal `route`, which it matches.
    pub(super) fn may_receive(&self, route: &[u8]) -> bool {
        self.denied.is_empty()
            || !self
                .denied
                .iter()
                .any(|filter| subject::matches(route, filter))
    }

    /// Ends the subscription after `max` messages, counted from its beginning. False if it has had them.
    pub(crate) fn limit(&self, max: u64) -> bool {
        self.max.store(max, Ordering::Relaxed);
        self.delivered.load(Ordering::Relaxed) < max
    }

    pub(super) fn belongs_to(&self, client: &Client) -> bool {
        matches!(&self.target, Target::Client(own) if own.id == client.id)
    }

    /// Counts a delivery. False if the subscription has had all it asked for.
    pub(super) fn count(self: &Arc<Self>, batch: &mut Batch) -> bool {
        let delivered = self.delivered.fetch_add(1, Ordering::Relaxed) + 1;
        let max = self.max.load(Ordering::Relaxed);
        if max > 0 && delivered >= max {
            batch.spend(self);
        }
        max == 0 || delivered <= max
    }
}

impl Entry for Interest {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.groups.is_empty()
    }
}

impl Keyed for Arc<Subscription> {
    /// Its address.
    type Key = usize;

    fn key(&self) -> usize {
        Self::as_ptr(self).addr()
    }

    fn has_key(&self, key: &usize) -> bool {
        self.key() == *key
    }
}

impl Keyed for Group {
    type Key = Box<[u8]>;

    fn key(&self) -> Box<[u8]> {
        self.name.clone()
    }

    fn has_key(&self, key: &Self::Key) -> bool {
        self.name == *key
    }
}

impl Interest {
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        let groups = self.groups.as_slice().iter();
        let grouped = groups.flat_map(|group| group.members.as_slice());
        self.plain.as_slice().iter().chain(grouped)
    }

    pub(super) fn add(&mut self, subscription: &Arc<Subscription>) {
        let Some(name) = &subscription.queue else {
            return self.plain.add(Arc::clone(subscription));
        };
        if let Some(group) = self.groups.get_mut(name) {
            return group.members.add(Arc::clone(subscription));
        }
        let mut members = Roster::default();
        members.add(Arc::clone(subscription));
        self.groups.add(Group {
            name: name.clone(),
            members,
        });
    }

    pub(super) fn remove(&mut self, subscription: &Arc<Subscription>) {
        let Some(name) = &subscription.queue else {
            return self.plain.remove(&subscription.key());
        };
        if let Some(group) = self.groups.get_mut(name) {
            group.members.remove(&subscription.key());
            if group.members.is_empty() {
                self.groups.remove(name);
            }
        }
    }
}
