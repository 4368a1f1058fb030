//! What stands in the log, byte by byte. Numbers are little-endian.
//!
//! An entry is a checksum, a kind, two lengths, and a head; a message has a second checksum and its headers and body
//! behind that. Entries that belong together stand in one frame. After a crash either all of them are there or none.

#[cfg(test)]
mod tests;

use std::ops::Range;

use bytes::{Buf, BufMut};

use super::record::StreamId;
use super::seal::Seal;
use crate::jetstream::clock::WallTime;
use crate::jetstream::stream::{Expiry, Stored};

const MESSAGE: u8 = 1;
const FORGET: u8 = 2;
const PUT: u8 = 3;
const DELETE: u8 = 4;
const RESET: u8 = 5;
const GONE: u8 = 6;

/// Checksum, kind, length of the head, length of the body.
pub(super) const ENTRY_LEN: usize = 4 + 1 + 4 + 4;
/// In front of each body.
pub(super) const BODY_SUM_LEN: usize = 4;

const MESSAGE_HEAD_LEN: usize = 4 + 8 + 8 + 4 + 8 + 2;
const FORGET_HEAD_LEN: usize = 4 + 8 + 4;

/// Bytes of an entry that a message was forgotten.
pub(super) const FORGET_LEN: usize = ENTRY_LEN + FORGET_HEAD_LEN;

const EXPIRES_NEVER: i64 = i64::MAX;
const EXPIRES_WITH_STREAM: i64 = 0;

/// What is known of a message beside its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) stream: StreamId,
    pub(super) seq: u64,
    pub(super) time: WallTime,
    pub(super) header_len: u32,
    pub(super) body_len: u32,
    pub(super) expiry: Expiry,
    pub(super) subject: &'a [u8],
    pub(super) msg_id: &'a [u8],
}

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    Message(Head<'a>),
    /// A message is no more. It stood in this segment.
    Forget {
        stream: StreamId,
        seq: u64,
        segment: u32,
    },
    /// A record that is no message.
    Put {
        key: &'a [u8],
        value: &'a [u8],
    },
    Delete {
        key: &'a [u8],
    },
    /// All records follow, and these are the segments before; what stands there is of no account for either.
    Reset {
        segments: Listed<'a>,
    },
    /// A segment is no more.
    Gone {
        segment: u32,
    },
}

/// Segments, each with the number of the frame that follows its last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed<'a>(&'a [u8]);

/// An entry as it stands in a frame.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) body: &'a [u8],
    /// Where the body begins.
    pub(super) body_at: usize,
    /// The whole entry.
    pub(super) range: Range<usize>,
    pub(super) is_body_good: bool,
}

// ---------------------------------------------------------------------------------------------------------

/// Bytes that a message is taken to need in the log.
pub(crate) fn cost(subject_len: usize, body_len: usize) -> u64 {
    (ENTRY_LEN + MESSAGE_HEAD_LEN + BODY_SUM_LEN + subject_len + body_len) as u64
}

/// Appends a message. Returns where its body begins.
pub(super) fn put_message(
    out: &mut Vec<u8>,
    seal: Seal,
    stream: StreamId,
    stored: &Stored,
    body: &[u8],
) -> usize {
    let start = begin(out, MESSAGE, len_u32(body.len()));
    out.put_u32_le(stream);
    out.put_u64_le(stored.seq);
    out.put_i64_le(stored.time.0);
    out.put_u32_le(stored.header_len);
    out.put_i64_le(match stored.expiry {
        Expiry::Stream => EXPIRES_WITH_STREAM,
        Expiry::At(time) => time.0,
        Expiry::Never => EXPIRES_NEVER,
    });
    // Control lines are far shorter than 64 KiB, and so is a subject.
    out.put_u16_le(u16::try_from(stored.subject.len()).unwrap_or(u16::MAX));
    out.extend_from_slice(&stored.subject);
    out.extend_from_slice(stored.msg_id.as_deref().unwrap_or_default());
    end(out, seal, start);
    if !body.is_empty() {
        out.extend_from_slice(&seal.body(stream, stored.seq, body));
        out.extend_from_slice(body);
    }
    out.len() - body.len()
}

pub(super) fn put_forget(out: &mut Vec<u8>, seal: Seal, stream: StreamId, seq: u64, segment: u32) {
    let start = begin(out, FORGET, 0);
    out.put_u32_le(stream);
    out.put_u64_le(seq);
    out.put_u32_le(segment);
    end(out, seal, start);
}

/// Appends a record, or that it is gone.
pub(super) fn put_record(out: &mut Vec<u8>, seal: Seal, key: &[u8], value: Option<&[u8]>) {
    let start = begin(out, if value.is_some() { PUT } else { DELETE }, 0);
    // Names are shorter than a subject.
    out.put_u16_le(u16::try_from(key.len()).unwrap_or(u16::MAX));
    out.extend_from_slice(key);
    out.extend_from_slice(value.unwrap_or_default());
    end(out, seal, start);
}

pub(super) fn put_reset(out: &mut Vec<u8>, seal: Seal, segments: impl Iterator<Item = (u32, u64)>) {
    let start = begin(out, RESET, 0);
    for (segment, next) in segments {
        out.put_u32_le(segment);
        out.put_u64_le(next);
    }
    end(out, seal, start);
}

pub(super) fn put_gone(out: &mut Vec<u8>, seal: Seal, segment: u32) {
    let start = begin(out, GONE, 0);
    out.put_u32_le(segment);
    end(out, seal, start);
}

/// Appends the entry at `range` of `bytes` without its body, and where that stands.
pub(super) fn put_summary(out: &mut Vec<u8>, bytes: &[u8], raw: &Raw<'_>) {
    let head = raw.range.start..raw.body_at - if raw.body.is_empty() { 0 } else { BODY_SUM_LEN };
    out.extend_from_slice(&bytes[head]);
    if matches!(raw.entry, Entry::Message(_)) {
        out.put_u32_le(len_u32(raw.body_at));
    }
}

/// The next entry of a summary, and where the body of a message stands. `None` if it makes no sense.
pub(super) fn read_summary<'a>(rest: &mut &'a [u8], seal: Seal) -> Option<(Entry<'a>, u32)> {
    let (entry, head_end, _) = read_head(rest, 0, seal)?;
    rest.advance(head_end);
    let at = match entry {
        Entry::Message(_) => rest.try_get_u32_le().ok()?,
        _ => 0,
    };
    Some((entry, at))
}

/// The entry at `at` of `bytes`. `None` if there is none that is whole but for its body.
pub(super) fn read<'a>(bytes: &'a [u8], at: usize, seal: Seal) -> Option<Raw<'a>> {
    let (entry, head_end, body_len) = read_head(bytes, at, seal)?;
    if body_len == 0 {
        return Some(Raw {
            entry,
            body: &[],
            body_at: head_end,
            range: at..head_end,
            is_body_good: true,
        });
    }
    let body_at = head_end + BODY_SUM_LEN;
    let sum = bytes.get(head_end..body_at)?;
    let end = body_at.checked_add(body_len)?;
    let body = bytes.get(body_at..end)?;
    let is_body_good = match &entry {
        Entry::Message(head) => *sum == seal.body(head.stream, head.seq, body),
        _ => false,
    };
    Some(Raw {
        entry,
        body,
        body_at,
        range: at..end,
        is_body_good,
    })
}

/// An entry, where its head ends, and how long its body is.
fn read_head(bytes: &[u8], at: usize, seal: Seal) -> Option<(Entry<'_>, usize, usize)> {
    let mut start = bytes.get(at..at.checked_add(ENTRY_LEN)?)?;
    let sum = start.get_u32_le();
    let kind = start.get_u8();
    let head_len = usize::try_from(start.get_u32_le()).ok()?;
    let body_len = start.get_u32_le();
    let head_at = at + ENTRY_LEN;
    let head_end = head_at.checked_add(head_len)?;
    let head = bytes.get(head_at..head_end)?;
    if seal.short(&bytes[at + 4..head_end]) != sum.to_le_bytes() {
        return None;
    }
    let entry = decode(kind, head, body_len)?;
    Some((entry, head_end, usize::try_from(body_len).ok()?))
}

fn decode(kind: u8, mut head: &[u8], body_len: u32) -> Option<Entry<'_>> {
    Some(match kind {
        MESSAGE => {
            let stream = head.try_get_u32_le().ok()?;
            let seq = head.try_get_u64_le().ok()?;
            let time = WallTime(head.try_get_i64_le().ok()?);
            let header_len = head.try_get_u32_le().ok()?;
            let expiry = match head.try_get_i64_le().ok()? {
                EXPIRES_WITH_STREAM => Expiry::Stream,
                EXPIRES_NEVER => Expiry::Never,
                time => Expiry::At(WallTime(time)),
            };
            let subject_len = usize::from(head.try_get_u16_le().ok()?);
            let (subject, msg_id) = head.split_at_checked(subject_len)?;
            Entry::Message(Head {
                stream,
                seq,
                time,
                header_len,
                body_len: body_len.checked_sub(header_len)?,
                expiry,
                subject,
                msg_id,
            })
        }
        FORGET => Entry::Forget {
            stream: head.try_get_u32_le().ok()?,
            seq: head.try_get_u64_le().ok()?,
            segment: head.try_get_u32_le().ok()?,
        },
        PUT | DELETE => {
            let key_len = usize::from(head.try_get_u16_le().ok()?);
            let (key, value) = head.split_at_checked(key_len)?;
            if kind == PUT {
                Entry::Put { key, value }
            } else {
                Entry::Delete { key }
            }
        }
        RESET => Entry::Reset {
            segments: Listed(head),
        },
        GONE => Entry::Gone {
            segment: head.try_get_u32_le().ok()?,
        },
        _ => return None,
    })
}

impl Listed<'_> {
    pub(super) fn each(self) -> impl Iterator<Item = (u32, u64)> {
        let mut rest = self.0;
        std::iter::from_fn(move || Some((rest.try_get_u32_le().ok()?, rest.try_get_u64_le().ok()?)))
    }
}

/// Leaves room for the checksum and the length of the head.
fn begin(out: &mut Vec<u8>, kind: u8, body_len: u32) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.put_u8(kind);
    out.extend_from_slice(&[0; 4]);
    out.put_u32_le(body_len);
    start
}

fn end(out: &mut [u8], seal: Seal, start: usize) {
    let head_len = len_u32(out.len() - start - ENTRY_LEN);
    out[start + 5..start + 9].copy_from_slice(&head_len.to_le_bytes());
    let sum = seal.short(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&sum);
}

fn len_u32(len: usize) -> u32 {
    // Payloads and records are bounded far below, and segments are.
    u32::try_from(len).unwrap_or(u32::MAX)
}
