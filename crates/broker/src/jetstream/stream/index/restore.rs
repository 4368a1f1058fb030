//! Messages are put back, many at once.
//!
//! Trees are built from what is in order, which is several times quicker than growing them.

use super::subjects::Subjects;
use super::{Index, Slot, Subject};
use crate::jetstream::stream::Restored;

impl Index {
    /// Puts back messages in order of sequence into an index that has none. `subjects` are those that their numbers
    /// mean, each once.
    pub(in crate::jetstream::stream) fn restore<'a>(
        &mut self,
        subjects: &[Subject],
        messages: impl Iterator<Item = Restored<'a>>,
    ) {
        let mut slots = Vec::with_capacity(messages.size_hint().1.unwrap_or(0));
        for message in messages {
            let subject_len = subjects[message.subject as usize].len();
            self.bytes += self.size(subject_len, message.header_len, message.body_len);
            let slot = Slot {
                subject: message.subject,
                header_len: message.header_len,
                body_len: message.body_len,
                time: message.time,
                place: message.place,
            };
            slots.push((message.seq, slot));
        }
        if let (Some((first_seq, _)), Some((last_seq, last))) = (slots.first(), slots.last()) {
            self.first_seq = *first_seq;
            self.last_seq = *last_seq;
            self.last_time = last.time;
        }
        let seqs = slots.iter().map(|(seq, slot)| (slot.subject, *seq));
        self.subjects = Subjects::restored(subjects, seqs);
        self.slots = slots.into_iter().collect();
    }
}
