//! Messages and message ids grow old.

use super::{Effect, Stream};
use crate::jetstream::clock::{Now, WallTime};

impl Stream {
    /// Drops what is too old.
    pub(super) fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some((_, seq)) = self.expiries.first().filter(|(at, _)| *at <= now.wall) {
            self.forget(seq, effects);
        }
        if self.config.max_age > 0 {
            let too_old: Vec<u64> = self
                .index
                .from(self.aging_from)
                .take_while(|entry| entry.time.plus(self.config.max_age) <= now.wall)
                .map(|entry| entry.seq)
                .filter(|seq| !self.expiries.is_ageless(*seq))
                .collect();
            for seq in too_old {
                self.forget(seq, effects);
            }
        }
        self.dedupe.purge(now.wall, self.config.duplicate_window);
    }

    /// When [`super::Input::Tick`] is due, if ever.
    pub(crate) fn deadline(&self) -> Option<WallTime> {
        let by_age = (self.config.max_age > 0)
            .then(|| self.index.from(self.aging_from).next())
            .flatten()
            .map(|oldest| oldest.time.plus(self.config.max_age));
        let by_ttl = self.expiries.first().map(|(time, _)| time);
        let by_id = self.dedupe.deadline(self.config.duplicate_window);
        [by_age, by_ttl, by_id].into_iter().flatten().min()
    }

    /// Passes over messages that never expire, so that nobody has to look at them again.
    pub(super) fn skip_ageless(&mut self) {
        if self.expiries.is_empty() {
            return;
        }
        let ageless = self
            .index
            .from(self.aging_from)
            .take_while(|entry| self.expiries.is_ageless(entry.seq));
        if let Some(last) = ageless.last() {
            self.aging_from = last.seq + 1;
        }
    }
}
