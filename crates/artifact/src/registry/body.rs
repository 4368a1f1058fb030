//! Bodies of requests.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::progress::{Step, Teller};

/// How much is sent at once, and told of.
const PIECE_BYTES: usize = 64 * 1024;

/// Bytes to send, in pieces, telling of each.
pub(super) struct Upload {
    rest: Bytes,
    total: u64,
    teller: Option<Teller>,
}

// ===== impl Upload =====

impl Upload {
    /// Sends `bytes` and tells nobody.
    pub(super) fn silent(bytes: Bytes) -> Self {
        Self {
            total: bytes.len() as u64,
            rest: bytes,
            teller: None,
        }
    }

    /// Sends `bytes` and tells of it.
    pub(super) fn told(bytes: Bytes, teller: Teller) -> Self {
        Self {
            teller: Some(teller),
            ..Self::silent(bytes)
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        if let Some(teller) = &self.teller {
            teller.tell(Step::Uploading {
                bytes: self.total - self.rest.len() as u64,
                total: self.total,
            });
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
