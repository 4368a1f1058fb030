//! Reading back what an earlier run stored.

use std::collections::BTreeMap;

use super::disk::Disk;
use super::record::{
    Bounds, ConsumerRecord, MetaKey, StreamId, StreamRecord, decode_message_key, decode_saved,
    decode_sources, message_key,
};
use super::write::Table;
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
    /// Whether all records made sense.
    pub(crate) is_whole: bool,
    pub(crate) streams: BTreeMap<StreamId, RecoveredStream>,
}

/// A part of the tables cannot be read. They are mended when they are opened next.
#[derive(Debug, thiserror::Error)]
#[error("tables cannot be read")]
pub(crate) struct Unreadable(#[source] pub(crate) fjall::Error);

// ---------------------------------------------------------------------------------------------------------

impl Disk {
    /// Reads all configurations and positions. Records that make no sense are named, counted and skipped.
    pub(crate) fn recover(&self, counters: &Counters) -> Result<Recovered, Unreadable> {
        let mut found = Recovered {
            next_id: 1,
            is_whole: true,
            streams: BTreeMap::new(),
        };
        let mut bounds = BTreeMap::new();
        let mut sources = BTreeMap::new();
        let mut consumers: BTreeMap<(StreamId, String), ConsumerRecord> = BTreeMap::new();
        let mut states: BTreeMap<(StreamId, String), Saved> = BTreeMap::new();
        for record in self.records(Table::Meta, ..) {
            let (key, value) = record.map_err(|error| self.unreadable(error))?;
            let is_good = match MetaKey::decode(&key) {
                Some(MetaKey::NextId) => {
                    let id = value.as_ref().try_into().ok().map(StreamId::from_le_bytes);
                    id.map(|id| found.next_id = found.next_id.max(id)).is_some()
                }
                Some(MetaKey::Stream(id)) => serde_json::from_slice(&value)
                    .map(|record| {
                        found.next_id = found.next_id.max(id + 1);
                        found.streams.insert(id, RecoveredStream::new(record));
                    })
                    .is_ok(),
                Some(MetaKey::Bounds(id)) => Bounds::decode(&value)
                    .map(|value| bounds.insert(id, value))
                    .is_some(),
                Some(MetaKey::Sources(id)) => decode_sources(&value)
                    .map(|value| sources.insert(id, value))
                    .is_some(),
                Some(MetaKey::Consumer(id, name)) => serde_json::from_slice(&value)
                    .map(|record| consumers.insert((id, name.to_owned()), record))
                    .is_ok(),
                Some(MetaKey::ConsumerState(id, name)) => decode_saved(&value)
                    .map(|saved| states.insert((id, name.to_owned()), saved))
                    .is_some(),
                None => false,
            };
            if !is_good {
                found.is_whole = false;
                report(counters, "meta", Some(&key), &"unreadable record");
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
        Ok(found)
    }

    /// Notes that the next opening has to mend the tables.
    pub(super) fn unreadable(&self, error: fjall::Error) -> Unreadable {
        self.note(&error);
        Unreadable(error)
    }

    /// Some keys of `table` that belong to messages of `stream` before `below`, from `from` on.
    pub(super) fn keys_below(
        &self,
        table: Table,
        stream: StreamId,
        below: u64,
        max: usize,
    ) -> fjall::Result<Vec<Vec<u8>>> {
        let range = message_key(stream, 0).to_vec()..message_key(stream, below).to_vec();
        self.records(table, range)
            .take(max)
            .map(|record| Ok(record?.0.to_vec()))
            .collect()
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

pub(super) fn report(
    counters: &Counters,
    table: &str,
    key: Option<&[u8]>,
    error: &dyn std::fmt::Display,
) {
    counters.corrupt_records.add(1);
    let (stream, seq) = key.and_then(decode_message_key).unzip();
    tracing::error!(table, stream, seq, key = ?key, %error, "Skipped damaged record");
}
