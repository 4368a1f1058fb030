//! Writes to stdout, stderr and the log, then answers. `/lines?n=1000` writes that many lines to stdout,
//! `/long?n=100000` one line of that many bytes.

use bindings::wasi::logging::logging::{Level, log};
use face::{Request, answer};
use wasip2::cli::{stderr, stdout};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use wasip2::io::streams::OutputStream;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/logging",
        inline: "package test:noisy; world noisy { import wasi:logging/logging@0.1.0-draft; }",
        world: "test:noisy/noisy",
        generate_all,
    });
}

wasip2::http::proxy::export!(Noisy);

/// The most that one blocking write takes, in bytes.
const WRITE_BYTES_MAX: usize = 4096;

struct Noisy;

impl Guest for Noisy {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        match request.path() {
            "/lines" => {
                let stdout = stdout::get_stdout();
                for line in 0..request.number("n", 1000) {
                    write(&stdout, format!("line {line}\n").as_bytes());
                }
            }
            "/long" => {
                let length = usize::try_from(request.number("n", 100_000)).unwrap_or(usize::MAX);
                write(&stdout::get_stdout(), &vec![b'x'; length]);
            }
            _ => everything(),
        }
        answer(out, 200, "said");
    }
}

fn everything() {
    let (stdout, stderr) = (stdout::get_stdout(), stderr::get_stderr());
    write(&stdout, b"to stdout\n");
    write(&stderr, b"to stderr\n");
    // A line in two writes, two lines in one, bytes that are no UTF-8, and a line without an end.
    write(&stdout, b"in two ");
    write(&stdout, b"writes\n");
    write(&stdout, b"first of two\nsecond of two\n");
    write(&stdout, b"not \xff text\n");
    write(&stdout, b"no end");
    log(Level::Trace, "noisy", "a trace");
    log(Level::Debug, "noisy", "a detail");
    log(Level::Info, "noisy", "a fact");
    log(Level::Warn, "noisy", "a warning");
    log(Level::Error, "noisy", "an error");
    log(Level::Critical, "", "a disaster");
}

fn write(stream: &OutputStream, bytes: &[u8]) {
    for chunk in bytes.chunks(WRITE_BYTES_MAX) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
}
