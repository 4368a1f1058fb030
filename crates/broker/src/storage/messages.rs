//! The messages that a start finds, in as little memory as can be.

use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::entry::Head;
use super::record::StreamId;
use crate::jetstream::clock::WallTime;
use crate::jetstream::stream::{Expiry, Place, Restored, Subject};

/// All messages that are not forgotten, by stream and sequence.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    found: Vec<Found>,
    subjects: Names,
    msg_ids: Vec<Box<[u8]>>,
}

/// Texts by number, side by side: a start looks one up for each message.
#[derive(Debug, Default)]
struct Names {
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

/// What one stream has.
#[derive(Debug)]
pub(crate) struct FoundStream<'a> {
    pub(crate) id: StreamId,
    /// Every subject that one of its messages has, once.
    pub(crate) subjects: Vec<Subject>,
    found: &'a [Found],
    msg_ids: &'a [Box<[u8]>],
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
            && self.subjects.get(last.subject) == subject
        {
            return last.subject;
        }
        self.subjects.number(subject)
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

    /// What each stream has, by its number.
    pub(crate) fn streams(&mut self) -> impl Iterator<Item = FoundStream<'_>> {
        let (names, msg_ids) = (&self.subjects, &self.msg_ids[..]);
        // Of each subject the last stream that has it, counted from one, and its number there.
        let mut numbers = vec![(0_u32, 0_u32); names.len()];
        let mut count = 0;
        let streams = self.found.chunk_by_mut(|a, b| a.stream == b.stream);
        streams.map(move |found| {
            count += 1;
            let mut subjects = Vec::new();
            for message in &mut *found {
                let (stream, number) = &mut numbers[message.subject as usize];
                if *stream != count {
                    (*stream, *number) = (count, index_u32(subjects.len()));
                    subjects.push(Bytes::copy_from_slice(names.get(message.subject)));
                }
                message.subject = *number;
            }
            FoundStream {
                id: found.first().map_or(0, |message| message.stream),
                subjects,
                found,
                msg_ids,
            }
        })
    }
}

impl FoundStream<'_> {
    /// Its messages in order, and where each stands.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Restored<'_>> {
        self.found.iter().map(|found| Restored {
            seq: found.seq,
            subject: found.subject,
            time: found.time,
            header_len: found.header_len,
            body_len: found.body_len,
            msg_id: found
                .msg_id
                .checked_sub(1)
                .map(|at| &*self.msg_ids[at as usize]),
            expiry: found.expiry,
            place: found.place,
        })
    }
}

// ===== impl Names =====

impl Names {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, number: u32) -> &[u8] {
        name(&self.text, &self.ends, number)
    }

    /// The number of a text, which gets one if it has none.
    fn number(&mut self, wanted: &[u8]) -> u32 {
        let Self {
            text,
            ends,
            numbers,
            hasher,
        } = self;
        let entry = numbers.entry(
            hasher.hash_one(wanted),
            |number| name(text, ends, *number) == wanted,
            |number| hasher.hash_one(name(text, ends, *number)),
        );
        match entry {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let number = index_u32(ends.len());
                entry.insert(number);
                text.extend_from_slice(wanted);
                ends.push(text.len());
                number
            }
        }
    }
}

fn name<'a>(text: &'a [u8], ends: &[usize], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start..ends[number]]
}

fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("four thousand million messages do not fit into memory")
}
