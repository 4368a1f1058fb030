//! Time passes.

use super::{Consumer, Effect};
use crate::jetstream::clock::{Now, Tick};
use crate::jetstream::names::{CONSUMER_STALLED, LAST_CONSUMER, LAST_STREAM};
use crate::jetstream::stream::Index;
use crate::wire::headers;

impl Consumer {
    pub(super) fn tick(&mut self, now: Now, index: &Index, effects: &mut Vec<Effect>) {
        self.redeliver_overdue(now, index, effects);
        if self.config.is_push() {
            self.send_heartbeat(now, effects);
        } else {
            self.expire_requests(now, effects);
        }
        if self.expiry().is_some_and(|expiry| expiry <= now.tick) {
            effects.push(Effect::Expire);
        }
    }

    /// When [`super::Input::Tick`] is due, if ever.
    pub(crate) fn deadline(&self) -> Option<Tick> {
        [
            self.acks.deadline(),
            self.heartbeat_due,
            self.request_deadline(),
            self.expiry(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn next_heartbeat(&self, now: Now) -> Option<Tick> {
        (self.is_active && self.config.idle_heartbeat > 0)
            .then(|| now.tick.plus(self.config.idle_heartbeat))
    }

    fn redeliver_overdue(&mut self, now: Now, index: &Index, effects: &mut Vec<Effect>) {
        let mut any = false;
        while let Some(seq) = self.acks.overdue(now.tick) {
            let redeliveries = self.acks.get(seq).map_or(0, |pending| pending.redeliveries);
            if self.is_exhausted(redeliveries) {
                self.give_up(index, seq, redeliveries, effects);
            } else {
                self.acks.queue(seq);
            }
            any = true;
        }
        if any {
            self.ready(effects);
        }
    }

    fn send_heartbeat(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.heartbeat_due.is_none_or(|due| due > now.tick) {
            return;
        }
        self.heartbeat_due = self.next_heartbeat(now);
        let mut block = headers::Builder::with_status(100, "Idle Heartbeat")
            .line(LAST_CONSUMER, self.delivered.consumer.to_string())
            .line(LAST_STREAM, self.last_seen().to_string());
        if let Some(stalled) = self.window.as_ref().and_then(|window| window.unanswered()) {
            block = block.line(CONSUMER_STALLED, stalled);
        }
        effects.push(Effect::Status {
            to: self.deliver_subject(),
            reply: None,
            block: block.finish(),
        });
    }

    /// The last message of the stream that is behind: delivered, or passed over.
    pub(super) fn last_seen(&self) -> u64 {
        match &self.skip {
            Some(_) => self.delivered.stream,
            None => self.next - 1,
        }
    }

    /// When the consumer goes, if nobody uses it until then.
    fn expiry(&self) -> Option<Tick> {
        if self.config.inactive_threshold <= 0 || !self.waiting.is_empty() {
            return None;
        }
        self.idle_since
            .map(|since| since.plus(self.config.inactive_threshold))
    }
}
