//! Streams and futures that go out.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use async_nats::Subject;
use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::time::timeout;

use super::StreamError;
use crate::codec::leb;
use crate::encode::Encode;
use crate::endpoint::{Endpoint, Form, Session};
use crate::failure::{Failure, FailureCode};
use crate::header;
use crate::ty::Path;

/// Chunks up to this size are copied behind their header, so that they take one message; a larger one follows its header.
const COPIED_BYTES_MAX: usize = 32 * 1024;
/// The largest message of a stream, so that a reader with a small window is not starved.
const MESSAGE_BYTES_MAX: usize = 512 * 1024;
/// What the reader of a dropped stream is told.
const DROPPED: &str = "the stream was dropped by its writer";
/// How much is handed to the connection before it is waited for, where no peer slows us down.
const PACE_BYTES: usize = 1024 * 1024;

/// A `stream` or `future` in parameters or results, the other half of which is a [`StreamWriter`] or [`FutureWriter`].
/// Clones are the same stream. Until it is written into a tuple, it ends with the last of them; from then on with what
/// becomes of that tuple, and it may be written into one only.
#[derive(Clone, Debug)]
pub struct Outgoing {
    place: Arc<Place>,
}

/// The place that a stream has until it is written into a tuple.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
}

/// The writing end of a `stream`. It waits for the call to begin, and for its reader.
///
/// Dropped before [`Self::finish`], it breaks the stream off.
#[derive(Debug)]
pub struct StreamWriter {
    path: PathWriter,
}

/// The writing end of a `future`. Dropped before its value is written, it breaks the future off.
#[derive(Debug)]
pub struct FutureWriter {
    path: PathWriter,
}

/// Where the data of a path goes.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) endpoint: Endpoint,
    /// With a peer of Weft, which gives permission to send.
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) subject: Subject,
    pub(crate) path: Path,
    pub(crate) form: Form,
}

#[derive(Debug)]
struct PathWriter {
    shared: Arc<Shared>,
    link: Option<Link>,
    messages: u64,
    /// Handed to the connection since it was last waited for.
    unpaced: usize,
    is_ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Whether a tuple has it, so that it no longer ends with its [`Place`].
    is_written: AtomicBool,
}

/// What tells the writer where to write to, or, when dropped before, that its call has never begun.
#[derive(Debug)]
pub(crate) struct Connector {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    New,
    Waiting(Waker),
    Connected(Link),
    Taken,
    Closed,
}

/// A stream: the end to write to, and the value to put into parameters or results.
pub fn stream() -> (StreamWriter, Outgoing) {
    let (path, outgoing) = PathWriter::new();
    (StreamWriter { path }, outgoing)
}

/// A future: the end to write to, and the value to put into parameters or results.
pub fn future() -> (FutureWriter, Outgoing) {
    let (path, outgoing) = PathWriter::new();
    (FutureWriter { path }, outgoing)
}

// ===== impl StreamWriter =====

impl StreamWriter {
    /// Writes bytes to a `stream<u8>`. Returns when all may be on their way. When its future is dropped, a part may have
    /// been written, and the stream can only be dropped.
    ///
    /// # Errors
    ///
    /// See [`StreamError`]; [`StreamError::Closed`] when nobody reads any more.
    pub async fn write_bytes(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        let count = bytes.len() as u64;
        self.write_elements(count, bytes).await
    }

    /// Writes `count` elements, encoded one after the other; see [`Self::write_bytes`].
    ///
    /// # Errors
    ///
    /// See [`StreamError`]; [`StreamError::Closed`] when nobody reads any more.
    pub async fn write_elements(&mut self, count: u64, encoded: Bytes) -> Result<(), StreamError> {
        if count == 0 {
            return Ok(());
        }
        let mut header =
            BytesMut::with_capacity(leb::BYTES_MAX + encoded.len().min(COPIED_BYTES_MAX));
        leb::put_unsigned(&mut header, count);
        if encoded.len() <= COPIED_BYTES_MAX {
            header.put_slice(&encoded);
            return self.path.write(header.freeze()).await;
        }
        self.path.write(header.freeze()).await?;
        self.path.write(encoded).await
    }

    /// Writes values of a Rust type; see [`Self::write_bytes`].
    ///
    /// # Errors
    ///
    /// See [`StreamError`]; [`StreamError::Closed`] when nobody reads any more.
    pub async fn write<T: Encode>(&mut self, values: &[T]) -> Result<(), StreamError> {
        let mut writer = crate::codec::Writer::new();
        T::encode_slice(values, &mut writer);
        let encoded = writer.finish().map_err(StreamError::Codec)?;
        self.write_elements(values.len() as u64, encoded.bytes)
            .await
    }

    /// Ends the stream.
    ///
    /// # Errors
    ///
    /// See [`StreamError`].
    pub async fn finish(mut self) -> Result<(), StreamError> {
        self.path.write(Bytes::from_static(&[0])).await?;
        self.path.end().await
    }

    /// Breaks the stream off. A reader of 1.9 only sees that it ends early.
    pub fn fail(mut self, failure: &Failure) {
        self.path.fail(failure);
    }
}

// ===== impl FutureWriter =====

impl FutureWriter {
    /// Writes the value.
    ///
    /// # Errors
    ///
    /// See [`StreamError`].
    pub async fn write<T: Encode + ?Sized>(self, value: &T) -> Result<(), StreamError> {
        let mut writer = crate::codec::Writer::new();
        value.encode(&mut writer);
        let encoded = writer.finish().map_err(StreamError::Codec)?;
        self.write_encoded(encoded.bytes).await
    }

    /// Writes the value, encoded.
    ///
    /// # Errors
    ///
    /// See [`StreamError`].
    pub async fn write_encoded(mut self, encoded: Bytes) -> Result<(), StreamError> {
        self.path.write(encoded).await?;
        self.path.end().await
    }

    /// Breaks the future off. A reader of 1.9 only sees that it ends without a value.
    pub fn fail(mut self, failure: &Failure) {
        self.path.fail(failure);
    }
}

// ===== impl Outgoing =====

impl Outgoing {
    /// The half that goes with the tuple.
    pub(crate) fn connector(&self) -> Connector {
        let shared = Arc::clone(&self.place.shared);
        shared.is_written.store(true, Ordering::Release);
        Connector { shared }
    }
}

// ===== impl Connector =====

impl Connector {
    /// Tells the writer where to write to.
    pub(crate) fn connect(self, link: Link) {
        let mut state = self.shared.lock();
        match *state {
            State::New | State::Waiting(_) => {
                let before = std::mem::replace(&mut *state, State::Connected(link));
                drop(state);
                before.wake();
            }
            // The writer was dropped before the call began.
            State::Closed => {
                drop(state);
                link.fail(&Failure::new(FailureCode::Cancelled, DROPPED));
            }
            State::Connected(_) | State::Taken => {}
        }
    }
}

// ===== impl PathWriter =====

impl PathWriter {
    fn new() -> (Self, Outgoing) {
        let shared = Arc::new(Shared::default());
        let place = Arc::new(Place {
            shared: Arc::clone(&shared),
        });
        let writer = Self {
            shared,
            link: None,
            messages: 0,
            unpaced: 0,
            is_ended: false,
        };
        (writer, Outgoing { place })
    }

    /// Sends bytes, in as many messages as they need.
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), StreamError> {
        poll_fn(|cx| self.poll_link(cx)).await?;
        while !bytes.is_empty() {
            let Some(link) = &self.link else {
                return Err(StreamError::Closed);
            };
            let max = link
                .endpoint
                .nats()
                .max_payload()
                .clamp(1, MESSAGE_BYTES_MAX);
            let message = bytes.split_to(bytes.len().min(max));
            let length = message.len();
            link.wait(length).await?;
            let sent = link
                .endpoint
                .nats()
                .publish(link.subject.clone(), message)
                .await;
            sent.map_err(|_| StreamError::Connection)?;
            self.messages += 1;
            if link.form == Form::Plain {
                self.unpaced += length;
                if self.unpaced >= PACE_BYTES {
                    let flushed = link.endpoint.nats().flush().await;
                    flushed.map_err(|_| StreamError::Connection)?;
                    self.unpaced = 0;
                }
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), StreamError> {
        poll_fn(|cx| self.poll_link(cx)).await?;
        let Some(link) = &self.link else {
            return Err(StreamError::Closed);
        };
        self.is_ended = true;
        let (nats, subject) = (link.endpoint.nats(), link.subject.clone());
        let sent = match link.form {
            Form::Plain => nats.publish(subject, Bytes::new()).await,
            Form::Weft => {
                let headers = header::render_count(self.messages);
                nats.publish_with_headers(subject, headers, Bytes::new())
                    .await
            }
        };
        sent.map_err(|_| StreamError::Connection)
    }

    fn fail(&mut self, failure: &Failure) {
        self.is_ended = true;
        if let Some(link) = self.link.take().or_else(|| self.shared.take()) {
            link.fail(failure);
        }
    }

    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        if self.link.is_none() {
            self.link = Some(ready!(self.shared.poll_link(cx))?);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for PathWriter {
    fn drop(&mut self) {
        if !self.is_ended {
            self.fail(&Failure::new(FailureCode::Cancelled, DROPPED));
            *self.shared.lock() = State::Closed;
        }
    }
}

// ===== impl Link =====

impl Link {
    /// Tells the reader that no more comes.
    fn fail(&self, failure: &Failure) {
        let (headers, payload) = match self.form {
            Form::Plain => (None, Bytes::new()),
            Form::Weft => {
                let (headers, payload) = header::render_failure(failure);
                (Some(headers), payload)
            }
        };
        self.endpoint
            .publish_now(self.subject.clone(), headers, payload);
    }

    /// Waits for permission to send a message of `length`.
    async fn wait(&self, length: usize) -> Result<(), StreamError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        if self.form == Form::Plain {
            return session.broken().map_or(Ok(()), |reason| Err(reason.into()));
        }
        let idle_timeout = self.endpoint.options().stream_idle_timeout;
        let permission = poll_fn(|cx| session.poll_send(self.path, length, cx));
        match timeout(idle_timeout, permission).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(StreamError::Closed),
            Ok(Err(reason)) => Err(reason.into()),
            Err(_) => Err(StreamError::Idle),
        }
    }
}

// ===== impl Shared =====

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Link> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Connected(link) => Some(link),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Tells the writer that its call will not begin, unless it has.
    fn close(&self) {
        let mut state = self.lock();
        if let State::New | State::Waiting(_) = *state {
            let before = std::mem::replace(&mut *state, State::Closed);
            drop(state);
            before.wake();
        }
    }

    fn poll_link(&self, cx: &mut Context<'_>) -> Poll<Result<Link, StreamError>> {
        if let Some(link) = self.take() {
            return Poll::Ready(Ok(link));
        }
        let mut state = self.lock();
        match *state {
            State::New | State::Waiting(_) => {
                *state = State::Waiting(cx.waker().clone());
                Poll::Pending
            }
            State::Connected(_) => {
                // Between the two looks.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            State::Taken | State::Closed => Poll::Ready(Err(StreamError::Closed)),
        }
    }
}

// ===== impl State =====

impl State {
    fn wake(self) {
        if let Self::Waiting(waker) = self {
            waker.wake();
        }
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.shared.is_written.load(Ordering::Acquire) {
            self.shared.close();
        }
    }
}
