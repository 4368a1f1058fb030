//! The stream, the interest or the configuration changes.

use super::{Consumer, Effect};
use crate::jetstream::clock::Now;
use crate::jetstream::config::ConsumerConfig;
use crate::jetstream::stream::{Filters, Index};

impl Consumer {
    pub(super) fn stored(&mut self, effects: &mut Vec<Effect>) {
        self.num_pending += 1;
        self.ready(effects);
    }

    pub(super) fn removed(&mut self, seq: u64, effects: &mut Vec<Effect>) {
        let was_listed = self.skip.as_mut().is_some_and(|skip| {
            let at = skip.seqs.partition_point(|listed| *listed < seq);
            let is_listed = skip.seqs.get(at) == Some(&seq);
            if is_listed {
                skip.seqs.remove(at);
            }
            is_listed
        });
        self.given_up.remove(&seq);
        if was_listed || seq >= self.next {
            self.num_pending = self.num_pending.saturating_sub(1);
        }
        if self.acks.remove(seq).is_some() {
            self.move_floor();
            effects.push(Effect::Save);
            self.ready(effects);
        }
    }

    pub(super) fn purged(&mut self, index: &Index, effects: &mut Vec<Effect>) {
        let first = index.first_seq();
        if self.next < first {
            // As if it had been delivered: those who watch see that nothing is behind.
            self.next = first;
            self.delivered.stream = self.delivered.stream.max(first - 1);
        }
        let gone: Vec<u64> = self
            .acks
            .each()
            .map(|(seq, _)| seq)
            .filter(|seq| index.get(*seq).is_none())
            .collect();
        for seq in gone {
            self.acks.remove(seq);
        }
        self.given_up.retain(|seq| index.get(*seq).is_some());
        self.move_floor();
        self.floor.stream = self
            .floor
            .stream
            .max(first.saturating_sub(1))
            .min(self.delivered.stream);
        self.recount(index);
        effects.push(Effect::Save);
        self.ready(effects);
    }

    pub(super) fn interest_changed(
        &mut self,
        now: Now,
        subject: &[u8],
        is_present: bool,
        effects: &mut Vec<Effect>,
    ) {
        if !self.config.is_push() {
            if !is_present {
                self.drop_requests(now, subject, effects);
            }
            return;
        }
        if self.is_active == is_present || *self.config.deliver_subject.as_bytes() != *subject {
            return;
        }
        self.is_active = is_present;
        if is_present {
            self.idle_since = None;
            self.heartbeat_due = self.next_heartbeat(now);
            self.ready(effects);
        } else {
            self.idle_since = Some(now.tick);
            self.heartbeat_due = None;
        }
    }

    /// Replaces the configuration. The caller has checked it by itself.
    pub(super) fn update(
        &mut self,
        now: Now,
        index: &Index,
        config: ConsumerConfig,
        effects: &mut Vec<Effect>,
    ) {
        if let Err(error) = config.checked_update(&self.config, self.is_active) {
            effects.push(Effect::Refused(error));
            return;
        }
        if config.deliver_subject != self.config.deliver_subject {
            // Whoever listened before is gone: what is pending goes to the new receiver.
            effects.push(Effect::Unwatch {
                subject: self.deliver_subject(),
            });
            self.acks.queue_all();
            self.is_active = false;
            self.idle_since = Some(now.tick);
            self.config
                .deliver_subject
                .clone_from(&config.deliver_subject);
            effects.push(Effect::Watch {
                subject: self.deliver_subject(),
            });
        }
        let filters = Filters::new(config.filters());
        let has_new_filters = filters != self.filters;
        self.filters = filters;
        let old = std::mem::replace(&mut self.config, config);
        if (self.config.ack_wait, &self.config.backoff) != (old.ack_wait, &old.backoff) {
            let config = &self.config;
            self.acks.extend(|redeliveries| {
                let wait = config.ack_wait_after(redeliveries);
                wait.saturating_sub(old.ack_wait_after(redeliveries))
            });
        }
        if has_new_filters {
            self.recount(index);
        }
        effects.push(Effect::Save);
        self.ready(effects);
    }
}
