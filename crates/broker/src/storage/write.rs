//! What is written beside messages.

use std::collections::BTreeMap;

use super::log::Log;
use super::record::{self, Bounds, ConsumerRecord, MetaKey, StreamId, StreamRecord};
use crate::jetstream::consumer::Saved;
use crate::jetstream::source::SourcePosition;

impl Log {
    pub(crate) fn bounds(&mut self, stream: StreamId, bounds: Bounds) {
        self.meta(&MetaKey::Bounds(stream), Some(bounds.encode()));
    }

    pub(crate) fn next_id(&mut self, id: StreamId) {
        self.meta(&MetaKey::NextId, Some(id.to_le_bytes().to_vec()));
    }

    pub(crate) fn stream(&mut self, stream: StreamId, stored: &StreamRecord) {
        self.meta(&MetaKey::Stream(stream), Some(to_json(stored)));
    }

    /// Removes a stream, and with it its messages.
    pub(crate) fn remove_stream(&mut self, stream: StreamId) {
        self.meta(&MetaKey::Stream(stream), None);
        self.meta(&MetaKey::Bounds(stream), None);
        self.meta(&MetaKey::Sources(stream), None);
    }

    pub(crate) fn source_positions(
        &mut self,
        stream: StreamId,
        positions: &BTreeMap<String, SourcePosition>,
    ) {
        let value = record::encode_sources(positions);
        self.meta(&MetaKey::Sources(stream), Some(value));
    }

    pub(crate) fn consumer(&mut self, stream: StreamId, name: &str, stored: &ConsumerRecord) {
        self.meta(&MetaKey::Consumer(stream, name), Some(to_json(stored)));
    }

    pub(crate) fn consumer_state(&mut self, stream: StreamId, name: &str, saved: &Saved) {
        let value = record::encode_saved(saved);
        self.meta(&MetaKey::ConsumerState(stream, name), Some(value));
    }

    pub(crate) fn remove_consumer(&mut self, stream: StreamId, name: &str) {
        self.meta(&MetaKey::Consumer(stream, name), None);
        self.meta(&MetaKey::ConsumerState(stream, name), None);
    }

    fn meta(&mut self, key: &MetaKey<'_>, value: Option<Vec<u8>>) {
        self.record(key.encode(), value);
    }
}

fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect(
        "configurations are strings, numbers and maps of strings, which are always valid JSON",
    )
}
