//! `CONSUMER.INFO.{stream}.{consumer}`.

use super::{Answer, Request, views};
use crate::jetstream::clock::Now;
use crate::jetstream::{ApiError, Engine};

pub(super) fn serve(
    engine: &Engine,
    now: Now,
    stream: &str,
    name: &str,
    request: &Request<'_>,
) -> Answer {
    let id = engine.stream_id(stream);
    let result = request.expect_empty().and_then(|()| {
        id.clone()?;
        let key = engine.consumer_key(stream, name);
        key.and_then(|key| views::consumer(engine, now, key))
            .ok_or(ApiError::CONSUMER_NOT_FOUND)
    });
    Answer::new("consumer_info_response", result).about(id.ok())
}
