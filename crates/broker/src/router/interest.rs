//! Subscriptions, and those that stand under one filter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Batch;
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
    pub(super) plain: Vec<Arc<Subscription>>,
    pub(super) groups: Vec<Group>,
}

/// A queue group: each message goes to one member.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Box<[u8]>,
    /// At least one.
    pub(super) members: Vec<Arc<Subscription>>,
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

impl Interest {
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        let grouped = self.groups.iter().flat_map(|group| &group.members);
        self.plain.iter().chain(grouped)
    }

    pub(super) fn add(&mut self, subscription: &Arc<Subscription>) {
        let Some(name) = &subscription.queue else {
            self.plain.push(Arc::clone(subscription));
            return;
        };
        match self.groups.iter_mut().find(|group| group.name == *name) {
            Some(group) => group.members.push(Arc::clone(subscription)),
            None => self.groups.push(Group {
                name: name.clone(),
                members: vec![Arc::clone(subscription)],
            }),
        }
    }

    pub(super) fn remove(&mut self, subscription: &Arc<Subscription>) {
        let Some(name) = &subscription.queue else {
            remove_from(&mut self.plain, subscription);
            return;
        };
        if let Some(at) = self.groups.iter().position(|group| group.name == *name) {
            remove_from(&mut self.groups[at].members, subscription);
            if self.groups[at].members.is_empty() {
                self.groups.swap_remove(at);
            }
        }
    }
}

fn remove_from(list: &mut Vec<Arc<Subscription>>, subscription: &Arc<Subscription>) {
    if let Some(at) = list.iter().position(|held| Arc::ptr_eq(held, subscription)) {
        list.swap_remove(at);
    }
}
