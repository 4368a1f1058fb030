//! Making sense of the records that an earlier run stored.

use std::collections::BTreeMap;

use super::log::Log;
use super::record::{
    Bounds, ConsumerRecord, MetaKey, StreamId, StreamRecord, decode_saved, decode_sources,
};
use crate::jetstream::consumer::Saved;
use crate::jetstream::source::SourcePosition;
use crate::stats::Counters;

/// A stream that was found.
#[derive(Debug)]
pub(crate) struct RecoveredStream {
    pub(crate) record: StreamRecord,
    pub(crate) bounds: Bounds,
    /// How far its sources have come.
    pub(crate) source_positions: BTreeMap<String, SourcePosition>,
    pub(crate) consumers: BTreeMap<String, RecoveredConsumer>,
}

#[derive(Debug)]
pub(crate) struct RecoveredConsumer {
    pub(crate) record: ConsumerRecord,
    pub(crate) saved: Saved,
}

/// Everything but messages.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) next_id: StreamId,
    pub(crate) streams: BTreeMap<StreamId, RecoveredStream>,
}

// ---------------------------------------------------------------------------------------------------------

impl Log {
    /// All configurations and positions. Records that make no sense are named, counted and skipped.
    pub(crate) fn recover(&self, counters: &Counters) -> Recovered {
        let mut found = Recovered {
            next_id: 1,
            streams: BTreeMap::new(),
        };
        let mut bounds = BTreeMap::new();
        let mut sources = BTreeMap::new();
        let mut consumers: BTreeMap<(StreamId, String), ConsumerRecord> = BTreeMap::new();
        let mut states: BTreeMap<(StreamId, String), Saved> = BTreeMap::new();
        for (key, value) in &self.records {
            let is_good = match MetaKey::decode(key) {
                Some(MetaKey::NextId) => {
                    let id = value[..].try_into().ok().map(StreamId::from_le_bytes);
                    id.map(|id| found.next_id = found.next_id.max(id)).is_some()
                }
                Some(MetaKey::Stream(id)) => serde_json::from_slice(value)
                    .map(|record| {
                        found.next_id = found.next_id.max(id.saturating_add(1));
                        found.streams.insert(id, RecoveredStream::new(record));
                    })
                    .is_ok(),
                Some(MetaKey::Bounds(id)) => Bounds::decode(value)
                    .map(|value| bounds.insert(id, value))
                    .is_some(),
                Some(MetaKey::Sources(id)) => decode_sources(value)
                    .map(|value| sources.insert(id, value))
                    .is_some(),
                Some(MetaKey::Consumer(id, name)) => serde_json::from_slice(value)
                    .map(|record| consumers.insert((id, name.to_owned()), record))
                    .is_ok(),
                Some(MetaKey::ConsumerState(id, name)) => decode_saved(value)
                    .map(|saved| states.insert((id, name.to_owned()), saved))
                    .is_some(),
                None => false,
            };
            if !is_good {
                counters.corrupt_records.add(1);
                tracing::error!(key = %key.escape_ascii(), "Skipped record that makes no sense");
            }
        }
        for (id, bounds) in bounds {
            if let Some(stream) = found.streams.get_mut(&id) {
                stream.bounds = bounds;
            }
        }
        for (id, positions) in sources {
            if let Some(stream) = found.streams.get_mut(&id) {
                stream.source_positions = positions;
            }
        }
        for ((id, name), record) in consumers {
            let saved = states.remove(&(id, name.clone())).unwrap_or_default();
            if let Some(stream) = found.streams.get_mut(&id) {
                stream
                    .consumers
                    .insert(name, RecoveredConsumer { record, saved });
            }
        }
        found
    }
}

impl Recovered {
    /// The last sequence of each stream that one of its consumers knows of, or a stream that takes from it. Where the
    /// end of a stream is lost, its messages do not tell.
    pub(crate) fn reached(&self) -> BTreeMap<StreamId, u64> {
        let mut reached: BTreeMap<StreamId, u64> = BTreeMap::new();
        let mut note = |id: StreamId, seq: u64| {
            let last = reached.entry(id).or_default();
            *last = seq.max(*last);
        };
        for (id, stream) in &self.streams {
            for consumer in stream.consumers.values() {
                note(*id, last_known(&consumer.saved));
            }
            for position in stream.source_positions.values() {
                let life = position.life;
                let origin = self.streams.get(&life.id);
                if origin.is_some_and(|origin| origin.record.created == life.created.0) {
                    note(life.id, position.seq);
                }
            }
        }
        reached
    }
}

/// The last sequence that a consumer knows of.
fn last_known(saved: &Saved) -> u64 {
    let positions = [
        saved.next.saturating_sub(1),
        saved.delivered.stream,
        saved.floor.stream,
        saved.skip_upto.unwrap_or(0),
    ];
    let pending = saved.pending.iter().map(|pending| pending.stream_seq);
    let given_up = saved.given_up.iter().copied();
    let known = positions.into_iter().chain(pending).chain(given_up);
    known.fold(0, u64::max)
}

impl RecoveredStream {
    fn new(record: StreamRecord) -> Self {
        Self {
            record,
            bounds: Bounds::default(),
            source_positions: BTreeMap::new(),
            consumers: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::clock::WallTime;
    use crate::jetstream::config::{ConsumerConfig, StreamConfig};
    use crate::jetstream::consumer::{Position, SavedPending};
    use crate::jetstream::source::Life;

    fn stream(created: i64) -> RecoveredStream {
        RecoveredStream::new(StreamRecord {
            config: StreamConfig::default(),
            created,
        })
    }

    fn consumer(saved: Saved) -> RecoveredConsumer {
        let config = ConsumerConfig::default();
        RecoveredConsumer {
            record: ConsumerRecord { config, created: 1 },
            saved,
        }
    }

    #[test]
    fn every_position_of_a_consumer_tells_which_sequences_were_used() {
        let position = Position {
            consumer: 1,
            stream: 9,
        };
        let pending = SavedPending {
            stream_seq: 9,
            consumer_seq: 1,
            redeliveries: 0,
        };
        let states = [
            Saved {
                next: 10,
                ..Saved::default()
            },
            Saved {
                delivered: position,
                ..Saved::default()
            },
            Saved {
                skip_upto: Some(9),
                ..Saved::default()
            },
            Saved {
                pending: vec![pending],
                ..Saved::default()
            },
            Saved {
                given_up: vec![3, 9],
                ..Saved::default()
            },
        ];
        for saved in states {
            assert_eq!(last_known(&saved), 9, "{saved:?}");
        }
        assert_eq!(last_known(&Saved::default()), 0);
    }

    #[test]
    fn consumers_and_followers_tell_how_far_a_stream_came() {
        let mut found = Recovered {
            next_id: 4,
            streams: BTreeMap::from([(1, stream(7)), (2, stream(8)), (3, stream(9))]),
        };
        let saved = Saved {
            next: 6,
            ..Saved::default()
        };
        let position = |id, created, seq| SourcePosition {
            life: Life {
                id,
                created: WallTime(created),
            },
            seq,
        };
        let first = found.streams.get_mut(&1).unwrap();
        first.consumers.insert("C".to_owned(), consumer(saved));
        let follower = found.streams.get_mut(&3).unwrap();
        follower.source_positions = BTreeMap::from([
            ("of the first".to_owned(), position(1, 7, 4)),
            ("of the second".to_owned(), position(2, 8, 12)),
            ("of another with its number".to_owned(), position(2, 5, 40)),
        ]);
        assert_eq!(found.reached(), BTreeMap::from([(1, 5), (2, 12)]));
    }
}
