//! What is known of many messages in a row, in one record.
//!
//! A start reads one pack instead of thousands of heads. A pack tells nothing that the heads do not: it may be
//! missing, and is dropped whenever there is any doubt about it.

use std::collections::HashMap;

use bytes::{Buf, BufMut, Bytes};

use super::record::StreamId;
use crate::jetstream::clock::WallTime;
use crate::jetstream::stream::{Expiry, Stored};

/// Sequences that one pack covers, whether messages have them or not. Few in tests, so that they meet many packs.
pub(super) const PACK_LEN: u64 = if IS_TEST { 16 } else { 4096 };

/// Messages that are worth a pack.
pub(super) const PACK_MESSAGES_MIN: usize = if IS_TEST { 4 } else { 512 };

/// Messages that are removed before a pack is made anew.
pub(super) const GONE_MAX: u32 = if IS_TEST { 5 } else { 1024 };

const IS_TEST: bool = cfg!(any(test, fuzzing));

/// First byte of each, for formats to come.
const VERSION: u8 = 1;

const EXPIRES_AT: u8 = 1;
const EXPIRES_NEVER: u8 = 2;
const HAS_ID: u8 = 4;

/// Least bytes that a subject or a message takes.
const SUBJECT_LEN_MIN: usize = 1;
const MESSAGE_LEN_MIN: usize = 6;

/// The messages of a stream from a multiple of [`PACK_LEN`] on, up to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PackId {
    pub(super) stream: StreamId,
    pub(super) number: u64,
}

// ---------------------------------------------------------------------------------------------------------

impl PackId {
    /// The pack that a message belongs to.
    pub(super) fn of(stream: StreamId, seq: u64) -> Self {
        Self {
            stream,
            number: seq / PACK_LEN,
        }
    }

    /// The first sequence it covers.
    pub(super) fn first(self) -> u64 {
        self.number * PACK_LEN
    }

    /// The last sequence it covers.
    pub(super) fn last(self) -> u64 {
        self.first() + (PACK_LEN - 1)
    }
}

/// Messages of one pack, in order, as a record.
pub(super) fn encode(messages: &[Stored]) -> Vec<u8> {
    let mut subjects: Vec<&Bytes> = Vec::new();
    let mut numbers: HashMap<&[u8], u64> = HashMap::new();
    for message in messages {
        numbers.entry(&message.subject).or_insert_with(|| {
            subjects.push(&message.subject);
            subjects.len() as u64 - 1
        });
    }
    let mut value = vec![VERSION];
    put_number(&mut value, subjects.len() as u64);
    for subject in subjects {
        put_bytes(&mut value, subject);
    }
    put_number(&mut value, messages.len() as u64);
    let (mut seq, mut time) = (0, 0);
    for message in messages {
        let (kind, expires) = match message.expiry {
            Expiry::Stream => (0, None),
            Expiry::At(time) => (EXPIRES_AT, Some(time)),
            Expiry::Never => (EXPIRES_NEVER, None),
        };
        let has_id = message.msg_id.as_ref().map_or(0, |_| HAS_ID);
        value.put_u8(kind | has_id);
        put_number(&mut value, message.seq - seq);
        // Times do not go back within a stream, but a wrapped difference would be read back as well.
        put_number(
            &mut value,
            message.time.0.wrapping_sub(time).cast_unsigned(),
        );
        put_number(
            &mut value,
            numbers.get(&*message.subject).copied().unwrap_or_default(),
        );
        put_number(&mut value, u64::from(message.header_len));
        put_number(&mut value, u64::from(message.body_len));
        if let Some(expires) = expires {
            value.put_i64_le(expires.0);
        }
        if let Some(id) = &message.msg_id {
            put_bytes(&mut value, id);
        }
        (seq, time) = (message.seq, message.time.0);
    }
    value
}

/// The messages of a pack, in order. None if the record makes no sense.
pub(super) fn decode(pack: PackId, mut value: &[u8]) -> Option<Vec<Stored>> {
    if value.try_get_u8().ok()? != VERSION {
        return None;
    }
    let count = get_count(&mut value, SUBJECT_LEN_MIN)?;
    let mut subjects = Vec::with_capacity(count);
    for _ in 0..count {
        subjects.push(Bytes::copy_from_slice(get_bytes(&mut value)?));
    }
    let count = get_count(&mut value, MESSAGE_LEN_MIN)?;
    let mut messages: Vec<Stored> = Vec::with_capacity(count);
    let (mut seq, mut time) = (0_u64, 0_i64);
    for _ in 0..count {
        let kind = value.try_get_u8().ok()?;
        let step = get_number(&mut value)?;
        if step == 0 && !messages.is_empty() {
            return None;
        }
        seq = seq.checked_add(step)?;
        if !(pack.first()..=pack.last()).contains(&seq) {
            return None;
        }
        time = time.wrapping_add(get_number(&mut value)?.cast_signed());
        let subject = usize::try_from(get_number(&mut value)?).ok()?;
        messages.push(Stored {
            seq,
            subject: subjects.get(subject)?.clone(),
            time: WallTime(time),
            header_len: u32::try_from(get_number(&mut value)?).ok()?,
            body_len: u32::try_from(get_number(&mut value)?).ok()?,
            expiry: match kind & !HAS_ID {
                0 => Expiry::Stream,
                EXPIRES_AT => Expiry::At(WallTime(value.try_get_i64_le().ok()?)),
                EXPIRES_NEVER => Expiry::Never,
                _ => return None,
            },
            msg_id: match kind & HAS_ID {
                0 => None,
                _ => Some(get_bytes(&mut value)?.into()),
            },
        });
    }
    value.is_empty().then_some(messages)
}

fn put_bytes(value: &mut Vec<u8>, bytes: &[u8]) {
    put_number(value, bytes.len() as u64);
    value.extend_from_slice(bytes);
}

fn get_bytes<'a>(value: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(get_number(value)?).ok()?;
    let (bytes, rest) = value.split_at_checked(len)?;
    *value = rest;
    Some(bytes)
}

/// A number of things that take at least `len_min` bytes each.
fn get_count(value: &mut &[u8], len_min: usize) -> Option<usize> {
    let count = usize::try_from(get_number(value)?).ok()?;
    (count <= value.len() / len_min).then_some(count)
}

/// Seven bits per byte, the lowest first; all bytes but the last have their highest bit set.
fn put_number(value: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        value.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    value.push(number.to_le_bytes()[0]);
}

fn get_number(value: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = value.split_first()?;
        *value = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Stored> {
        let expiry = prop_oneof![
            Just(Expiry::Stream),
            Just(Expiry::Never),
            any::<i64>().prop_map(|time| Expiry::At(WallTime(time))),
        ];
        let id = prop::option::of(prop::collection::vec(any::<u8>(), 1..10));
        let subject = prop::collection::vec(0..3_u8, 1..3);
        (subject, any::<(i64, u32, u32)>(), id, expiry).prop_map(
            |(subject, (time, header_len, body_len), msg_id, expiry)| Stored {
                seq: 0,
                subject: subject.into(),
                time: WallTime(time),
                header_len,
                body_len,
                msg_id: msg_id.map(Into::into),
                expiry,
            },
        )
    }

    proptest! {
        #[test]
        fn packs_are_read_back(
            number in 0..u64::MAX / PACK_LEN,
            offsets in prop::collection::btree_set(0..PACK_LEN, 0..12),
            messages in prop::collection::vec(message(), 20),
        ) {
            let pack = PackId { stream: 1, number };
            let messages: Vec<Stored> = offsets
                .into_iter()
                .zip(messages)
                .map(|(offset, message)| Stored { seq: pack.first() + offset, ..message })
                .collect();
            let value = encode(&messages);
            prop_assert_eq!(decode(pack, &value), Some(messages));
        }

        #[test]
        fn damaged_packs_are_refused_without_a_panic(
            messages in prop::collection::vec(message(), 1..5),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut messages = messages;
            for (seq, message) in messages.iter_mut().enumerate() {
                message.seq = seq as u64;
            }
            let mut value = encode(&messages);
            let at = at.index(value.len());
            value[at] = byte;
            let pack = PackId { stream: 1, number: 0 };
            for found in decode(pack, &value).unwrap_or_default() {
                prop_assert!(found.seq <= pack.last());
            }
            prop_assert_eq!(decode(pack, &value[..at]), None);
        }
    }
}
