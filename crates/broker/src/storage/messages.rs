//! The messages that a start finds, in as little memory as can be.

use std::collections::HashMap;

use bytes::Bytes;

use super::entry::Head;
use super::record::StreamId;
use crate::jetstream::clock::WallTime;
use crate::jetstream::stream::{Expiry, Place, Stored};

/// All messages that are not forgotten, by stream and sequence.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    found: Vec<Found>,
    subjects: Vec<Bytes>,
    msg_ids: Vec<Box<[u8]>>,
    subject_numbers: HashMap<Bytes, u32>,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    stream: StreamId,
    subject: u32,
    seq: u64,
    time: WallTime,
    expiry: Expiry,
    header_len: u32,
    body_len: u32,
    place: Place,
    /// One more than its index; 0 for none.
    msg_id: u32,
}

// ---------------------------------------------------------------------------------------------------------

impl Messages {
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Adds a message as it was read.
    pub(super) fn add(&mut self, head: &Head<'_>, place: Place) {
        let subject = self.subject(head.subject);
        if !head.msg_id.is_empty() {
            self.msg_ids.push(head.msg_id.into());
        }
        self.found.push(Found {
            stream: head.stream,
            subject,
            seq: head.seq,
            time: head.time,
            expiry: head.expiry,
            header_len: head.header_len,
            body_len: head.body_len,
            place,
            msg_id: if head.msg_id.is_empty() {
                0
            } else {
                index_u32(self.msg_ids.len())
            },
        });
    }

    fn subject(&mut self, subject: &[u8]) -> u32 {
        // Most often that of the message before.
        if let Some(last) = self.found.last()
            && self.subjects[last.subject as usize] == subject
        {
            return last.subject;
        }
        if let Some(number) = self.subject_numbers.get(subject) {
            return *number;
        }
        let number = index_u32(self.subjects.len());
        let subject = Bytes::copy_from_slice(subject);
        self.subjects.push(subject.clone());
        self.subject_numbers.insert(subject, number);
        number
    }

    /// Notes where a message stands after all, which was added as number `at`.
    pub(super) fn set_place(&mut self, at: usize, place: Place) {
        if let Some(found) = self.found.get_mut(at) {
            found.place = place;
        }
    }

    /// Puts messages in order, and leaves out those at places that are no more, those that were forgotten, and all but
    /// the last copy of each. Returns where the other copies stand.
    pub(super) fn settle(
        &mut self,
        forgotten: &mut [(StreamId, u64)],
        is_there: impl Fn(Place) -> bool,
    ) -> Vec<Place> {
        let found = &mut self.found;
        found.retain(|message| is_there(message.place));
        let key = |found: &Found| (found.stream, found.seq, found.place);
        if !found.is_sorted_by_key(key) {
            found.sort_by_key(key);
        }
        let mut stale = Vec::new();
        found.dedup_by(|later, earlier| {
            let is_same = (later.stream, later.seq) == (earlier.stream, earlier.seq);
            if is_same {
                stale.push(earlier.place);
                std::mem::swap(later, earlier);
            }
            is_same
        });
        forgotten.sort_unstable();
        let mut forgotten = forgotten.iter().peekable();
        found.retain(|message| {
            let own = (message.stream, message.seq);
            while forgotten.next_if(|forgotten| **forgotten < own).is_some() {}
            forgotten.peek() != Some(&&own)
        });
        stale
    }

    /// The highest number of a stream that has messages.
    pub(crate) fn stream_max(&self) -> Option<StreamId> {
        self.found.last().map(|found| found.stream)
    }

    /// All messages, by stream and sequence, and where each stands.
    pub(crate) fn into_each(self) -> impl Iterator<Item = (StreamId, Stored, Place)> {
        let Self {
            found,
            subjects,
            mut msg_ids,
            ..
        } = self;
        found.into_iter().map(move |found| {
            let msg_id = found
                .msg_id
                .checked_sub(1)
                .map(|at| std::mem::take(&mut msg_ids[at as usize]));
            let stored = Stored {
                seq: found.seq,
                subject: subjects[found.subject as usize].clone(),
                time: found.time,
                header_len: found.header_len,
                body_len: found.body_len,
                msg_id,
                expiry: found.expiry,
            };
            (found.stream, stored, found.place)
        })
    }
}

fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("four thousand million messages do not fit into memory")
}
