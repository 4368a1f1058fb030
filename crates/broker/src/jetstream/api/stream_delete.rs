//! `STREAM.DELETE.{stream}`.

use super::{Answer, Request, SUCCESS, advisory};
use crate::jetstream::Engine;
use crate::jetstream::clock::Now;

pub(super) fn serve(engine: &mut Engine, now: Now, name: &str, request: &Request<'_>) -> Answer {
    let id = request.expect_empty().and_then(|()| engine.stream_id(name));
    let result = id.clone().map(|id| {
        engine.delete_stream(now, id);
        advisory::stream_action(engine, now, name, advisory::Action::Delete);
        SUCCESS.to_owned()
    });
    Answer::new("stream_delete_response", result).about(id.ok())
}
