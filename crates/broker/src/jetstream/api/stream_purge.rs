//! `STREAM.PURGE.{stream}`.

use serde::Deserialize;

use super::{Answer, Json, Request};
use crate::jetstream::clock::Now;
use crate::jetstream::config::parse;
use crate::jetstream::stream::{Input, Outcome, Purge};
use crate::jetstream::{ApiError, Engine};
use crate::storage::StreamId;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    filter: String,
    seq: u64,
    keep: u64,
}

pub(super) fn serve(engine: &mut Engine, now: Now, name: &str, request: &Request<'_>) -> Answer {
    let id = engine.stream_id(name);
    let result = id.clone().and_then(|id| purge(engine, now, id, request));
    Answer::new("stream_purge_response", result)
        .with_fixed(r#"{"purged":0}"#)
        .about(id.ok())
}

fn purge(
    engine: &mut Engine,
    now: Now,
    id: StreamId,
    request: &Request<'_>,
) -> Result<Json, ApiError> {
    let body: Body = parse(request.object()?, &["filter", "seq", "keep"], |_| {
        ApiError::BAD_REQUEST
    })?;
    if body.seq > 0 && body.keep > 0 {
        return Err(ApiError::BAD_REQUEST);
    }
    let purge = Purge {
        filter: body.filter.into_bytes().into(),
        before: body.seq,
        keep: body.keep,
    };
    match engine.step_stream(now, id, Input::Purge(purge)) {
        Outcome::Purged { count } => Ok(format!(r#"{{"success":true,"purged":{count}}}"#)),
        Outcome::Refused(error) => Err(error),
        _ => Err(ApiError::BAD_REQUEST),
    }
}
