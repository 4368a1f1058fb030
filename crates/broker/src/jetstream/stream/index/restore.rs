//! Messages are put back, many at once.
//!
//! Trees are built at the end, from what is in order by then: that is several times quicker than growing them.

use std::collections::HashMap;

use super::subjects::SubjectId;
use super::{Index, Place, Slot, Subject};
use crate::jetstream::stream::Stored;

/// What was put back so far.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    slots: Vec<(u64, Slot)>,
    subjects: HashMap<Subject, SubjectId>,
}

// ---------------------------------------------------------------------------------------------------------

impl Index {
    /// Puts back a message, whose sequence is higher than all before. Nothing else may be asked of the index until
    /// [`Index::finish_restore`].
    pub(in crate::jetstream::stream) fn restore(&mut self, stored: &Stored, place: Place) {
        self.bytes += self.size(stored.subject.len(), stored.header_len, stored.body_len);
        let restoring = self.restoring.get_or_insert_default();
        if restoring.slots.is_empty() {
            self.first_seq = stored.seq;
        }
        self.last_seq = stored.seq;
        self.last_time = stored.time;
        let subject = match restoring.subjects.get(&stored.subject) {
            Some(id) => {
                self.subjects.add_to(*id, stored.seq);
                *id
            }
            None => {
                let id = self.subjects.add_new(&stored.subject, stored.seq);
                restoring.subjects.insert(stored.subject.clone(), id);
                id
            }
        };
        let slot = Slot {
            subject,
            header_len: stored.header_len,
            body_len: stored.body_len,
            time: stored.time,
            place,
        };
        restoring.slots.push((stored.seq, slot));
    }

    /// Ends it.
    pub(in crate::jetstream::stream) fn finish_restore(&mut self) {
        if let Some(restoring) = self.restoring.take() {
            self.slots = restoring.slots.into_iter().collect();
            self.subjects.set_names(restoring.subjects);
        }
    }
}
