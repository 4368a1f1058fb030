//! `STREAM.UPDATE.{stream}`.

use super::{Answer, Request, advisory, views};
use crate::jetstream::clock::Now;
use crate::jetstream::config::StreamConfig;
use crate::jetstream::{ApiError, Engine};
use crate::storage::StreamId;

pub(super) fn serve(engine: &mut Engine, now: Now, name: &str, request: &Request<'_>) -> Answer {
    let result = update(engine, now, name, request);
    let id = result.as_ref().ok().copied();
    let view = result
        .map(|id| views::stream(engine, now, id, views::Details::default()).unwrap_or_default());
    Answer::new("stream_update_response", view).about(id)
}

fn update(
    engine: &mut Engine,
    now: Now,
    name: &str,
    request: &Request<'_>,
) -> Result<StreamId, ApiError> {
    let config = StreamConfig::parse(request.object()?)?.checked()?;
    if config.name != name {
        return Err(ApiError::STREAM_MISMATCH);
    }
    let id = engine.stream_id(name)?;
    engine.update_stream(now, id, config)?;
    advisory::stream_action(engine, now, name, advisory::Action::Modify);
    Ok(id)
}
