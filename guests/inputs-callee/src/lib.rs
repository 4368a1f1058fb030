//! Reads input streams of WASI 0.2 and gives them back.

use bindings::exports::test::inputs::calls::{Guest, InputStream};
use wasip2::io::streams::StreamError;

mod bindings {
    wit_bindgen::generate!({
        path: "../wit/inputs",
        world: "test:inputs/callee",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
    });

    export!(Callee);
    use super::Callee;
}

/// How much is read at once, in bytes.
const READ_BYTES_MAX: u64 = 64 * 1024;

struct Callee;

impl Guest for Callee {
    fn echo(data: InputStream) -> InputStream {
        data
    }

    fn count(data: InputStream) -> Result<u64, String> {
        let mut count = 0;
        loop {
            match data.blocking_read(READ_BYTES_MAX) {
                Ok(bytes) => count += bytes.len() as u64,
                Err(StreamError::Closed) => return Ok(count),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(error.to_debug_string());
                }
            }
        }
    }
}
