//! Passes the body of a request across a link: `/count` answers how long it is, `/echo` with what comes back.

use bindings::test::inputs::calls;
use face::{Answer, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use wasip2::io::streams::StreamError;

mod bindings {
    wit_bindgen::generate!({
        path: "../wit/inputs",
        world: "test:inputs/caller",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
    });
}

wasip2::http::proxy::export!(Caller);

/// How much is read at once, in bytes.
const READ_BYTES_MAX: u64 = 64 * 1024;

struct Caller;

impl Guest for Caller {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let body = request.consume().expect("the body is taken once");
        let stream = body.stream().expect("the stream is taken once");
        if path == "/count" {
            return answer(out, 200, format!("{:?}", calls::count(stream)));
        }
        let back = calls::echo(stream);
        let mut answer = Answer::begin(out, 200, &[]);
        loop {
            match back.blocking_read(READ_BYTES_MAX) {
                Ok(bytes) => {
                    if answer.write(&bytes).is_err() {
                        return;
                    }
                }
                Err(StreamError::Closed) => return answer.finish(),
                Err(StreamError::LastOperationFailed(_)) => return,
            }
        }
    }
}
