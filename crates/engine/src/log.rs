//! What guests write to stdout and stderr, as log records.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};
use weft_model::id::ComponentId;

/// The longest record; longer lines are cut into several.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Records that a component may write in each second.
const RECORDS_PER_SECOND: u32 = 1000;
/// Failed calls of a component that are logged in each second: under overload every call may fail.
const FAILURES_PER_SECOND: u32 = 10;

/// The log of one component: names it in each record and bounds their rate. What the host has to say of its calls has a
/// rate of its own, so that a component that writes much cannot hide its failures.
#[derive(Debug)]
pub(crate) struct GuestLog {
    component: ComponentId,
    records: Mutex<Budget>,
    failures: Mutex<Budget>,
}

#[derive(Debug)]
struct Budget {
    per_second: u32,
    /// Start of the present second.
    since: Instant,
    left: u32,
    dropped: u64,
}

/// One of the two streams of a guest.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// The stream of one instance. Text after the last newline becomes a record when the instance ends.
#[derive(Clone)]
pub(crate) struct GuestStream {
    lines: Arc<Mutex<Lines>>,
}

struct Lines {
    log: Arc<GuestLog>,
    stream: Stream,
    buffer: Vec<u8>,
}

// ===== impl GuestLog =====

impl GuestLog {
    pub(crate) fn new(component: ComponentId) -> Self {
        Self {
            component,
            records: Mutex::new(Budget::new(RECORDS_PER_SECOND)),
            failures: Mutex::new(Budget::new(FAILURES_PER_SECOND)),
        }
    }

    /// Whether the component may write one more record now. Tells how many were dropped once records pass again.
    pub(crate) fn admits(&self) -> bool {
        let Some(dropped) = take(&self.records) else {
            return false;
        };
        if dropped > 0 {
            tracing::warn!(component.id = %self.component, dropped, "Dropped log records of a component that writes too many");
        }
        true
    }

    /// Whether one more failed call may be logged now. Tells how many were not once failures are logged again.
    pub(crate) fn admits_failure(&self) -> bool {
        let Some(dropped) = take(&self.failures) else {
            return false;
        };
        if dropped > 0 {
            tracing::warn!(component.id = %self.component, dropped, "Did not log failed calls, there were too many");
        }
        true
    }

    fn write(&self, stream: Stream, line: &[u8]) {
        if line.is_empty() || !self.admits() {
            return;
        }
        let text = String::from_utf8_lossy(line);
        match stream {
            Stream::Stdout => {
                tracing::info!(target: "weft::guest", stream = "stdout", component.id = %self.component, "{text}");
            }
            Stream::Stderr => {
                tracing::info!(target: "weft::guest", stream = "stderr", component.id = %self.component, "{text}");
            }
        }
    }
}

// ===== impl Budget =====

impl Budget {
    fn new(per_second: u32) -> Self {
        Self {
            per_second,
            since: Instant::now(),
            left: per_second,
            dropped: 0,
        }
    }

    /// Takes one; gives how many were dropped since the last that passed.
    fn take(&mut self) -> Option<u64> {
        if self.since.elapsed().as_secs() > 0 {
            self.since = Instant::now();
            self.left = self.per_second;
        }
        if self.left == 0 {
            self.dropped += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.dropped))
    }
}

fn take(budget: &Mutex<Budget>) -> Option<u64> {
    budget.lock().unwrap_or_else(PoisonError::into_inner).take()
}

// ===== impl GuestStream =====

impl GuestStream {
    pub(crate) fn new(log: Arc<GuestLog>, stream: Stream) -> Self {
        Self {
            lines: Arc::new(Mutex::new(Lines {
                log,
                stream,
                buffer: Vec::new(),
            })),
        }
    }

    fn accept(&self, bytes: &[u8]) {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .accept(bytes);
    }
}

impl Lines {
    fn accept(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = LINE_BYTES_MAX - self.buffer.len();
            let window = &bytes[..bytes.len().min(room)];
            match window.iter().position(|&byte| byte == b'\n') {
                Some(end) => {
                    self.buffer.extend_from_slice(&window[..end]);
                    bytes = &bytes[end + 1..];
                    self.end_line();
                }
                None => {
                    self.buffer.extend_from_slice(window);
                    bytes = &bytes[window.len()..];
                    if self.buffer.len() == LINE_BYTES_MAX {
                        self.end_line();
                    }
                }
            }
        }
    }

    fn end_line(&mut self) {
        let line = self.buffer.strip_suffix(b"\r").unwrap_or(&self.buffer);
        self.log.write(self.stream, line);
        self.buffer.clear();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_line();
    }
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for GuestStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.accept(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for GuestStream {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.accept(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(LINE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestStream {
    async fn ready(&mut self) {}
}
