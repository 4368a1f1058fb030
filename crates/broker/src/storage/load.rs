//! Reading back what an earlier run stored.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::Path;

use super::entry::{Entry, FORGET_LEN, Raw};
use super::mend;
use super::messages::Messages;
use super::record::StreamId;
use super::scan::{Scanned, Scope, scan};
use super::seal::Seal;
use super::segment::{self, FRAME_LEN, HEADER_LEN, Header};
use super::summary;
use crate::jetstream::stream::Place;
use crate::stats::Counters;

/// Records that are no messages, by key.
pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// What was read of one segment.
#[derive(Debug, Default)]
pub(super) struct SegmentInfo {
    pub(super) len: u64,
    /// Bytes that are not bodies.
    pub(super) heads: u64,
    /// Bytes of the records that it began with. Zero where a summary was read in its place: such a segment is mostly
    /// bodies, so they make up little of it.
    pub(super) records_len: u64,
    /// How many messages of other segments it says are forgotten.
    pub(super) forgets: BTreeMap<u32, u32>,
    /// It holds messages that were copied out of it.
    pub(super) is_stale: bool,
    pub(super) has_summary: bool,
    /// It has all records that were there when it began.
    pub(super) has_reset: bool,
    /// Number of the frame that follows its last one, once it is complete.
    pub(super) next: u64,
    /// It is known that frames are missing.
    is_mended: bool,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) records: Records,
    pub(super) messages: Messages,
    pub(super) segments: BTreeMap<u32, SegmentInfo>,
    /// Segments that ought to be there.
    pub(super) lost: Vec<u32>,
    pub(super) seal: Option<Seal>,
    /// Number of the next frame.
    pub(super) next: u64,
}

struct Loader<'a> {
    directory: &'a Path,
    counters: &'a Counters,
    loaded: Loaded,
    forgets: Vec<(StreamId, u64)>,
    /// Segments that were there when the last of the read entries was written, and the number of the frame that follows
    /// each, where it is known.
    expected: BTreeMap<u32, Option<u64>>,
    gone: BTreeSet<u32>,
    /// What segments are read into.
    buffer: Vec<u8>,
}

// ---------------------------------------------------------------------------------------------------------

/// Reads all segments in `directory`, which nothing else may have open, and mends those that are damaged.
pub(super) fn load(directory: &Path, counters: &Counters) -> io::Result<Loaded> {
    mend::settle(directory)?;
    let mut loader = Loader {
        directory,
        counters,
        loaded: Loaded::default(),
        forgets: Vec::new(),
        expected: BTreeMap::new(),
        gone: BTreeSet::new(),
        buffer: Vec::new(),
    };
    let mut headers = Vec::new();
    for number in segment::list(directory)? {
        let file = segment::open(directory, number)?;
        let len = file.metadata()?.len();
        let mut start = vec![0; HEADER_LEN.min(usize::try_from(len).unwrap_or(HEADER_LEN))];
        super::file::read_at(&file, &mut start, 0)?;
        let header = Header::decode(&start).filter(|header| header.number == number);
        headers.push((number, header, len));
    }
    if let Some((number, None, len)) = headers.last()
        && *len < HEADER_LEN as u64
    {
        // It was being made when the process ended.
        segment::remove(&segment::path(directory, *number))?;
        counters.torn_batches.add(u64::from(*len > 0));
        headers.pop();
    }
    loader.loaded.seal = headers
        .iter()
        .find_map(|(_, header, _)| Some((*header)?.seal));
    let last = headers.last().map(|(number, ..)| *number);
    for (number, header, len) in headers {
        loader.segment(number, header, len, Some(number) == last)?;
    }
    loader.finish()
}

impl Loader<'_> {
    fn segment(
        &mut self,
        number: u32,
        header: Option<Header>,
        len: u64,
        is_last: bool,
    ) -> io::Result<()> {
        let Some(seal) = header.map(|header| header.seal).or(self.loaded.seal) else {
            // Nothing tells how any of it is to be read.
            self.report(number, 0..usize::try_from(len).unwrap_or(usize::MAX));
            return mend::set_aside(self.directory, number);
        };
        self.expected.insert(number, None);
        let info = SegmentInfo {
            is_mended: header.is_none_or(|header| header.is_mended),
            ..SegmentInfo::default()
        };
        self.loaded.segments.insert(number, info);
        if let Some(header) = header.filter(|_| !is_last)
            && self.by_summary(&header, len, seal)
        {
            return Ok(());
        }
        // One buffer for all: the pages of a new one would cost as much as reading.
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        segment::open(self.directory, number)?.read_to_end(&mut bytes)?;
        let scope = Scope {
            bytes: &bytes,
            seal,
            first: header.map(|header| header.first),
            is_last,
        };
        let from = self.loaded.messages.len();
        let found = scan(scope, |frame| {
            if frame.is_whole {
                self.note_records(number, frame.entries);
            }
            for raw in frame.entries {
                if frame.is_whole || !matches!(raw.entry, Entry::Reset { .. }) {
                    let at = u32::try_from(raw.body_at).unwrap_or(u32::MAX);
                    self.apply(number, &raw.entry, Place(number, at));
                    self.info(number).heads += (raw.range.len() - raw.body.len()) as u64;
                }
            }
        });
        self.tell(number, &found, header.is_none());
        let end = if found.is_sound() && header.is_some() {
            found.end
        } else {
            let content = mend::mend(self.directory, number, scope, found.next)?;
            summary::remove(self.directory, number)?;
            self.info(number).is_mended = true;
            self.replace(number, from, &content, seal)
        };
        self.info(number).next = found.next;
        self.info(number).len = if is_last {
            end as u64
        } else {
            len.max(end as u64)
        };
        self.loaded.next = self.loaded.next.max(found.next);
        self.buffer = bytes;
        Ok(())
    }

    /// Notes how long the records are that a segment began with, if these entries of one frame are they.
    fn note_records(&mut self, number: u32, entries: &[Raw<'_>]) {
        if let (Some(first), Some(last)) = (entries.first(), entries.last())
            && matches!(first.entry, Entry::Reset { .. })
        {
            let len = FRAME_LEN + (last.range.end - first.range.start);
            self.info(number).records_len = len as u64;
        }
    }

    /// Tells what was found damaged.
    fn tell(&mut self, number: u32, found: &Scanned, is_headless: bool) {
        for part in &found.damaged {
            self.report(number, part.clone());
        }
        if is_headless {
            self.report(number, 0..HEADER_LEN);
        }
        if found.missing > 0 {
            self.counters.corrupt_records.add(found.missing);
            tracing::error!(
                segment = number,
                batches = found.missing,
                "Batches are missing"
            );
        }
        if found.is_torn {
            self.counters.torn_batches.add(1);
            tracing::info!(segment = number, "Dropped a batch that was being written");
        }
    }

    fn report(&self, number: u32, part: std::ops::Range<usize>) {
        self.counters.corrupt_records.add(1);
        tracing::error!(
            segment = number,
            offset = part.start,
            bytes = part.len(),
            "Skipped damaged records"
        );
    }

    /// Reads the summary of a segment in its place. False if there is none that holds.
    fn by_summary(&mut self, header: &Header, len: u64, seal: Seal) -> bool {
        let number = header.number;
        let Some(summary) = summary::read(self.directory, header, len, seal) else {
            return false;
        };
        let is_sound = summary.each(seal, |_, _| ());
        if is_sound {
            summary.each(seal, |entry, at| {
                self.apply(number, entry, Place(number, at))
            });
            let info = self.info(number);
            info.len = len;
            info.heads = summary.heads();
            info.has_summary = true;
            info.next = summary.next;
            self.loaded.next = self.loaded.next.max(summary.next);
        }
        is_sound
    }

    /// Notes where the messages of a segment stand that was mended. Returns where it ends.
    fn replace(&mut self, number: u32, from: usize, content: &[u8], seal: Seal) -> usize {
        let scope = Scope {
            bytes: content,
            seal,
            first: None,
            is_last: false,
        };
        let mut at = from;
        let found = scan(scope, |frame| {
            for raw in frame.entries {
                if matches!(raw.entry, Entry::Message(_)) {
                    let offset = u32::try_from(raw.body_at).unwrap_or(u32::MAX);
                    self.loaded.messages.set_place(at, Place(number, offset));
                    at += 1;
                }
            }
        });
        found.end
    }

    fn info(&mut self, number: u32) -> &mut SegmentInfo {
        self.loaded.segments.entry(number).or_default()
    }

    fn apply(&mut self, number: u32, entry: &Entry<'_>, place: Place) {
        match *entry {
            Entry::Message(head) => self.loaded.messages.add(&head, place),
            Entry::Forget {
                stream,
                seq,
                segment,
            } => {
                self.forgets.push((stream, seq));
                if segment != number {
                    *self.info(number).forgets.entry(segment).or_default() += 1;
                }
            }
            Entry::Put { key, value } => {
                self.loaded.records.insert(key.to_vec(), value.to_vec());
            }
            Entry::Delete { key } => {
                self.loaded.records.remove(key);
            }
            Entry::Reset { segments } => {
                self.info(number).has_reset = true;
                self.loaded.records.clear();
                self.expected.clear();
                self.expected.insert(number, None);
                let listed = segments.each().map(|(segment, next)| (segment, Some(next)));
                self.expected.extend(listed);
                // A crash came before those were removed that are not among them.
                let before = self.loaded.segments.range(..number);
                let gone = before.filter(|(segment, _)| !self.expected.contains_key(segment));
                self.gone.extend(gone.map(|(segment, _)| *segment));
            }
            Entry::Gone { segment } => {
                self.expected.remove(&segment);
                self.gone.insert(segment);
            }
        }
    }

    /// Tells which segments are missing, and which are shorter than they were.
    fn check_expected(&mut self) -> io::Result<()> {
        for (number, next) in std::mem::take(&mut self.expected) {
            let Some(info) = self.loaded.segments.get(&number) else {
                self.counters.corrupt_records.add(1);
                tracing::error!(segment = number, "A segment of the log is missing");
                self.loaded.lost.push(number);
                continue;
            };
            let missing = next.map_or(0, |next| next.saturating_sub(info.next));
            if missing > 0 && !info.is_mended {
                self.counters.corrupt_records.add(missing);
                tracing::error!(segment = number, batches = missing, "Batches are missing");
                self.note_missing(number)?;
            }
        }
        Ok(())
    }

    /// Notes in a segment that it was told what is missing of it.
    fn note_missing(&self, number: u32) -> io::Result<()> {
        let file = segment::open(self.directory, number)?;
        let mut header = vec![0; HEADER_LEN];
        super::file::read_at(&file, &mut header, 0)?;
        if let Some(header) = Header::decode(&header) {
            let noted = Header {
                is_mended: true,
                ..header
            };
            super::file::write_at(&file, &noted.encode(), 0)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Loaded> {
        self.check_expected()?;
        let numbers: BTreeSet<u32> = self.loaded.segments.keys().copied().collect();
        // A crash came before they were removed. What they had that counts was copied.
        for gone in self.gone.intersection(&numbers) {
            self.loaded.segments.remove(gone);
            segment::remove(&segment::path(self.directory, *gone))?;
            summary::remove(self.directory, *gone)?;
        }
        let segments = &mut self.loaded.segments;
        let messages = &mut self.loaded.messages;
        for stale in messages.settle(&mut self.forgets, |place| segments.contains_key(&place.0)) {
            if let Some(info) = segments.get_mut(&stale.0) {
                info.is_stale = true;
            }
        }
        let known: BTreeSet<u32> = segments.keys().copied().collect();
        for info in segments.values_mut() {
            info.forgets.retain(|segment, _| known.contains(segment));
        }
        Ok(self.loaded)
    }
}

impl SegmentInfo {
    /// Bytes of it beside the records that it began with.
    pub(super) fn content_len(&self) -> u64 {
        self.len.saturating_sub(self.records_len)
    }

    /// Bytes of it that other segments need.
    pub(super) fn forgets_len(&self) -> u64 {
        let count: u64 = self.forgets.values().map(|count| u64::from(*count)).sum();
        count * FORGET_LEN as u64
    }
}
