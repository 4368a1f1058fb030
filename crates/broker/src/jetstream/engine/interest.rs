//! Who listens where consumers deliver to.

use bytes::Bytes;

use super::{ConsumerKey, Engine};
use crate::jetstream::clock::Now;
use crate::jetstream::consumer::{Consumer, Input};

impl Engine {
    /// Watches a subject for a consumer, and tells it what holds now.
    pub(super) fn watch(&mut self, now: Now, key: ConsumerKey, subject: &Bytes) {
        self.interest.entry(subject.clone()).or_default().push(key);
        self.router.watch(subject);
        self.tell_interest(now, key, subject);
    }

    pub(super) fn unwatch(&mut self, key: ConsumerKey, subject: &Bytes) {
        let Some(keys) = self.interest.get_mut(subject) else {
            return;
        };
        if let Some(at) = keys.iter().position(|held| *held == key) {
            keys.swap_remove(at);
            self.router.unwatch(subject);
        }
        if keys.is_empty() {
            self.interest.remove(subject);
        }
    }

    /// The interest in a subject may have changed.
    pub(super) fn interest_changed(&mut self, now: Now, subject: &Bytes) {
        let Some(mut keys) = self.interest.get(subject).cloned() else {
            return;
        };
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.tell_interest(now, key, subject);
        }
    }

    fn tell_interest(&mut self, now: Now, key: ConsumerKey, subject: &Bytes) {
        let group = self.consumer(key).and_then(Consumer::deliver_group);
        // A consumer for a group waits for one of its members, whoever else may listen.
        let is_present = match group {
            Some(group) => self.router.has_member(subject, group.as_bytes()),
            None => self.router.has_interest(subject),
        };
        let input = Input::Interest {
            subject,
            is_present,
        };
        self.step_consumer(now, key, input);
    }
}
