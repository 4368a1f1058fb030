//! Who receives what: the table of all subscriptions, and the way of a message through it.

mod batch;
mod interest;
mod roster;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use crate::client::Client;
use crate::entropy::Entropy;
use crate::stats::Counters;
use crate::subject::{self, SubjectIndex};
use crate::wire::message::Message;

pub(crate) use batch::{Batch, Ingest};
use interest::{Group, Interest};
pub(crate) use interest::{Internal, Subscription, Target};

/// Told when somebody begins or ceases to listen on a watched subject.
pub(crate) trait InterestWatcher: Send + Sync {
    /// `subject` may have gained or lost its receivers; [`Router::has_interest`] says what holds now.
    fn interest_changed(&self, subject: Bytes);
}

/// Where a message comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    Client(&'a Client),
    /// The broker itself.
    Internal,
}

/// Routes messages between clients, and to the streams of this broker.
///
/// One lock guards the table; it is read while a message is handed to its receivers' queues, which neither
/// blocks nor awaits.
pub(crate) struct Router {
    table: RwLock<Table>,
    watcher: Option<Arc<dyn InterestWatcher>>,
    pub(crate) counters: Arc<Counters>,
}

#[derive(Default)]
struct Table {
    index: SubjectIndex<Interest>,
    /// Subjects whose interest is watched, and by how many.
    watched: HashMap<Bytes, usize>,
}

// ---------------------------------------------------------------------------------------------------------

impl Router {
    pub(crate) fn new(counters: Arc<Counters>, watcher: Option<Arc<dyn InterestWatcher>>) -> Self {
        Self {
            table: RwLock::default(),
            watcher,
            counters,
        }
    }

    /// Adds a subscription, whose subject must be a valid filter.
    pub(crate) fn subscribe(&self, subscription: &Arc<Subscription>) {
        let mut table = self.write();
        table
            .index
            .update(&subscription.subject, |interest| interest.add(subscription));
        let changed = table.watched_by(subscription);
        drop(table);
        self.tell(changed);
    }

    /// Removes subscriptions. Afterwards none of them receives anything.
    pub(crate) fn unsubscribe<'a>(
        &self,
        subscriptions: impl Iterator<Item = &'a Arc<Subscription>>,
    ) {
        let mut changed = Vec::new();
        let mut table = self.write();
        for subscription in subscriptions {
            table.index.update(&subscription.subject, |interest| {
                interest.remove(subscription);
            });
            changed.extend(table.watched_by(subscription));
        }
        drop(table);
        self.tell(changed);
    }

    /// Whether anyone receives what is published under the literal `subject`.
    pub(crate) fn has_interest(&self, subject: &[u8]) -> bool {
        self.read().index.has_match(subject)
    }

    /// Whether a member of this queue group receives what is published under the literal `subject`.
    pub(crate) fn has_member(&self, subject: &[u8], group: &[u8]) -> bool {
        let mut is_there = false;
        let name = group.into();
        self.read().index.for_each_match(subject, |interest| {
            is_there |= interest.groups.contains(&name);
        });
        is_there
    }

    /// Most bytes that wait to be written to any one client that receives the literal `subject`.
    pub(crate) fn backlog(&self, subject: &[u8]) -> usize {
        let mut backlog = 0;
        self.read().index.for_each_match(subject, |interest| {
            for subscription in interest.all() {
                if let Target::Client(client) = &subscription.target {
                    backlog = backlog.max(client.pending_bytes());
                }
            }
        });
        backlog
    }

    /// Begins to watch the literal `subject`.
    pub(crate) fn watch(&self, subject: &Bytes) {
        *self.write().watched.entry(subject.clone()).or_default() += 1;
    }

    /// Ceases to watch `subject` for one of those that watch it.
    pub(crate) fn unwatch(&self, subject: &Bytes) {
        let mut table = self.write();
        if let Some(count) = table.watched.get_mut(subject) {
            *count -= 1;
            if *count == 0 {
                table.watched.remove(subject);
            }
        }
    }

    /// Hands `message` to everyone who subscribed to `route`, and returns how many those were.
    ///
    /// `route` is the message's own subject except where a consumer delivers to a subject of its choice. What
    /// is left to do, such as flushing the receivers, is noted in `batch`.
    pub(crate) fn publish(
        &self,
        origin: Origin<'_>,
        route: &[u8],
        message: &Message<'_>,
        batch: &mut Batch,
    ) -> usize {
        let mut delivered = 0;
        let mut first_group: Option<&Group> = None;
        let mut more_groups: Vec<&Group> = Vec::new();
        let table = self.read();
        table.index.for_each_match(route, |interest| {
            for subscription in interest.plain.as_slice() {
                delivered += usize::from(deliver(subscription, origin, route, message, batch));
            }
            for group in interest.groups.as_slice() {
                match first_group {
                    None => first_group = Some(group),
                    Some(_) => more_groups.push(group),
                }
            }
        });
        if let Some(group) = first_group {
            more_groups.insert(0, group);
            delivered += deliver_to_groups(&mut more_groups, origin, route, message, batch);
        }
        drop(table);
        if batch.has_spent() {
            self.remove_spent(batch);
        }
        delivered
    }

    /// The id of one of `client`'s own subscriptions that match the literal `subject`.
    pub(crate) fn subscription_for(&self, client: &Client, subject: &[u8]) -> Option<Box<[u8]>> {
        let mut found = None;
        self.read().index.for_each_match(subject, |interest| {
            found = found.take().or_else(|| {
                interest
                    .plain
                    .as_slice()
                    .iter()
                    .find(|subscription| subscription.belongs_to(client))
                    .map(|subscription| subscription.sid.clone())
            });
        });
        found
    }

    /// Removes subscriptions that have received all they asked for.
    fn remove_spent(&self, batch: &mut Batch) {
        let spent = batch.take_spent();
        for subscription in &spent {
            if let Target::Client(client) = &subscription.target {
                let mut held = client.subscriptions();
                // The client may have used the id again meanwhile.
                let is_held = held
                    .get(&subscription.sid)
                    .is_some_and(|held| Arc::ptr_eq(held, subscription));
                if is_held {
                    held.remove(&subscription.sid);
                    self.counters.subscriptions.sub(1);
                }
            }
        }
        self.unsubscribe(spent.iter());
    }

    fn tell(&self, changed: Vec<Bytes>) {
        if let Some(watcher) = &self.watcher {
            for subject in changed {
                watcher.interest_changed(subject);
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        // The table is changed by operations that cannot panic half-way.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The watched subjects that `subscription` receives.
    fn watched_by(&self, subscription: &Subscription) -> Vec<Bytes> {
        if self.watched.is_empty() {
            return Vec::new();
        }
        if !subject::has_wildcard(&subscription.subject) {
            let subject = self.watched.get_key_value(&*subscription.subject);
            return subject
                .map(|(subject, _)| subject.clone())
                .into_iter()
                .collect();
        }
        self.watched
            .keys()
            .filter(|subject| subject::matches(subject, &subscription.subject))
            .cloned()
            .collect()
    }
}

/// Hands a message to one subscription. False if it did not take it.
fn deliver(
    subscription: &Arc<Subscription>,
    origin: Origin<'_>,
    route: &[u8],
    message: &Message<'_>,
    batch: &mut Batch,
) -> bool {
    match &subscription.target {
        Target::Client(client) => {
            if let Origin::Client(from) = origin
                && from.id == client.id
                && !client.wants_echo()
            {
                return false;
            }
            if !subscription.may_receive(route) {
                return false;
            }
            if !subscription.count(batch) {
                return false;
            }
            client.deliver(message, &subscription.sid, batch)
        }
        Target::Internal(target) => {
            batch.ingest(*target, message);
            true
        }
    }
}

/// Hands a message to one member of each queue group; groups of one name count as one.
fn deliver_to_groups(
    groups: &mut [&Group],
    origin: Origin<'_>,
    route: &[u8],
    message: &Message<'_>,
    batch: &mut Batch,
) -> usize {
    let mut delivered = 0;
    groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for same in groups.chunk_by(|a, b| a.name == b.name) {
        let sizes = same.iter().map(|group| group.members.as_slice().len());
        let total: usize = sizes.sum();
        let start = pick(&mut batch.entropy, total);
        // A member may decline: it is closing, or it is the sender and wants no echo.
        let taken = (0..total).any(|offset| {
            let member = nth_member(same, (start + offset) % total);
            deliver(member, origin, route, message, batch)
        });
        delivered += usize::from(taken);
    }
    delivered
}

fn pick(entropy: &mut Entropy, total: usize) -> usize {
    if total > 1 { entropy.below(total) } else { 0 }
}

fn nth_member<'a>(groups: &[&'a Group], mut at: usize) -> &'a Arc<Subscription> {
    for group in groups {
        let members = group.members.as_slice();
        if let Some(member) = members.get(at) {
            return member;
        }
        at -= members.len();
    }
    unreachable!("the position is below the number of members")
}
