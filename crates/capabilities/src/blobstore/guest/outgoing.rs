//! Bodies that guests write: a bounded queue between the stream of a guest and whoever stores the object.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::blobstore::{Body, Error, Written};

/// Bytes that a guest may be ahead of the one who stores them.
const AHEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes that a guest may write before it says where to.
const UNPLACED_BYTES_MAX: usize = 1 << 20;

/// The body of an object that a guest writes. Dropped before it is finished, the object is not written.
#[derive(Default)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OutgoingValue {
    queue: Arc<Queue>,
    has_stream: bool,
    written: Option<Written>,
}

/// The writing end, for the guest.
struct BodyOutput(Arc<Queue>);

/// The reading end.
struct BodyReader(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    /// Whether it is said where the object goes.
    is_placed: bool,
    /// How the guest has ended it.
    ended: Option<Result<(), Error>>,
    /// Whether nobody reads it any more.
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

// ===== impl OutgoingValue =====

impl OutgoingValue {
    /// The stream to write to; `None` when it was given out.
    pub(super) fn stream(&mut self) -> Option<DynOutputStream> {
        if std::mem::replace(&mut self.has_stream, true) {
            return None;
        }
        Some(Box::new(BodyOutput(Arc::clone(&self.queue))))
    }

    /// What is written, for whoever stores it.
    pub(super) fn read(&self) -> Result<Body, Error> {
        let mut state = self.queue.lock();
        if std::mem::replace(&mut state.is_placed, true) {
            return Err(Error::BodyTaken);
        }
        drop(state);
        Ok(BodyReader(Arc::clone(&self.queue)).boxed())
    }

    /// Notes who says how the write ends.
    pub(super) fn set_written(&mut self, written: Written) {
        self.written = Some(written);
    }

    /// Ends the body, and waits until it is stored.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        let written = self.written.take().ok_or(Error::NotWritten)?;
        self.queue.end(Ok(()));
        written.await
    }
}

impl Drop for OutgoingValue {
    fn drop(&mut self) {
        self.queue.end(Err(Error::Unfinished));
    }
}

// ===== impl Queue =====

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, unless that has happened.
    fn end(&self, how: Result<(), Error>) {
        let mut state = self.lock();
        if state.ended.is_none() {
            state.ended = Some(how);
            wake(&mut state.reader);
            wake(&mut state.writer);
        }
    }
}

// ===== impl State =====

impl State {
    /// Bytes that may be written now.
    fn room(&self) -> usize {
        let max = if self.is_placed {
            AHEAD_BYTES_MAX
        } else {
            UNPLACED_BYTES_MAX
        };
        max.saturating_sub(self.bytes)
    }

    /// The same, where the stream takes more.
    fn check(&self) -> StreamResult<usize> {
        if self.is_closed || self.ended.is_some() {
            return Err(StreamError::Closed);
        }
        let room = self.room();
        if room == 0 && !self.is_placed {
            // Whoever waits for room here waits for `write-data`, which a guest that is blocked never calls.
            let text = "call `write-data` before writing more than 1 MiB of the body";
            return Err(StreamError::LastOperationFailed(wasmtime::Error::msg(text)));
        }
        Ok(room.min(AHEAD_BYTES_MAX))
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

// ===== impl BodyOutput =====

#[async_trait]
impl Pollable for BodyOutput {
    async fn ready(&mut self) {
        poll_fn(|context| {
            let mut state = self.0.lock();
            if let Ok(0) = state.check() {
                state.writer = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }
}

#[async_trait]
impl OutputStream for BodyOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut state = self.0.lock();
        if bytes.len() > state.check()? {
            return Err(StreamError::trap(
                "more is written than `check-write` allows",
            ));
        }
        if !bytes.is_empty() {
            state.bytes += bytes.len();
            state.pieces.push_back(bytes);
            wake(&mut state.reader);
        }
        Ok(())
    }

    /// What is written is on its way; that it has arrived is told by the end of the value.
    fn flush(&mut self) -> StreamResult<()> {
        self.0.lock().check().map(drop)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.lock().check()
    }
}

// ===== impl BodyReader =====

impl Stream for BodyReader {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock();
        // A body that was given up is not stored, however much of it was written.
        if let Some(Err(error)) = &state.ended {
            return Poll::Ready(Some(Err(error.clone())));
        }
        if let Some(piece) = state.pieces.pop_front() {
            state.bytes -= piece.len();
            wake(&mut state.writer);
            return Poll::Ready(Some(Ok(piece)));
        }
        if state.ended.is_some() {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        state.pieces.clear();
        wake(&mut state.writer);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_guest_is_only_so_far_ahead() {
        let mut value = OutgoingValue::default();
        let mut output = value.stream().unwrap();
        assert!(value.stream().is_none());
        let mut body = value.read().unwrap();
        assert!(value.read().is_err());
        let room = output.check_write().unwrap();
        output.write(vec![1; room].into()).unwrap();
        assert_eq!(output.check_write().unwrap(), 0);
        assert!(output.ready().now_or_never().is_none());
        assert_eq!(body.next().await.unwrap().unwrap().len(), room);
        assert!(output.ready().now_or_never().is_some());
        value.set_written(futures::future::ready(Ok(())).boxed());
        value.finish().await.unwrap();
        assert!(body.next().await.is_none());
        assert!(matches!(output.check_write(), Err(StreamError::Closed)));
    }

    #[tokio::test]
    async fn a_value_that_is_dropped_is_not_stored() {
        let mut value = OutgoingValue::default();
        let mut output = value.stream().unwrap();
        let mut body = value.read().unwrap();
        output.write("half".into()).unwrap();
        drop(value);
        assert!(body.next().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_guest_is_told_when_nobody_stores_what_it_writes() {
        let mut value = OutgoingValue::default();
        let mut output = value.stream().unwrap();
        drop(value.read().unwrap());
        assert!(matches!(output.check_write(), Err(StreamError::Closed)));
        assert!(value.finish().await.is_err());
    }

    #[tokio::test]
    async fn a_guest_that_never_says_where_to_is_not_left_waiting() {
        let mut value = OutgoingValue::default();
        let mut output = value.stream().unwrap();
        for _ in 0..UNPLACED_BYTES_MAX / AHEAD_BYTES_MAX {
            output.write(vec![1; AHEAD_BYTES_MAX].into()).unwrap();
        }
        output.ready().await;
        assert!(output.check_write().is_err());
        assert!(value.finish().await.is_err());
    }
}
