//! `STREAM.MSG.DELETE.{stream}`.

use serde::Deserialize;

use super::{Answer, Json, Request, SUCCESS};
use crate::jetstream::clock::Now;
use crate::jetstream::config::{Storage, parse};
use crate::jetstream::stream::{Input, Outcome, Remove};
use crate::jetstream::{ApiError, Engine};
use crate::storage::StreamId;

/// `no_erase`, which keeps the reference server from overwriting what it removes, is accepted: here the bytes
/// are gone from the tables with the next compaction either way.
const FIELDS: [&str; 2] = ["seq", "no_erase"];

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    seq: u64,
}

pub(super) fn serve(engine: &mut Engine, now: Now, name: &str, request: &Request<'_>) -> Answer {
    let id = engine.stream_id(name);
    let result = id.clone().and_then(|id| delete(engine, now, id, request));
    Answer::new("stream_msg_delete_response", result).about(id.ok())
}

fn delete(
    engine: &mut Engine,
    now: Now,
    id: StreamId,
    request: &Request<'_>,
) -> Result<Json, ApiError> {
    let object = request.object()?;
    if object.is_empty() {
        return Err(ApiError::BAD_REQUEST);
    }
    let body: Body = parse(object, &FIELDS, |_| ApiError::BAD_REQUEST)?;
    match engine.step_stream(now, id, Input::Remove(Remove { seq: body.seq })) {
        Outcome::Removed { existed: true } => Ok(SUCCESS.to_owned()),
        Outcome::Removed { existed: false } => Err(missing(engine, id, body.seq)),
        Outcome::Refused(error) => Err(error),
        _ => Err(ApiError::BAD_REQUEST),
    }
}

/// Why there is nothing to remove. A stream in files sees first whether the sequence is within its bounds.
fn missing(engine: &Engine, id: StreamId, seq: u64) -> ApiError {
    let core = engine.streams.get(&id).map(|slot| &slot.core);
    match core.filter(|core| core.config().storage == Storage::File) {
        Some(core) if seq > core.index().last_seq() => {
            ApiError::stream_message_delete_failed("stream store EOF")
        }
        Some(core) if seq < core.index().first_seq() || seq == 0 => {
            ApiError::stream_message_delete_failed("no message found")
        }
        _ => ApiError::sequence_not_found(seq),
    }
}
