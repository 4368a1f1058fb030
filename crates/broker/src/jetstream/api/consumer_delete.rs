//! `CONSUMER.DELETE.{stream}.{consumer}`.

use super::{Answer, Request, SUCCESS};
use crate::jetstream::clock::Now;
use crate::jetstream::{ApiError, Engine};

pub(super) fn serve(
    engine: &mut Engine,
    now: Now,
    stream: &str,
    name: &str,
    request: &Request<'_>,
) -> Answer {
    let id = engine.stream_id(stream);
    let result = request.expect_empty().and_then(|()| {
        id.clone()?;
        let key = engine
            .consumer_key(stream, name)
            .ok_or(ApiError::CONSUMER_NOT_FOUND)?;
        engine.delete_consumer(now, key);
        Ok(SUCCESS.to_owned())
    });
    Answer::new("consumer_delete_response", result).about(id.ok())
}
