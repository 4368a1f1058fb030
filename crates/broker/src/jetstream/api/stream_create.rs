//! `STREAM.CREATE.{stream}`.

use super::{Answer, Request, join, views};
use crate::jetstream::clock::Now;
use crate::jetstream::config::StreamConfig;
use crate::jetstream::{ApiError, Engine};
use crate::storage::StreamId;

pub(super) fn serve(engine: &mut Engine, now: Now, name: &str, request: &Request<'_>) -> Answer {
    let result = create(engine, now, name, request);
    let id = result.as_ref().ok().copied();
    let view = result.map(|id| {
        let view = views::stream(engine, now, id, views::Details::default()).unwrap_or_default();
        // As the reference server does, even where the stream was there before.
        join(&view, r#"{"did_create":true}"#)
    });
    Answer::new("stream_create_response", view).about(id)
}

fn create(
    engine: &mut Engine,
    now: Now,
    name: &str,
    request: &Request<'_>,
) -> Result<StreamId, ApiError> {
    let config = StreamConfig::parse(request.object()?)?;
    if config.name != name {
        return Err(ApiError::STREAM_MISMATCH);
    }
    if name.contains(['/', '\\']) {
        return Err(ApiError::STREAM_NAME_PATH);
    }
    if config.sealed {
        return Err(ApiError::stream_invalid_config(
            "stream configuration for create can not be sealed",
        ));
    }
    let config = config.checked()?;
    if let Ok(id) = engine.stream_id(name) {
        let is_same = engine
            .streams
            .get(&id)
            .is_some_and(|slot| *slot.core.config() == config);
        return if is_same {
            Ok(id)
        } else {
            Err(ApiError::STREAM_NAME_EXISTS)
        };
    }
    let id = engine.create_stream(now, config)?;
    super::advisory::stream_action(engine, now, name, super::advisory::Action::Create);
    Ok(id)
}
