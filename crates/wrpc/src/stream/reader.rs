//! Streams and futures that come in.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Sleep, sleep};

use super::StreamError;
use crate::codec::{self, Input, Progress, Scan};
use crate::encode::{Decode, Typed};
use crate::endpoint::{Arrival, Form, Session};
use crate::ty::{Path, Type};

/// The reading end of a `stream`.
///
/// Its sender is slowed down by not reading, when it is of Weft; one of 1.9 cannot be, and the stream fails when more
/// has come than the call may take. Dropping it tells a sender of Weft that nobody reads any more.
///
/// How long a sender of 1.9 may pause is for whoever reads to say, as 1.9 says nothing of it.
#[derive(Debug)]
pub struct StreamReader {
    source: Source,
    /// Runs while a sender of Weft is waited for.
    idle: Option<Pin<Box<Sleep>>>,
    /// Elements of the current chunk that are still to come.
    left: u64,
    /// What has come of the current message.
    current: Bytes,
    /// The bytes of the header of a chunk, as far as they came.
    header: Vec<u8>,
    /// The pieces of an element that has not come as a whole.
    partial: Input,
    is_ended: bool,
}

/// The reading end of a `future`. How long it is waited for is for whoever reads to say: it may come at the end of a long
/// stream. That the other end is gone is noticed by itself, where that is of Weft.
#[derive(Debug)]
pub struct FutureReader {
    source: Source,
    taken: Input,
}

/// Some elements of a stream, encoded one after the other.
#[derive(Clone, Debug)]
pub struct Elements {
    /// How many; never zero.
    pub count: u64,
    /// Their bytes.
    pub bytes: Input,
}

#[derive(Debug)]
enum Source {
    /// All of it came with the tuple: the pieces that are left of it.
    Inline(VecDeque<Bytes>),
    Path {
        session: Arc<Session>,
        path: Path,
    },
}

// ===== impl StreamReader =====

impl StreamReader {
    /// A stream of `count` elements that are there already.
    pub(crate) fn inline(count: u64, elements: Input) -> Self {
        Self::new(Source::Inline(elements.into_pieces()), count)
    }

    pub(crate) fn pending((session, path): (Arc<Session>, Path)) -> Self {
        Self::new(Source::Path { session, path }, 0)
    }

    fn new(source: Source, left: u64) -> Self {
        Self {
            source,
            idle: None,
            left,
            current: Bytes::new(),
            header: Vec::new(),
            partial: Input::new(),
            is_ended: false,
        }
    }

    /// The next bytes of a `stream<u8>`, never empty; `None` at its end. To be asked no more after an error. Cancel safe.
    ///
    /// # Errors
    ///
    /// See [`StreamError`].
    pub async fn next_bytes(&mut self) -> Result<Option<Bytes>, StreamError> {
        poll_fn(|cx| self.poll_bytes(cx)).await
    }

    /// See [`Self::next_bytes`].
    pub fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        if !ready!(self.poll_chunk(cx))? {
            return Poll::Ready(Ok(None));
        }
        let length = usize::try_from(self.left)
            .map_or(self.current.len(), |left| left.min(self.current.len()));
        self.left -= length as u64;
        Poll::Ready(Ok(Some(self.current.split_to(length))))
    }

    /// The next elements of a stream of elements of type `element`: as many as have come as a whole, at least one;
    /// `None` at its end. To be asked no more after an error. Cancel safe.
    ///
    /// # Errors
    ///
    /// See [`StreamError`].
    pub async fn next_elements(&mut self, element: &Type) -> Result<Option<Elements>, StreamError> {
        poll_fn(|cx| self.poll_elements(element, cx)).await
    }

    /// See [`Self::next_elements`].
    pub fn poll_elements(
        &mut self,
        element: &Type,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Elements>, StreamError>> {
        loop {
            if !ready!(self.poll_chunk(cx))? {
                return Poll::Ready(Ok(None));
            }
            let elements = self.take_elements(element)?;
            if elements.count > 0 {
                return Poll::Ready(Ok(Some(elements)));
            }
        }
    }

    /// The next elements, decoded; `None` at its end.
    ///
    /// # Errors
    ///
    /// See [`StreamError`].
    pub async fn next<T: Decode + Typed>(&mut self) -> Result<Option<Vec<T>>, StreamError> {
        let Some(elements) = self.next_elements(&T::ty()).await? else {
            return Ok(None);
        };
        let mut reader = elements.bytes.reader();
        let mut values = Vec::new();
        for _ in 0..elements.count {
            values.push(T::decode(&mut reader).map_err(StreamError::Codec)?);
        }
        Ok(Some(values))
    }

    /// Brings in what follows, so that `current` holds a part of a chunk; `false` at the end of the stream.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, StreamError>> {
        loop {
            if self.is_ended {
                return Poll::Ready(Ok(false));
            }
            if self.left == 0 && !self.begin_chunk()? {
                continue;
            }
            if self.left > 0 && !self.current.is_empty() {
                return Poll::Ready(Ok(true));
            }
            match ready!(self.poll_message(cx))? {
                Some(bytes) => self.current = bytes,
                None if matches!(self.source, Source::Inline(_)) && self.left == 0 => {
                    self.is_ended = true;
                }
                None => return Poll::Ready(Err(StreamError::Truncated)),
            }
        }
    }

    /// The next message, as long as its sender may take for it.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        if let Poll::Ready(next) = self.source.poll_next(cx) {
            self.idle = None;
            return Poll::Ready(next);
        }
        let Some(timeout) = self.source.idle_timeout() else {
            return Poll::Pending;
        };
        let idle = self.idle.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(idle.as_mut().poll(cx));
        Poll::Ready(Err(StreamError::Idle))
    }

    /// Reads the header of a chunk as far as it has come; `false` when it was that of the end.
    fn begin_chunk(&mut self) -> Result<bool, StreamError> {
        while let Some(&byte) = self.current.first() {
            let _ = self.current.split_to(1);
            self.header.push(byte);
            if byte & 0x80 != 0 && self.header.len() < codec::leb::BYTES_MAX {
                continue;
            }
            let count = codec::leb::parse_unsigned(&self.header);
            self.header.clear();
            let bits = u64::BITS;
            self.left = count.ok_or(StreamError::Codec(codec::Error::Number { at: 0, bits }))?;
            self.is_ended = self.left == 0;
            return Ok(!self.is_ended);
        }
        Ok(true)
    }

    /// Takes the elements that are complete with the current message; what is left over begins the next one.
    fn take_elements(&mut self, element: &Type) -> Result<Elements, StreamError> {
        let mut bytes = std::mem::take(&mut self.partial);
        // What came before is gone through again; it is rarely more than a message.
        let mut scan = Scan::new(element);
        for piece in bytes.pieces() {
            scan.push(piece).map_err(StreamError::Codec)?;
        }
        let (mut count, mut used) = (0, 0);
        while count < self.left {
            match scan
                .push(&self.current[used..])
                .map_err(StreamError::Codec)?
            {
                Progress::Done { used: length } => {
                    used += length;
                    count += 1;
                    scan = Scan::new(element);
                }
                Progress::More => break,
            }
        }
        self.left -= count;
        if count > 0 {
            bytes.push(self.current.split_to(used));
            if self.left > 0 {
                self.partial.push(std::mem::take(&mut self.current));
            }
        } else {
            bytes.push(std::mem::take(&mut self.current));
            self.partial = bytes;
            self.source.ensure_room(self.partial.len())?;
            bytes = Input::new();
        }
        Ok(Elements { count, bytes })
    }
}

// ===== impl FutureReader =====

impl FutureReader {
    /// A future whose value is there already.
    pub(crate) fn ready(value: Input) -> Self {
        Self {
            source: Source::Inline(value.into_pieces()),
            taken: Input::new(),
        }
    }

    pub(crate) fn pending((session, path): (Arc<Session>, Path)) -> Self {
        Self {
            source: Source::Path { session, path },
            taken: Input::new(),
        }
    }

    /// The bytes of the value, which is of type `payload`. Cancel safe; to be asked once.
    ///
    /// # Errors
    ///
    /// See [`StreamError`].
    pub async fn read_bytes(&mut self, payload: &Type) -> Result<Input, StreamError> {
        let mut scan = Scan::new(payload);
        let mut progress = Progress::More;
        for piece in self.taken.pieces() {
            progress = scan.push(piece).map_err(StreamError::Codec)?;
        }
        while let Progress::More = progress {
            let piece = poll_fn(|cx| self.source.poll_next(cx)).await?;
            let piece = piece.ok_or(StreamError::Truncated)?;
            progress = scan.push(&piece).map_err(StreamError::Codec)?;
            self.taken.push(piece);
            self.source.ensure_room(self.taken.len())?;
        }
        Ok(self.taken.clone())
    }

    /// The value. Cancel safe; to be asked once.
    ///
    /// # Errors
    ///
    /// See [`StreamError`].
    pub async fn read<T: Decode + Typed>(&mut self) -> Result<T, StreamError> {
        let bytes = self.read_bytes(&T::ty()).await?;
        bytes.decode().map_err(StreamError::Codec)
    }
}

// ===== impl Source =====

impl Source {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        match self {
            Self::Inline(pieces) => Poll::Ready(Ok(pieces.pop_front())),
            Self::Path { session, path } => {
                let arrival = ready!(session.poll_next(*path, cx));
                Poll::Ready(match arrival {
                    Arrival::Data(bytes) => Ok(Some(bytes)),
                    Arrival::End => Ok(None),
                    Arrival::Lost => Err(StreamError::Lost),
                    Arrival::Broken(reason) => Err(reason.into()),
                })
            }
        }
    }

    /// How long a stream may stand still; `None` where the time of the call is all that counts, as with ends of 1.9.
    fn idle_timeout(&self) -> Option<Duration> {
        match self {
            Self::Path { session, .. } if session.form() == Form::Weft => {
                Some(session.endpoint().options().stream_idle_timeout)
            }
            _ => None,
        }
    }

    /// Whether so many bytes may be held for one value.
    fn ensure_room(&self, bytes: usize) -> Result<(), StreamError> {
        match self {
            Self::Path { session, .. } if bytes > session.endpoint().options().call_bytes_max => {
                Err(StreamError::Overflow)
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Self::Path { session, path } = self {
            session.drop_reader(*path);
        }
    }
}
