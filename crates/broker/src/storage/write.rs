//! Changes that are committed together.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::record::{self, Bounds, ConsumerRecord, MetaKey, StreamId, StreamRecord, message_key};
use crate::jetstream::consumer::Saved;
use crate::jetstream::source::SourcePosition;
use crate::jetstream::stream::Stored;

/// A batch of changes: after a crash either all of them are there or none.
#[derive(Debug, Default)]
pub(crate) struct Writes(pub(super) Vec<Write>);

#[derive(Debug)]
pub(super) struct Write {
    pub(super) table: Table,
    pub(super) key: Vec<u8>,
    /// None removes the key.
    pub(super) value: Option<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Meta,
    Heads,
    Bodies,
    /// Heads of many messages in one record.
    Packs,
    /// Messages that were removed since their pack was made.
    Gone,
}

// ---------------------------------------------------------------------------------------------------------

impl Table {
    pub(super) const ALL: [Self; 5] = [
        Self::Meta,
        Self::Heads,
        Self::Bodies,
        Self::Packs,
        Self::Gone,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Heads => "heads",
            Self::Bodies => "bodies",
            Self::Packs => "packs",
            Self::Gone => "gone",
        }
    }
}

impl Writes {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of keys and values.
    pub(crate) fn len_bytes(&self) -> usize {
        let value_len = |write: &Write| write.value.as_ref().map_or(0, Bytes::len);
        self.0
            .iter()
            .map(|write| write.key.len() + value_len(write))
            .sum()
    }

    pub(crate) fn message(&mut self, stream: StreamId, stored: &Stored, body: Bytes) {
        let key = message_key(stream, stored.seq);
        let head = record::encode_head(stored).into();
        self.put(Table::Heads, key.to_vec(), Some(head));
        if !body.is_empty() {
            self.put(Table::Bodies, key.to_vec(), Some(body));
        }
    }

    pub(crate) fn forget(&mut self, stream: StreamId, seq: u64) {
        let key = message_key(stream, seq);
        self.put(Table::Heads, key.to_vec(), None);
        self.put(Table::Bodies, key.to_vec(), None);
    }

    pub(crate) fn bounds(&mut self, stream: StreamId, bounds: Bounds) {
        self.meta(&MetaKey::Bounds(stream), Some(bounds.encode()));
    }

    pub(crate) fn next_id(&mut self, id: StreamId) {
        self.meta(&MetaKey::NextId, Some(id.to_le_bytes().to_vec()));
    }

    pub(crate) fn stream(&mut self, stream: StreamId, stored: &StreamRecord) {
        self.meta(&MetaKey::Stream(stream), Some(to_json(stored)));
    }

    /// Removes a stream. What its messages leave behind is swept later.
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

    /// Puts a record as it was read.
    pub(super) fn copy(&mut self, table: Table, key: Vec<u8>, value: Bytes) {
        self.put(table, key, Some(value));
    }

    /// Removes a key of a message table, as the sweeper finds it.
    pub(super) fn sweep(&mut self, table: Table, key: Vec<u8>) {
        self.put(table, key, None);
    }

    fn meta(&mut self, key: &MetaKey<'_>, value: Option<Vec<u8>>) {
        self.put(Table::Meta, key.encode(), value.map(Bytes::from));
    }

    fn put(&mut self, table: Table, key: Vec<u8>, value: Option<Bytes>) {
        self.0.push(Write { table, key, value });
    }
}

fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect(
        "configurations are strings, numbers and maps of strings, which are always valid JSON",
    )
}
