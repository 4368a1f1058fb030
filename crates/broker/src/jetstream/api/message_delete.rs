//! `STREAM.MSG.DELETE.{stream}`.

use serde::Deserialize;

use super::{Answer, Json, Request, SUCCESS};
use crate::jetstream::clock::Now;
use crate::jetstream::config::parse;
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
        Outcome::Removed { existed: false } => Err(ApiError::sequence_not_found(body.seq)),
        Outcome::Refused(error) => Err(error),
        _ => Err(ApiError::BAD_REQUEST),
    }
}
