//! Calls of components that answer HTTP requests, WASI 0.2 and 0.3.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use wasmtime::component::InstancePre;
pub use wasmtime_wasi_http::Error as HttpError;
pub use wasmtime_wasi_http::RequestOptions;
pub use wasmtime_wasi_http::WasiBody as RequestBody;
use wasmtime_wasi_http::{p2, p3};

use crate::call::{CallClock, CallContext};
use crate::context::StoreContext;
use crate::error::CallError;
use crate::lane::LaneKind;
use crate::program::Program;
use crate::world::World;

mod incoming;
mod service;

/// What sends the requests of guests on.
pub trait Outgoing: Send + Sync + 'static {
    /// Sends a request, up to the head of its answer. `context` is that of whoever is called. Dropping the future gives the
    /// request up.
    ///
    /// # Errors
    ///
    /// What the guest is told.
    fn send(
        &self,
        request: http::Request<RequestBody>,
        options: Option<RequestOptions>,
        context: CallContext,
    ) -> BoxFuture<'static, Result<http::Response<RequestBody>, HttpError>>;
}

/// What routes of `wasi:http/outgoing-handler` lead to.
pub struct OutgoingBackend(pub Arc<dyn Outgoing>);

/// A component's answer while it may still be written.
pub type Response = http::Response<ResponseBody>;

/// The export by which a component answers HTTP requests.
pub(crate) enum Handler {
    /// `wasi:http/incoming-handler@0.2`.
    Incoming(p2::bindings::ProxyPre<StoreContext>),
    /// `wasi:http/handler@0.3`.
    Service(p3::bindings::ServicePre<StoreContext>),
}

/// The body of an answer. Fails instead of ending when the component did not finish it.
pub struct ResponseBody {
    inner: wasmtime_wasi_http::WasiBody,
    clock: Arc<CallClock>,
    bytes: u64,
    bytes_max: u64,
    /// Dropped when nobody reads any more; a WASI 0.3 call waits for that.
    _reader: Option<oneshot::Sender<()>>,
}

/// Why a body ends early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The component failed or ran out of time while it wrote.
    #[error("the component did not finish its answer")]
    Unfinished,
    /// The component wrote more than it may.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// The component broke its own promises, such as a content length.
    #[error("the answer is malformed")]
    Malformed(#[source] HttpError),
}

// ===== impl Handler =====

impl Handler {
    pub(crate) fn new(
        lane: LaneKind,
        pre: &InstancePre<StoreContext>,
        world: &World,
    ) -> wasmtime::Result<Self> {
        // A component may export both; the newer one streams better, but only the concurrent lane can run it.
        if lane == LaneKind::Concurrent && world.exports_service() {
            p3::bindings::ServicePre::new(pre.clone()).map(Self::Service)
        } else {
            p2::bindings::ProxyPre::new(pre.clone()).map(Self::Incoming)
        }
    }
}

// ===== impl Program =====

impl Program {
    /// Lets the component answer `request`, in a fresh instance, up to the head of its answer.
    ///
    /// The request has an authority, in its target or its `host` header. What the component does after the head runs in
    /// a task of its own on this runtime, up to the deadline; a body that it does not finish by then ends with
    /// [`BodyError::Unfinished`]. Cancellation safe: dropping the future ends the call and frees the instance.
    ///
    /// # Errors
    ///
    /// [`CallError`]; it has been counted and logged. [`CallError::NoHandler`] when the component answers no HTTP.
    pub async fn handle_http(
        self: &Arc<Self>,
        request: http::Request<RequestBody>,
        context: CallContext,
    ) -> Result<Response, CallError> {
        let context = context.within(self.limits.call_duration_max);
        let answered = match &self.handler {
            Some(Handler::Incoming(pre)) => incoming::call(self, pre, request, context).await,
            Some(Handler::Service(pre)) => service::call(self, pre, request, context).await,
            None => Err(CallError::NoHandler {
                component: self.component.as_str().into(),
            }),
        };
        if let Err(error) = &answered {
            self.note_failure(error);
        }
        answered
    }

    fn response(
        &self,
        response: http::Response<wasmtime_wasi_http::WasiBody>,
        clock: Arc<CallClock>,
        reader: Option<oneshot::Sender<()>>,
    ) -> Response {
        response.map(|inner| ResponseBody {
            inner,
            clock,
            bytes: 0,
            bytes_max: self.limits.response_body_bytes_max,
            _reader: reader,
        })
    }
}

// ===== impl ResponseBody =====

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                self.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                let bytes_max = self.bytes_max;
                Some(if self.bytes > bytes_max {
                    Err(BodyError::TooLarge { bytes_max })
                } else {
                    Ok(frame)
                })
            }
            Some(Err(error)) => Some(Err(BodyError::Malformed(error))),
            // A store that is dropped ends its bodies as if they were finished.
            None if self.clock.is_failed() => Some(Err(BodyError::Unfinished)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && !self.clock.is_failed()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
