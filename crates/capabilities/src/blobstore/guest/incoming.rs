//! Bodies that guests read.

use std::ops::Range;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use crate::blobstore::{Body, CONSUMED_BYTES_MAX, Error, ObjectId};

/// Part of an object whose bytes have not been taken.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct IncomingValue {
    id: ObjectId,
    range: Range<u64>,
    body: Body,
}

/// A body as a stream of `wasi:io`.
pub(super) struct BodyInput {
    /// `None` once it has ended.
    body: Option<Body>,
    /// What has come and was not read.
    buffer: Bytes,
    error: Option<Error>,
}

// ===== impl IncomingValue =====

impl IncomingValue {
    pub(super) fn new(id: ObjectId, range: Range<u64>, body: Body) -> Self {
        Self { id, range, body }
    }

    /// The object, and which bytes of it.
    pub(super) fn place(&self) -> (ObjectId, Range<u64>) {
        (self.id.clone(), self.range.clone())
    }

    /// All of its bytes.
    pub(super) async fn consume(mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.body.next().await {
            let piece = piece?;
            if bytes.len() + piece.len() > CONSUMED_BYTES_MAX {
                return Err(Error::TooLarge);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

// ===== impl BodyInput =====

impl BodyInput {
    pub(super) fn new(value: IncomingValue) -> Self {
        Self {
            body: Some(value.body),
            buffer: Bytes::new(),
            error: None,
        }
    }
}

#[async_trait]
impl Pollable for BodyInput {
    async fn ready(&mut self) {
        while self.buffer.is_empty() {
            let Some(body) = &mut self.body else {
                return;
            };
            match body.next().await {
                Some(Ok(bytes)) => self.buffer = bytes,
                Some(Err(error)) => (self.error, self.body) = (Some(error), None),
                None => self.body = None,
            }
        }
    }
}

#[async_trait]
impl InputStream for BodyInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        // What is there already is given at once.
        let _: Option<()> = self.ready().now_or_never();
        if self.buffer.is_empty() {
            if let Some(error) = self.error.take() {
                return Err(StreamError::LastOperationFailed(error.into()));
            }
            if self.body.is_none() {
                return Err(StreamError::Closed);
            }
        }
        Ok(self.buffer.split_to(size.min(self.buffer.len())))
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn value(pieces: Vec<Result<Bytes, Error>>) -> IncomingValue {
        IncomingValue::new(ObjectId::new("c", "o"), 0..9, stream::iter(pieces).boxed())
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_shorter_body() {
        let broken = || vec![Ok(Bytes::from("ab")), Err(Error::Unfinished)];
        assert!(value(broken()).consume().await.is_err());
        let mut input = BodyInput::new(value(broken()));
        assert_eq!(input.blocking_read(1).await.unwrap(), "a");
        assert_eq!(input.blocking_read(9).await.unwrap(), "b");
        let failed = input.blocking_read(9).await;
        assert!(matches!(failed, Err(StreamError::LastOperationFailed(_))));
        assert!(matches!(input.read(9), Err(StreamError::Closed)));
    }

    #[tokio::test]
    async fn a_body_ends_behind_its_last_byte() {
        let mut input = BodyInput::new(value(vec![Ok(Bytes::from("ab")), Ok(Bytes::new())]));
        assert_eq!(input.read(9).unwrap(), "ab");
        assert!(matches!(
            input.blocking_read(9).await,
            Err(StreamError::Closed)
        ));
    }
}
