//! Messages go once everyone has had them, where their stream wants that.

use super::Engine;
use crate::jetstream::clock::Now;
use crate::jetstream::config::Retention;
use crate::jetstream::stream::{Done, Input, Needed, Release};
use crate::storage::StreamId;

impl Engine {
    /// Somebody is through with a message: it goes, if nobody else waits for it.
    pub(super) fn settle(&mut self, now: Now, id: StreamId, seq: u64, done: Done) {
        let Some(slot) = self.streams.get(&id) else {
            return;
        };
        if slot.core.config().retention == Retention::Limits {
            return;
        }
        let Some(entry) = slot.core.index().get(seq) else {
            return;
        };
        let needed = self.needed(id, seq, entry.subject);
        if slot.core.is_served(done, needed) {
            let release = Release { seqs: vec![seq] };
            self.step_stream(now, id, Input::Release(release));
        }
    }

    /// Drops what nobody waits for any more, after somebody who did has gone or has other wishes.
    pub(super) fn release_unneeded(&mut self, now: Now, id: StreamId) {
        let Some(slot) = self.streams.get(&id) else {
            return;
        };
        // What nobody wants may stay in a queue: a consumer for it may come.
        if slot.core.config().retention != Retention::Interest {
            return;
        }
        let index = slot.core.index();
        let seqs: Vec<u64> = index
            .from(0)
            .filter(|entry| {
                let needed = self.needed(id, entry.seq, entry.subject);
                slot.core.is_served(Done::Consumer, needed)
            })
            .map(|entry| entry.seq)
            .collect();
        if !seqs.is_empty() {
            self.step_stream(now, id, Input::Release(Release { seqs }));
        }
    }

    /// Whether anyone waits for messages with this subject.
    pub(super) fn is_wanted(&self, id: StreamId, subject: &[u8]) -> bool {
        let Some(slot) = self.streams.get(&id) else {
            return false;
        };
        if slot.core.config().retention != Retention::Interest {
            return true;
        }
        let mut is_wanted = false;
        slot.signals
            .for_each_match(subject, |consumers| is_wanted |= !consumers.is_empty());
        is_wanted || self.sources_of(id).any(|(source, _)| source.wants(subject))
    }

    fn needed(&self, id: StreamId, seq: u64, subject: &[u8]) -> Needed {
        let Some(slot) = self.streams.get(&id) else {
            return Needed::default();
        };
        Needed {
            by_consumer: slot
                .consumers
                .values()
                .any(|consumer| consumer.core.needs(seq, subject)),
            by_source: self
                .sources_of(id)
                .any(|(source, life)| source.needs(life, seq, subject)),
        }
    }
}
