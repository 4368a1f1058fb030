//! What stands in records that are no messages, byte by byte. Numbers are big-endian in keys and little-endian in values.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut};
use serde::{Deserialize, Serialize};

use crate::jetstream::clock::WallTime;
use crate::jetstream::config::{ConsumerConfig, StreamConfig};
use crate::jetstream::consumer::{Position, Saved, SavedPending};
use crate::jetstream::source::{Life, SourcePosition};

/// First byte of each binary value, for formats to come.
const VERSION: u8 = 1;

/// Key of the number that the next stream gets.
const NEXT_ID_KEY: &[u8] = b"n";
const STREAM_PREFIX: u8 = b's';
const BOUNDS_PREFIX: u8 = b'b';
const CONSUMER_PREFIX: u8 = b'c';
const CONSUMER_STATE_PREFIX: u8 = b'a';
const SOURCES_PREFIX: u8 = b'p';

/// Number of a stream. Never used again, so that what is left of a deleted stream belongs to nobody.
pub(crate) type StreamId = u32;

/// A stream, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StreamRecord {
    pub(crate) config: StreamConfig,
    pub(crate) created: i64,
}

/// A consumer, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ConsumerRecord {
    pub(crate) config: ConsumerConfig,
    pub(crate) created: i64,
}

/// Positions of a stream that its messages do not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Messages before this sequence are gone, whatever the log still holds of them.
    pub(crate) floor: u64,
    pub(crate) last_seq: u64,
    pub(crate) last_time: WallTime,
}

/// What a key is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MetaKey<'a> {
    NextId,
    Stream(StreamId),
    Bounds(StreamId),
    /// How far the sources of a stream have come.
    Sources(StreamId),
    Consumer(StreamId, &'a str),
    ConsumerState(StreamId, &'a str),
}

// ---------------------------------------------------------------------------------------------------------

impl MetaKey<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (prefix, id, name) = match self {
            Self::NextId => return NEXT_ID_KEY.to_vec(),
            Self::Stream(id) => (STREAM_PREFIX, id, ""),
            Self::Bounds(id) => (BOUNDS_PREFIX, id, ""),
            Self::Sources(id) => (SOURCES_PREFIX, id, ""),
            Self::Consumer(id, name) => (CONSUMER_PREFIX, id, *name),
            Self::ConsumerState(id, name) => (CONSUMER_STATE_PREFIX, id, *name),
        };
        let mut key = vec![prefix];
        key.put_u32(*id);
        key.extend_from_slice(name.as_bytes());
        key
    }

    pub(super) fn decode(key: &[u8]) -> Option<MetaKey<'_>> {
        if key == NEXT_ID_KEY {
            return Some(MetaKey::NextId);
        }
        let (prefix, mut rest) = key.split_first()?;
        let id = rest.try_get_u32().ok()?;
        let name = str::from_utf8(rest).ok()?;
        match *prefix {
            STREAM_PREFIX => Some(MetaKey::Stream(id)),
            BOUNDS_PREFIX => Some(MetaKey::Bounds(id)),
            SOURCES_PREFIX => Some(MetaKey::Sources(id)),
            CONSUMER_PREFIX => Some(MetaKey::Consumer(id, name)),
            CONSUMER_STATE_PREFIX => Some(MetaKey::ConsumerState(id, name)),
            _ => None,
        }
    }
}

impl Bounds {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut value = vec![VERSION];
        value.put_u64_le(self.floor);
        value.put_u64_le(self.last_seq);
        value.put_i64_le(self.last_time.0);
        value
    }

    pub(super) fn decode(mut value: &[u8]) -> Option<Self> {
        if value.try_get_u8().ok()? != VERSION {
            return None;
        }
        Some(Self {
            floor: value.try_get_u64_le().ok()?,
            last_seq: value.try_get_u64_le().ok()?,
            last_time: WallTime(value.try_get_i64_le().ok()?),
        })
    }
}

pub(super) fn encode_sources(positions: &BTreeMap<String, SourcePosition>) -> Vec<u8> {
    let mut value = vec![VERSION];
    for (key, position) in positions {
        // Names and filters come from one request, which is far shorter than 4 GiB.
        value.put_u32_le(u32::try_from(key.len()).unwrap_or(u32::MAX));
        value.extend_from_slice(key.as_bytes());
        value.put_u32_le(position.life.id);
        value.put_i64_le(position.life.created.0);
        value.put_u64_le(position.seq);
    }
    value
}

pub(super) fn decode_sources(mut value: &[u8]) -> Option<BTreeMap<String, SourcePosition>> {
    if value.try_get_u8().ok()? != VERSION {
        return None;
    }
    let mut positions = BTreeMap::new();
    while value.has_remaining() {
        let len = value.try_get_u32_le().ok()?;
        let (key, rest) = value.split_at_checked(usize::try_from(len).ok()?)?;
        value = rest;
        let position = SourcePosition {
            life: Life {
                id: value.try_get_u32_le().ok()?,
                created: WallTime(value.try_get_i64_le().ok()?),
            },
            seq: value.try_get_u64_le().ok()?,
        };
        positions.insert(str::from_utf8(key).ok()?.to_owned(), position);
    }
    Some(positions)
}

pub(super) fn encode_saved(saved: &Saved) -> Vec<u8> {
    let mut value = vec![VERSION];
    for number in [
        saved.next,
        saved.delivered.consumer,
        saved.delivered.stream,
        saved.floor.consumer,
        saved.floor.stream,
        saved.skip_upto.map_or(0, |upto| upto + 1),
        saved.skip.len() as u64,
        saved.given_up.len() as u64,
    ] {
        value.put_u64_le(number);
    }
    for seq in saved.skip.iter().chain(&saved.given_up) {
        value.put_u64_le(*seq);
    }
    for pending in &saved.pending {
        value.put_u64_le(pending.stream_seq);
        value.put_u64_le(pending.consumer_seq);
        value.put_u64_le(pending.redeliveries);
    }
    value
}

pub(super) fn decode_saved(mut value: &[u8]) -> Option<Saved> {
    if value.try_get_u8().ok()? != VERSION {
        return None;
    }
    let mut number = || value.try_get_u64_le().ok();
    let mut saved = Saved {
        next: number()?,
        delivered: Position {
            consumer: number()?,
            stream: number()?,
        },
        floor: Position {
            consumer: number()?,
            stream: number()?,
        },
        skip_upto: number()?.checked_sub(1),
        ..Saved::default()
    };
    let (skipped, given_up) = (number()?, number()?);
    for _ in 0..skipped {
        saved.skip.push(number()?);
    }
    for _ in 0..given_up {
        saved.given_up.push(number()?);
    }
    while value.has_remaining() {
        let mut number = || value.try_get_u64_le().ok();
        saved.pending.push(SavedPending {
            stream_seq: number()?,
            consumer_seq: number()?,
            redeliveries: number()?,
        });
    }
    Some(saved)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_read_back() {
        for key in [
            MetaKey::NextId,
            MetaKey::Stream(7),
            MetaKey::Bounds(7),
            MetaKey::Sources(7),
            MetaKey::Consumer(7, "c"),
            MetaKey::ConsumerState(7, "c"),
        ] {
            assert_eq!(MetaKey::decode(&key.encode()), Some(key));
        }
    }

    proptest! {
        #[test]
        fn states_are_read_back(
            numbers in any::<[u64; 5]>(),
            skip in prop::collection::vec(any::<u64>(), 0..5),
            given_up in prop::collection::vec(any::<u64>(), 0..5),
            upto in prop::option::of(0..u64::MAX),
            pending in prop::collection::vec(any::<(u64, u64, u64)>(), 0..5),
        ) {
            let saved = Saved {
                next: numbers[0],
                delivered: Position { consumer: numbers[1], stream: numbers[2] },
                floor: Position { consumer: numbers[3], stream: numbers[4] },
                pending: pending
                    .into_iter()
                    .map(|(stream_seq, consumer_seq, redeliveries)| SavedPending {
                        stream_seq,
                        consumer_seq,
                        redeliveries,
                    })
                    .collect(),
                skip,
                skip_upto: upto,
                given_up,
            };
            prop_assert_eq!(decode_saved(&encode_saved(&saved)), Some(saved));
        }

        #[test]
        fn positions_of_sources_are_read_back(
            positions in prop::collection::btree_map(".{0,20}", any::<(u32, i64, u64)>(), 0..5),
        ) {
            let positions = positions
                .into_iter()
                .map(|(key, (id, created, seq))| {
                    let life = Life { id, created: WallTime(created) };
                    (key, SourcePosition { life, seq })
                })
                .collect();
            prop_assert_eq!(decode_sources(&encode_sources(&positions)), Some(positions));
        }

        #[test]
        fn damaged_values_are_refused_without_a_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_saved(&value);
            let _ = decode_sources(&value);
            let _ = Bounds::decode(&value);
            let _ = MetaKey::decode(&value);
        }
    }
}
