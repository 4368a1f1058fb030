//! Segments of which little still counts make room: what counts is copied to the end of the log, a portion at a time.
//!
//! The segment of which the least counts is next, once less than half of it does, so that no more is copied than was
//! written. The records that a segment began with are left out of that: they are in every later one, and where there
//! are many, cleaning would never end on their account. That a message was forgotten counts as long as the segment is
//! there that the message stood in. Only when everything that was copied is on the disk is the segment removed.
//! Messages that stand in two segments since a crash came in between are seen to first: so long as the old copy is
//! there, that it was forgotten must not be.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::entry::Entry;
use super::file;
use super::log::Log;
use super::record::StreamId;
use super::scan::read_entries;
use super::segment::{FRAME_LEN, FrameHeader, HEADER_LEN};
use crate::jetstream::stream::Place;

/// Bytes that are read in one go.
const PORTION_LEN: usize = if cfg!(any(test, fuzzing)) {
    1024
} else {
    256 * 1024
};

/// How far the cleaning of a segment has come.
#[derive(Debug)]
pub(crate) struct Cleaning {
    segment: u32,
    at: u64,
}

/// A part of a segment that is to be read.
#[derive(Debug)]
pub(crate) struct Wanted {
    file: Arc<File>,
    segment: u32,
    at: u64,
    len: u64,
}

/// Whole frames of a segment.
#[derive(Debug)]
pub(crate) struct Portion {
    segment: u32,
    at: u64,
    bytes: io::Result<Vec<u8>>,
}

/// A message that was copied.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) stream: StreamId,
    pub(crate) seq: u64,
    pub(crate) to: Place,
}

// ---------------------------------------------------------------------------------------------------------

impl Wanted {
    /// Reads it. Blocks.
    pub(crate) fn read(self) -> Portion {
        Portion {
            segment: self.segment,
            at: self.at,
            bytes: self.read_bytes(),
        }
    }

    fn read_bytes(&self) -> io::Result<Vec<u8>> {
        let rest = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; rest.min(PORTION_LEN)];
        file::read_at(&self.file, &mut bytes, self.at)?;
        // A frame that is longer than a portion.
        if let Some(len) = bytes.get(4..8) {
            let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]);
            let len = FRAME_LEN.saturating_add(len as usize).min(rest);
            if len > bytes.len() {
                bytes = vec![0; len];
                file::read_at(&self.file, &mut bytes, self.at)?;
            }
        }
        Ok(bytes)
    }
}

impl Log {
    /// Whether a segment is being cleaned.
    pub(crate) fn is_cleaning(&self) -> bool {
        self.cleaning.is_some()
    }

    /// Picks the next segment to be cleaned, if there is one that is worth it and none is being cleaned.
    pub(crate) fn choose_cleaning(&mut self) {
        if self.cleaning.is_some() || self.is_cleaning_stopped {
            return;
        }
        let candidates = self.segments.iter().filter(|(number, segment)| {
            let counts = segment.live + segment.info.forgets_len();
            let is_worth = segment.info.is_stale || counts * 2 < segment.info.content_len();
            **number != self.last && !segment.is_sick && is_worth
        });
        let order = |(_, segment): &(&u32, &super::log::Segment)| {
            let counts = segment.live + segment.info.forgets_len();
            let part = counts * 1000 / segment.info.content_len().max(1);
            (!segment.info.is_stale, part)
        };
        let next = candidates.min_by_key(order).map(|(number, _)| *number);
        self.cleaning = next.map(|segment| Cleaning {
            segment,
            at: HEADER_LEN as u64,
        });
    }

    /// What is to be read next.
    pub(crate) fn next_to_clean(&mut self) -> Option<Wanted> {
        let (number, at) = self
            .cleaning
            .as_ref()
            .map(|cleaning| (cleaning.segment, cleaning.at))?;
        let (Some(segment), Ok(file)) = (self.segments.get(&number), self.file_of(number)) else {
            self.give_up(number);
            return None;
        };
        let is_needed = segment.live + segment.info.forgets_len() > 0;
        Some(Wanted {
            file,
            segment: number,
            // Nothing of it counts, so nothing has to be read.
            at: if is_needed { at } else { segment.info.len },
            len: segment.info.len,
        })
    }

    /// Cleans nothing more in this run.
    pub(crate) fn stop_cleaning(&mut self) {
        self.cleaning = None;
        self.is_cleaning_stopped = true;
    }

    /// Copies what counts of a portion, as `is_live` tells for messages. The caller commits afterwards.
    pub(crate) fn clean(
        &mut self,
        portion: &Portion,
        is_live: impl Fn(StreamId, u64, Place) -> bool,
    ) -> Vec<Moved> {
        let number = portion.segment;
        let mut moved = Vec::new();
        let Ok(bytes) = &portion.bytes else {
            self.give_up(number);
            return moved;
        };
        let mut at = 0;
        while let Some(header) = FrameHeader::decode(&bytes[at..], self.seal)
            && let Some(end) = (at + FRAME_LEN).checked_add(header.len)
            && end <= bytes.len()
        {
            let (mut good, mut bad) = (Vec::new(), Vec::new());
            let frame = &bytes[at..end];
            read_entries(frame, FRAME_LEN, self.seal, &mut good, &mut bad);
            if !bad.is_empty() {
                self.give_up(number);
                return moved;
            }
            for raw in good {
                let stands = portion.at + (at + raw.body_at) as u64;
                let place = Place(number, u32::try_from(stands).unwrap_or(u32::MAX));
                let entry = &frame[raw.range.clone()];
                match raw.entry {
                    Entry::Message(head) if is_live(head.stream, head.seq, place) => {
                        let to = self.copy(entry, raw.body_at - raw.range.start);
                        moved.push(Moved {
                            stream: head.stream,
                            seq: head.seq,
                            to,
                        });
                    }
                    Entry::Forget { segment, .. }
                        if segment != number && self.segments.contains_key(&segment) =>
                    {
                        self.copy(entry, 0);
                        if segment != self.last {
                            let last = self.segments.entry(self.last).or_default();
                            *last.info.forgets.entry(segment).or_default() += 1;
                        }
                    }
                    _ => {}
                }
            }
            at = end;
        }
        let done = portion.at + at as u64;
        let len = self
            .segments
            .get(&number)
            .map_or(0, |segment| segment.info.len);
        let rest = &bytes[at..];
        if done >= len || rest.iter().all(|byte| *byte == 0) && done + rest.len() as u64 >= len {
            self.end_cleaning(number);
        } else if at == 0 && !rest.iter().all(|byte| *byte == 0) {
            // Neither a frame nor room that was set aside.
            self.give_up(number);
        } else {
            let at = if at == 0 {
                done + rest.len() as u64
            } else {
                done
            };
            self.cleaning = Some(Cleaning {
                segment: number,
                at,
            });
        }
        moved
    }

    fn end_cleaning(&mut self, number: u32) {
        self.cleaning = None;
        self.gone(number);
        self.segments.remove(&number);
        for segment in self.segments.values_mut() {
            segment.info.forgets.remove(&number);
        }
        self.removed.push(number);
    }

    /// Leaves a segment as it is; the next start mends it.
    fn give_up(&mut self, number: u32) {
        tracing::error!(segment = number, "A segment of the log is damaged");
        self.cleaning = None;
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.is_sick = true;
        }
    }
}
