//! Streams and consumers as the API shows them, with the names and the order of the wire.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Json, to_json};
use crate::jetstream::Engine;
use crate::jetstream::clock::{Now, WallTime};
use crate::jetstream::config::{ConsumerConfig, StreamConfig, TransformConfig};
use crate::jetstream::engine::{ConsumerKey, StreamSlot};
use crate::storage::StreamId;

/// Deleted sequences that are listed at most.
const DELETED_MAX: usize = 100_000;

#[derive(Serialize)]
struct StreamView<'a> {
    config: &'a StreamConfig,
    created: String,
    state: StateView,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<SourceView<'a>>,
    /// When this was true.
    ts: String,
}

#[derive(Serialize)]
struct SourceView<'a> {
    name: &'a str,
    /// Messages that it has yet to take.
    lag: u64,
    /// Nanoseconds since it was last heard of: none, as it is here. -1 if there is no such stream.
    active: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    filter_subject: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    subject_transforms: &'a [TransformConfig],
}

#[derive(Serialize)]
struct StateView {
    messages: u64,
    bytes: u64,
    first_seq: u64,
    first_ts: String,
    last_seq: u64,
    last_ts: String,
    #[serde(skip_serializing_if = "is_zero")]
    num_subjects: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    subjects: Option<BTreeMap<String, u64>>,
    #[serde(skip_serializing_if = "is_zero_u64")]
    num_deleted: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<u64>,
    consumer_count: usize,
}

#[derive(Serialize)]
struct ConsumerView<'a> {
    stream_name: &'a str,
    name: &'a str,
    created: String,
    config: &'a ConsumerConfig,
    delivered: PositionView,
    ack_floor: PositionView,
    num_ack_pending: usize,
    num_redelivered: usize,
    num_waiting: usize,
    num_pending: u64,
    #[serde(skip_serializing_if = "is_false")]
    push_bound: bool,
    ts: String,
}

#[derive(Serialize)]
struct PositionView {
    consumer_seq: u64,
    stream_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_active: Option<String>,
}

/// What a request wants to know of a stream beside the usual.
#[derive(Default)]
pub(super) struct Details {
    pub(super) deleted: bool,
    pub(super) subjects: Option<BTreeMap<String, u64>>,
}

// ---------------------------------------------------------------------------------------------------------

/// A stream with its configuration and state.
pub(super) fn stream(engine: &Engine, now: Now, id: StreamId, details: Details) -> Option<Json> {
    let slot = engine.streams.get(&id)?;
    Some(to_json(&StreamView {
        config: slot.core.config(),
        created: slot.core.created().render(),
        state: state(slot, details),
        sources: sources(engine, slot),
        ts: now.wall.render(),
    }))
}

/// A consumer with its configuration and state.
pub(super) fn consumer(engine: &Engine, now: Now, key: ConsumerKey) -> Option<Json> {
    let slot = engine.streams.get(&key.0)?;
    let core = &slot.consumers.get(&key.1)?.core;
    let position =
        |position: crate::jetstream::consumer::Position, last: Option<WallTime>| PositionView {
            consumer_seq: position.consumer,
            stream_seq: position.stream,
            last_active: last.map(WallTime::render),
        };
    Some(to_json(&ConsumerView {
        stream_name: &slot.name,
        name: core.name(),
        created: core.created().render(),
        config: core.config(),
        delivered: position(core.delivered(), core.last_delivered()),
        ack_floor: position(core.floor(), core.last_acked()),
        num_ack_pending: core.num_ack_pending(),
        num_redelivered: core.num_redelivered(),
        num_waiting: core.num_waiting(),
        num_pending: core.num_pending(),
        push_bound: core.is_bound(),
        ts: now.wall.render(),
    }))
}

fn sources<'a>(engine: &'a Engine, slot: &'a StreamSlot) -> Vec<SourceView<'a>> {
    slot.sources
        .iter()
        .map(|source| {
            let config = source.config();
            let id = engine.stream_names.get(source.stream());
            let origin = id.and_then(|id| Some((id, engine.streams.get(id)?)));
            SourceView {
                name: &config.name,
                lag: origin.map_or(0, |(id, origin)| {
                    source.lag(origin.life(*id), origin.core.index())
                }),
                active: if origin.is_some() { 0 } else { -1 },
                filter_subject: &config.filter_subject,
                subject_transforms: &config.subject_transforms,
            }
        })
        .collect()
}

fn state(slot: &StreamSlot, details: Details) -> StateView {
    let index = slot.core.index();
    StateView {
        messages: index.len(),
        bytes: index.bytes(),
        first_seq: index.first_seq(),
        first_ts: index.first_time().render(),
        last_seq: index.last_seq(),
        last_ts: index.last_time().render(),
        num_subjects: index.subject_count(),
        subjects: details.subjects,
        num_deleted: index.deleted_count(),
        deleted: if details.deleted {
            index.deleted(DELETED_MAX)
        } else {
            Vec::new()
        },
        consumer_count: slot.consumers.len(),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}
