//! The log: everything that streams store, in the order in which it happened.
//!
//! Changes are collected in a frame, and written in one piece when the frame is complete. The log knows of each segment
//! how much of it still counts; see [`super::clean`] for what becomes of those of which little does.
//!
//! The records that a segment begins with are no part of its length: however many there are, they are written once for
//! as much as a segment takes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::entry::{self, BODY_SUM_LEN, FORGET_LEN};
use super::file;
use super::load::{Loaded, Records, SegmentInfo};
use super::record::StreamId;
use super::seal::Seal;
use super::segment::{self, FRAME_LEN, FrameHeader, HEADER_LEN, Header};
use super::unsynced::Unsynced;
use crate::jetstream::stream::{Place, Stored};

/// Length from which a segment takes no more, beside the records that it began with. Short in tests, so that they meet
/// many.
pub(super) const SEGMENT_LEN: u64 = if cfg!(any(test, fuzzing)) {
    8 * 1024
} else {
    32 * 1024 * 1024
};

/// Room that is filled with zeros ahead of frames that somebody waits for: writing into it changes nothing but
/// content, so a sync need not write what the file system keeps of a file that grows.
const ROOM_LEN: usize = if cfg!(any(test, fuzzing)) {
    512
} else {
    256 * 1024
};

/// Memory that is kept for the next frame.
const SPARE_LEN: usize = 256 * 1024;

/// Segments that are kept open.
const OPEN_MAX: usize = 128;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("cannot read segment {segment}")]
    Read { segment: u32, source: io::Error },
    #[error("segment {segment} is missing")]
    Missing { segment: u32 },
    #[error("segment {segment} is damaged at {offset}")]
    Damaged { segment: u32, offset: u32 },
}

/// The log of one store. It has one owner.
#[derive(Debug)]
pub(crate) struct Log {
    pub(super) directory: PathBuf,
    pub(super) seal: Seal,
    /// The frame that is being made, with room for its header.
    frame: Vec<u8>,
    /// Number of the next frame.
    next: u64,
    /// The segment that is written to.
    pub(super) last: u32,
    file: Arc<File>,
    /// Where the next frame goes.
    end: u64,
    /// Up to where there is room filled with zeros.
    room_end: u64,
    pub(super) segments: BTreeMap<u32, Segment>,
    /// All records that are no messages, for the next segment to begin with.
    pub(super) records: Records,
    unsynced: Arc<Unsynced>,
    /// What the storage thread is to be told.
    sealed: Vec<u32>,
    pub(super) removed: Vec<u32>,
    pub(super) cleaning: Option<super::clean::Cleaning>,
    pub(super) is_cleaning_stopped: bool,
}

/// What is known of one segment.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) info: SegmentInfo,
    /// Bytes of messages that still count.
    pub(super) live: u64,
    /// It cannot be cleaned: something of it is damaged.
    pub(super) is_sick: bool,
    file: OnceLock<Arc<File>>,
}

// ---------------------------------------------------------------------------------------------------------

impl Log {
    /// Goes on with what was read from `directory`.
    pub(super) fn new(directory: PathBuf, loaded: Loaded, seal: Seal) -> io::Result<Self> {
        let segments: BTreeMap<u32, Segment> = loaded
            .segments
            .into_iter()
            .map(|(number, info)| (number, Segment::of(info)))
            .collect();
        let last = segments.last_key_value().map(|(number, _)| *number);
        let header = Header {
            number: 1,
            seal,
            first: loaded.next,
            is_mended: false,
        };
        let file = Arc::new(match last {
            Some(last) => segment::open(&directory, last)?,
            None => segment::create(&directory, &header)?,
        });
        let end = segments
            .last_key_value()
            .map_or(HEADER_LEN as u64, |(_, segment)| segment.info.len);
        // Cuts what was being written, and room that was set aside.
        file.set_len(end)?;
        let mut log = Self {
            directory,
            seal,
            frame: Vec::new(),
            next: loaded.next,
            last: last.unwrap_or(1),
            file: Arc::clone(&file),
            end,
            room_end: end,
            segments,
            records: loaded.records,
            unsynced: Arc::default(),
            sealed: Vec::new(),
            removed: Vec::new(),
            cleaning: None,
            is_cleaning_stopped: false,
        };
        log.unsynced.add(file);
        let last = log.segments.entry(log.last).or_default();
        if !last.info.has_reset && log.segments.len() > 1 {
            // A crash came before they were written, or they are damaged.
            log.write_records()?;
        }
        for lost in loaded.lost {
            log.begin();
            entry::put_gone(&mut log.frame, seal, lost);
        }
        log.commit(false)?;
        let worth = log.segments.iter().filter(|(number, segment)| {
            let info = &segment.info;
            let is_worth = super::summary::is_worth(info.len, info.heads);
            **number != log.last && !info.has_summary && is_worth
        });
        log.sealed = worth.map(|(number, _)| *number).collect();
        Ok(log)
    }

    pub(super) fn unsynced(&self) -> Arc<Unsynced> {
        Arc::clone(&self.unsynced)
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.frame.is_empty()
    }

    /// Adds a message. Returns where it is kept, from where it can be read at once.
    pub(crate) fn message(&mut self, stream: StreamId, stored: &Stored, body: &[u8]) -> Place {
        self.begin();
        let at = entry::put_message(&mut self.frame, self.seal, stream, stored, body);
        let offset = u32::try_from(self.end + at as u64).unwrap_or(u32::MAX);
        let segment = self.segments.entry(self.last).or_default();
        segment.live += entry::cost(stored.subject.len(), body.len());
        segment.info.heads += entry::cost(stored.subject.len(), 0);
        Place(self.last, offset)
    }

    /// Adds that a message is no more, which has this cost.
    pub(crate) fn forget(&mut self, stream: StreamId, seq: u64, place: Place, cost: u64) {
        self.begin();
        entry::put_forget(&mut self.frame, self.seal, stream, seq, place.0);
        self.count_out(place.0, cost);
        let is_elsewhere = place.0 != self.last && self.segments.contains_key(&place.0);
        let segment = self.segments.entry(self.last).or_default();
        segment.info.heads += FORGET_LEN as u64;
        if is_elsewhere {
            *segment.info.forgets.entry(place.0).or_default() += 1;
        }
    }

    /// Notes that messages of this cost count in a segment.
    pub(crate) fn count_in(&mut self, segment: u32, cost: u64) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.live += cost;
        }
    }

    /// Notes that they do no more.
    pub(crate) fn count_out(&mut self, segment: u32, cost: u64) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.live = segment.live.saturating_sub(cost);
        }
    }

    /// Puts a record, or removes it.
    pub(super) fn record(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.begin();
        let before = self.frame.len();
        entry::put_record(&mut self.frame, self.seal, &key, value.as_deref());
        let len = (self.frame.len() - before) as u64;
        self.segments.entry(self.last).or_default().info.heads += len;
        match value {
            Some(value) => self.records.insert(key, value),
            None => self.records.remove(&key),
        };
    }

    /// Adds an entry that stands in another segment, and tells where its body is then.
    pub(super) fn copy(&mut self, bytes: &[u8], body_at: usize) -> Place {
        self.begin();
        let at = self.end + (self.frame.len() + body_at) as u64;
        self.frame.extend_from_slice(bytes);
        Place(self.last, u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// Adds that a segment is no more.
    pub(super) fn gone(&mut self, segment: u32) {
        self.begin();
        entry::put_gone(&mut self.frame, self.seal, segment);
    }

    /// Hands everything to the operating system: from then on it survives the end of this process. `is_awaited` tells
    /// that somebody waits until it is on the disk.
    ///
    /// After an error nothing more may be added.
    pub(crate) fn commit(&mut self, is_awaited: bool) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let len = self.frame.len();
        FrameHeader::fill(&mut self.frame, self.next, self.seal);
        let end = self.end + len as u64;
        if is_awaited && end > self.room_end {
            self.frame.resize(len + ROOM_LEN, 0);
            self.room_end = self.end + self.frame.len() as u64;
        }
        file::write_at(&self.file, &self.frame, self.end)?;
        self.end = end;
        self.room_end = self.room_end.max(end);
        self.next += 1;
        self.frame.clear();
        if self.frame.capacity() > SPARE_LEN {
            self.frame = Vec::new();
        }
        let segment = self.segments.entry(self.last).or_default();
        segment.info.len = end;
        if segment.info.content_len() >= SEGMENT_LEN {
            self.begin_segment()?;
        }
        Ok(())
    }

    /// Segments that are complete, whose summaries are to be written.
    pub(crate) fn take_sealed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.sealed)
    }

    /// Segments that may be removed once what was committed is on the disk.
    pub(crate) fn take_removed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.removed)
    }

    /// Headers and body of a message, `len` bytes. Empty if it has neither.
    pub(crate) fn body(
        &self,
        stream: StreamId,
        seq: u64,
        place: Place,
        len: usize,
    ) -> Result<Bytes, BodyError> {
        if len == 0 {
            return Ok(Bytes::new());
        }
        let Place(segment, offset) = place;
        let bytes = self.read(place, len)?;
        let (sum, body) = bytes.split_at(BODY_SUM_LEN);
        if *sum != self.seal.body(stream, seq, body) {
            return Err(BodyError::Damaged { segment, offset });
        }
        Ok(Bytes::from(bytes).slice(BODY_SUM_LEN..))
    }

    /// A body with what is in front of it.
    fn read(&self, Place(segment, offset): Place, len: usize) -> Result<Vec<u8>, BodyError> {
        let start = u64::from(offset).saturating_sub(BODY_SUM_LEN as u64);
        let len = BODY_SUM_LEN + len;
        if segment == self.last && start >= self.end {
            let at = usize::try_from(start - self.end).unwrap_or(usize::MAX);
            let found = self.frame.get(at..at.saturating_add(len));
            return found
                .map(<[u8]>::to_vec)
                .ok_or(BodyError::Damaged { segment, offset });
        }
        let failed = |source| BodyError::Read { segment, source };
        let file = self.file_of(segment)?;
        let mut bytes = vec![0; len];
        file::read_at(&file, &mut bytes, start).map_err(failed)?;
        Ok(bytes)
    }

    /// The file of a segment, which is opened if it is not.
    pub(super) fn file_of(&self, number: u32) -> Result<Arc<File>, BodyError> {
        if number == self.last {
            return Ok(Arc::clone(&self.file));
        }
        let segment = self.segments.get(&number);
        let Segment { file, .. } = segment.ok_or(BodyError::Missing { segment: number })?;
        if let Some(file) = file.get() {
            return Ok(Arc::clone(file));
        }
        let opened = segment::open(&self.directory, number).map_err(|source| BodyError::Read {
            segment: number,
            source,
        })?;
        Ok(Arc::clone(file.get_or_init(|| Arc::new(opened))))
    }

    fn begin(&mut self) {
        if self.frame.is_empty() {
            self.frame.resize(FRAME_LEN, 0);
        }
    }

    /// Goes on in a new segment, which begins with all records.
    fn begin_segment(&mut self) -> io::Result<()> {
        let header = Header {
            number: self.last + 1,
            seal: self.seal,
            first: self.next,
            is_mended: false,
        };
        let file = Arc::new(segment::create(&self.directory, &header)?);
        let full = self.segments.get(&self.last);
        if full.is_some_and(|full| super::summary::is_worth(full.info.len, full.info.heads)) {
            self.sealed.push(self.last);
        }
        self.limit_open();
        if let Some(full) = self.segments.get_mut(&self.last) {
            full.info.next = self.next;
            // The first to take a place here.
            let _ = full.file.set(Arc::clone(&self.file));
        }
        self.last = header.number;
        self.file = Arc::clone(&file);
        self.unsynced.add(file);
        self.end = HEADER_LEN as u64;
        self.room_end = self.end;
        self.write_records()?;
        self.choose_cleaning();
        Ok(())
    }

    /// Writes all records into the last segment, so that those before do not count for them.
    fn write_records(&mut self) -> io::Result<()> {
        let before = self.segments.range(..self.last);
        let before = before.map(|(number, segment)| (*number, segment.info.next));
        let mut frame = vec![0; FRAME_LEN];
        entry::put_reset(&mut frame, self.seal, before);
        for (key, value) in &self.records {
            entry::put_record(&mut frame, self.seal, key, Some(value));
        }
        FrameHeader::fill(&mut frame, self.next, self.seal);
        file::write_at(&self.file, &frame, self.end)?;
        self.end += frame.len() as u64;
        self.room_end = self.room_end.max(self.end);
        self.next += 1;
        let segment = self.segments.entry(self.last).or_default();
        segment.info.heads += frame.len() as u64;
        segment.info.records_len = frame.len() as u64;
        segment.info.len = self.end;
        Ok(())
    }

    /// Closes segments if many are open.
    fn limit_open(&mut self) {
        let segments = self.segments.values_mut();
        let open = segments.filter(|segment| segment.file.get().is_some());
        let open: Vec<&mut Segment> = open.collect();
        if open.len() >= OPEN_MAX {
            for segment in open {
                segment.file = OnceLock::new();
            }
        }
    }
}

impl Segment {
    fn of(info: SegmentInfo) -> Self {
        Self {
            info,
            ..Self::default()
        }
    }
}
