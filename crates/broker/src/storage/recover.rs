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
