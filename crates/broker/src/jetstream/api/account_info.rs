//! `INFO`: what all streams together hold.

use serde::Serialize;

use super::{Answer, to_json};
use crate::jetstream::Engine;
use crate::jetstream::config::Storage;

#[derive(Serialize)]
struct AccountView {
    memory: u64,
    storage: u64,
    reserved_memory: u64,
    reserved_storage: u64,
    streams: usize,
    consumers: usize,
    limits: LimitsView,
    api: ApiView,
}

/// -1 means none.
#[derive(Serialize)]
struct LimitsView {
    max_memory: i64,
    max_storage: i64,
    max_streams: usize,
    max_consumers: usize,
    max_ack_pending: i64,
    memory_max_stream_bytes: i64,
    storage_max_stream_bytes: i64,
    max_bytes_required: bool,
}

/// The API level is left out: it says which options of later servers may be used, and that is none.
#[derive(Serialize)]
struct ApiView {
    total: u64,
    errors: u64,
}

pub(super) fn serve(engine: &Engine) -> Answer {
    let sum = |storage: Storage, of: fn(&crate::jetstream::engine::StreamSlot) -> u64| {
        engine
            .streams
            .values()
            .filter(|slot| slot.core.config().storage == storage)
            .map(of)
            .sum::<u64>()
    };
    let view = AccountView {
        memory: sum(Storage::Memory, |slot| slot.core.index().bytes()),
        storage: sum(Storage::File, |slot| slot.core.index().bytes()),
        reserved_memory: sum(Storage::Memory, |slot| {
            reserved(slot.core.config().max_bytes)
        }),
        reserved_storage: sum(Storage::File, |slot| reserved(slot.core.config().max_bytes)),
        streams: engine.streams.len(),
        consumers: engine
            .streams
            .values()
            .map(|slot| slot.consumers.len())
            .sum(),
        limits: LimitsView {
            max_memory: i64::try_from(engine.bounds.memory_bytes_max).unwrap_or(-1),
            max_storage: -1,
            max_streams: engine.bounds.streams_max,
            max_consumers: engine.bounds.consumers_max,
            max_ack_pending: -1,
            memory_max_stream_bytes: -1,
            storage_max_stream_bytes: -1,
            max_bytes_required: false,
        },
        api: ApiView {
            total: engine.api_total,
            errors: engine.api_errors,
        },
    };
    Answer::new("account_info_response", Ok(to_json(&view)))
}

/// Bytes that a stream with this maximum may take; none is no claim.
pub(in crate::jetstream) fn reserved(max_bytes: i64) -> u64 {
    u64::try_from(max_bytes).unwrap_or(0)
}
