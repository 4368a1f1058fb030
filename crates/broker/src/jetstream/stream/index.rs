//! What a stream holds, by sequence and by subject.

mod restore;
mod subjects;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Filters, Stored};
use crate::jetstream::clock::WallTime;
use crate::jetstream::config::{Retention, Storage};

use subjects::{SubjectId, Subjects};

/// A stored subject, shared by all messages that have it.
pub(crate) type Subject = Bytes;

/// Bytes that the reference server accounts for beside subject, headers and body, so that limits and sizes
/// mean the same here.
const MEMORY_OVERHEAD: u64 = 16;
const FILE_OVERHEAD: u64 = 30;
const FILE_HEADER_OVERHEAD: u64 = 4;

/// Where the owner of a stream keeps a body, which is all that it means: the stream hands it back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) u32, pub(crate) u32);

/// All stored messages, without their bodies.
#[derive(Debug)]
pub(crate) struct Index {
    storage: Storage,
    retention: Retention,
    slots: BTreeMap<u64, Slot>,
    subjects: Subjects,
    bytes: u64,
    /// The first stored sequence, or the next one if nothing is stored. Zero before the first message.
    first_seq: u64,
    last_seq: u64,
    last_time: WallTime,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    subject: SubjectId,
    header_len: u32,
    body_len: u32,
    time: WallTime,
    place: Place,
}

/// One stored message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) seq: u64,
    pub(crate) subject: &'a Subject,
    pub(crate) header_len: u32,
    pub(crate) body_len: u32,
    pub(crate) time: WallTime,
    pub(crate) place: Place,
}

/// What is left of a message that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remains {
    pub(crate) subject: Subject,
    /// Length of headers and body together.
    pub(crate) len: u32,
    pub(crate) place: Place,
}

/// How a search for the next message ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scan<'a> {
    Found(Entry<'a>),
    /// There is none.
    End,
    /// None was found before `next`, and the search had looked at enough.
    Unfinished {
        next: u64,
    },
}

// ---------------------------------------------------------------------------------------------------------

impl Index {
    /// An empty index whose first message gets `first_seq`, or 1 if that is 0.
    pub(super) fn new(storage: Storage, retention: Retention, first_seq: u64) -> Self {
        Self {
            storage,
            retention,
            slots: BTreeMap::new(),
            subjects: Subjects::default(),
            bytes: 0,
            first_seq,
            last_seq: first_seq.saturating_sub(1),
            last_time: WallTime::default(),
        }
    }

    /// When its messages go.
    pub(crate) fn retention(&self) -> Retention {
        self.retention
    }

    pub(super) fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

    pub(crate) fn len(&self) -> u64 {
        self.slots.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Time of the first stored message.
    pub(crate) fn first_time(&self) -> WallTime {
        self.slots
            .first_key_value()
            .map_or_else(WallTime::default, |(_, slot)| slot.time)
    }

    pub(crate) fn last_time(&self) -> WallTime {
        self.last_time
    }

    /// Number of subjects that have messages.
    pub(crate) fn subject_count(&self) -> usize {
        self.subjects.len()
    }

    /// Sequences between the first and the last that are not stored.
    pub(crate) fn deleted_count(&self) -> u64 {
        if self.slots.is_empty() {
            return 0;
        }
        (self.last_seq - self.first_seq + 1).saturating_sub(self.len())
    }

    /// Those sequences, at most `max`.
    pub(crate) fn deleted(&self, max: usize) -> Vec<u64> {
        let mut deleted = Vec::new();
        if self.slots.is_empty() {
            return deleted;
        }
        let mut expected = self.first_seq;
        let stored = self.slots.keys().copied();
        for seq in stored.chain([self.last_seq.saturating_add(1)]) {
            deleted.extend((expected..seq).take(max - deleted.len()));
            expected = seq.saturating_add(1);
            if deleted.len() >= max {
                break;
            }
        }
        deleted
    }

    pub(crate) fn get(&self, seq: u64) -> Option<Entry<'_>> {
        self.slots.get(&seq).map(|slot| self.entry(seq, slot))
    }

    /// All messages from `seq` on, in order.
    pub(crate) fn from(&self, seq: u64) -> impl Iterator<Item = Entry<'_>> {
        self.slots
            .range(seq..)
            .map(|(seq, slot)| self.entry(*seq, slot))
    }

    /// Sequence of the last message whose subject is matched by `filter`.
    pub(crate) fn last_of(&self, filter: &[u8]) -> Option<u64> {
        if crate::subject::has_wildcard(filter) {
            self.subjects
                .matching(filter)
                .map(|subject| subject.seqs.last())
                .max()
        } else {
            self.subjects.get(filter).map(|subject| subject.seqs.last())
        }
    }

    /// Number and first sequence of the messages with exactly this subject.
    pub(crate) fn count_of(&self, subject: &[u8]) -> Option<(u64, u64)> {
        self.subjects
            .get(subject)
            .map(|subject| (subject.seqs.len(), subject.seqs.first()))
    }

    /// The subjects matched by `filters`, each with its number of messages, ordered by name.
    pub(crate) fn subject_counts<'a>(
        &'a self,
        filter: &'a [u8],
    ) -> impl Iterator<Item = (&'a Subject, u64)> {
        self.subjects
            .matching(filter)
            .map(|subject| (&subject.name, subject.seqs.len()))
    }

    /// The first message from `seq` on that `filters` ask for, looking at no more than `budget` messages: fewer with
    /// several filters, each of which costs as much.
    pub(crate) fn next(&self, seq: u64, filters: &Filters, budget: usize) -> Scan<'_> {
        if filters.are_literal() {
            let found = filters
                .each()
                .filter_map(|filter| self.subjects.get(filter)?.seqs.at_or_after(seq))
                .min();
            return found
                .and_then(|seq| self.get(seq))
                .map_or(Scan::End, Scan::Found);
        }
        let messages_max = (budget / filters.each().count().max(1)).max(1);
        let mut next = seq;
        for (looked, entry) in self.from(seq).enumerate() {
            if looked >= messages_max {
                return Scan::Unfinished { next };
            }
            if filters.matches(entry.subject) {
                return Scan::Found(entry);
            }
            next = entry.seq + 1;
        }
        Scan::End
    }

    /// Sequences of the last message of each subject that `filters` ask for, in order.
    pub(crate) fn last_per_subject(&self, filters: &Filters) -> Vec<u64> {
        let mut seqs: Vec<u64> = self
            .matching(filters)
            .map(|subject| subject.seqs.last())
            .collect();
        seqs.sort_unstable();
        seqs.dedup();
        seqs
    }

    /// Sequences of all messages that `filters` ask for, in order.
    pub(crate) fn seqs(&self, filters: &Filters) -> Vec<u64> {
        if filters.is_all() {
            return self.slots.keys().copied().collect();
        }
        let mut seqs: Vec<u64> = self
            .matching(filters)
            .flat_map(|subject| subject.seqs.each())
            .collect();
        seqs.sort_unstable();
        seqs
    }

    /// Number of messages from `seq` on that `filters` ask for.
    pub(crate) fn count_from(&self, seq: u64, filters: &Filters) -> u64 {
        if filters.is_all() && seq <= self.first_seq {
            return self.len();
        }
        if filters.is_all() && self.deleted_count() == 0 {
            return (self.last_seq + 1).saturating_sub(seq);
        }
        if filters.is_all() {
            return self.slots.range(seq..).count() as u64;
        }
        self.matching(filters)
            .map(|subject| subject.seqs.count_from(seq))
            .sum()
    }

    /// Sequence of the first message stored at `time` or later, or the next sequence.
    pub(crate) fn seq_at(&self, time: WallTime) -> u64 {
        self.from(0)
            .find(|entry| entry.time >= time)
            .map_or(self.last_seq + 1, |entry| entry.seq)
    }

    /// Bytes that a message counts for.
    pub(crate) fn size(&self, subject_len: usize, header_len: u32, body_len: u32) -> u64 {
        let overhead = match self.storage {
            Storage::Memory => MEMORY_OVERHEAD,
            Storage::File if header_len > 0 => FILE_OVERHEAD + FILE_HEADER_OVERHEAD,
            Storage::File => FILE_OVERHEAD,
        };
        overhead + subject_len as u64 + u64::from(header_len) + u64::from(body_len)
    }

    /// The shared form of a subject, made if no message has it yet.
    pub(super) fn intern(&self, subject: &[u8]) -> Subject {
        self.subjects.get(subject).map_or_else(
            || Bytes::copy_from_slice(subject),
            |found| found.name.clone(),
        )
    }

    /// Adds a message, whose sequence is higher than all before.
    pub(super) fn append(&mut self, stored: &Stored) {
        let subject = self.subjects.add(&stored.subject, stored.seq);
        if self.slots.is_empty() {
            self.first_seq = stored.seq;
        }
        self.bytes += self.size(stored.subject.len(), stored.header_len, stored.body_len);
        self.last_seq = stored.seq;
        self.last_time = stored.time;
        self.slots.insert(
            stored.seq,
            Slot {
                subject,
                header_len: stored.header_len,
                body_len: stored.body_len,
                time: stored.time,
                place: Place::default(),
            },
        );
    }

    /// Notes where the body of a message is.
    pub(super) fn set_place(&mut self, seq: u64, place: Place) {
        if let Some(slot) = self.slots.get_mut(&seq) {
            slot.place = place;
        }
    }

    /// Uses up a sequence without a message.
    pub(super) fn skip(&mut self, time: WallTime) -> u64 {
        self.last_seq += 1;
        self.last_time = time;
        if self.slots.is_empty() {
            self.first_seq = self.last_seq + 1;
        }
        self.last_seq
    }

    /// Removes a message, and returns what is left of it.
    pub(super) fn remove(&mut self, seq: u64) -> Option<Remains> {
        let slot = self.slots.remove(&seq)?;
        let subject = self.subjects.remove(slot.subject, seq);
        self.bytes -= self.size(subject.len(), slot.header_len, slot.body_len);
        if seq == self.first_seq {
            self.first_seq = self
                .slots
                .first_key_value()
                .map_or(self.last_seq + 1, |(first, _)| *first);
        }
        Some(Remains {
            subject,
            len: slot.header_len + slot.body_len,
            place: slot.place,
        })
    }

    /// Removes all messages, and returns how many those were.
    pub(super) fn clear(&mut self) -> u64 {
        let count = self.len();
        self.slots.clear();
        self.subjects = Subjects::default();
        self.bytes = 0;
        self.first_seq = self.last_seq + 1;
        count
    }

    /// Accounts for sequences that were used and whose messages are gone.
    pub(super) fn raise(&mut self, floor: u64, last_seq: u64, last_time: WallTime) {
        let last_seq = last_seq.max(floor.saturating_sub(1));
        if last_seq > self.last_seq {
            self.last_seq = last_seq;
            self.last_time = last_time;
        }
        // A stream that was purged says what comes next, even where nothing came before.
        if self.slots.is_empty() && (self.last_seq > 0 || floor > 0) {
            self.first_seq = self.last_seq + 1;
        }
    }

    fn matching<'a>(
        &'a self,
        filters: &'a Filters,
    ) -> impl Iterator<Item = &'a subjects::SubjectState> {
        let all: Option<&[u8]> = filters.is_all().then_some(b">");
        // Filters of one consumer do not overlap, so no subject comes twice.
        all.into_iter()
            .chain(filters.each())
            .flat_map(|filter| self.subjects.matching(filter))
    }

    fn entry(&self, seq: u64, slot: &Slot) -> Entry<'_> {
        Entry {
            seq,
            subject: self.subjects.name(slot.subject),
            header_len: slot.header_len,
            body_len: slot.body_len,
            time: slot.time,
            place: slot.place,
        }
    }

    /// Sequences of the messages before `seq` with exactly this subject.
    pub(super) fn seqs_of(&self, subject: &[u8], before: u64) -> Vec<u64> {
        self.subjects
            .get(subject)
            .map(|subject| subject.seqs.before(before))
            .unwrap_or_default()
    }
}
