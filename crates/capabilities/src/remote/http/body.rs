//! Bodies: from the wire to HTTP, and back.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use weft_engine::http::HttpError;
use weft_runtime::TaskGuard;
use weft_wrpc::stream::{FutureReader, StreamReader};
use weft_wrpc::{Failure, FailureCode, FutureWriter, StreamError, StreamWriter};

use super::shape::{Fields, from_fields, to_fields};

/// A body that comes over the wire, with its trailers.
pub struct WireBody {
    /// `None` once it has ended.
    data: Option<StreamReader>,
    /// `None` once they have come.
    trailers: Option<BoxFuture<'static, Result<Option<Fields>, StreamError>>>,
    /// What goes the other way meanwhile, and ends with this.
    _pump: Option<TaskGuard>,
}

// ===== impl WireBody =====

impl WireBody {
    pub(super) fn new(
        data: StreamReader,
        mut trailers: FutureReader,
        pump: Option<TaskGuard>,
    ) -> Self {
        Self {
            data: Some(data),
            trailers: Some(async move { trailers.read().await }.boxed()),
            _pump: pump,
        }
    }

    fn poll_trailers(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let Some(trailers) = &mut self.trailers else {
            return Poll::Ready(None);
        };
        let fields = ready!(trailers.poll_unpin(context));
        self.trailers = None;
        Poll::Ready(match fields {
            Ok(Some(fields)) => Some(
                from_fields(fields)
                    .map(Frame::trailers)
                    .ok_or(HttpError::HttpProtocolError),
            ),
            // Some of 1.9 end the future without a value where there are no trailers.
            Ok(None) | Err(StreamError::Truncated) => None,
            Err(_) => Some(Err(HttpError::ConnectionTerminated)),
        })
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Some(data) = &mut self.data {
            match ready!(data.poll_bytes(context)) {
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(None) => self.data = None,
                Err(_) => {
                    (self.data, self.trailers) = (None, None);
                    return Poll::Ready(Some(Err(HttpError::ConnectionTerminated)));
                }
            }
        }
        self.poll_trailers(context)
    }
}

/// Writes a body and its trailers, until both have ended or nobody reads them.
pub(super) async fn pump<B>(mut body: B, mut data: StreamWriter, trailers: FutureWriter)
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut fields = None;
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(bytes)) => {
                if data.write_bytes(bytes).await.is_err() {
                    return;
                }
            }
            Ok(Err(frame)) => fields = frame.into_trailers().ok().or(fields),
            Err(error) => {
                let failure = Failure::new(FailureCode::Trap, error.to_string());
                data.fail(&failure);
                trailers.fail(&failure);
                return;
            }
        }
    }
    if data.finish().await.is_ok() {
        let fields = fields.as_ref().map(to_fields);
        // Nobody reads them, then.
        let _ = trailers.write(&fields).await;
    }
}
