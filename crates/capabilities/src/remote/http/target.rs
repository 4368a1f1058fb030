//! Whoever answers requests elsewhere.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use weft_engine::http::{HttpError, Outgoing, RequestBody, RequestOptions};
use weft_engine::{CallContext, CallError, RemoteProblem};
use weft_model::id::{EntityId, LinkName};
use weft_model::problem::render_chain;
use weft_runtime::TaskKind;
use weft_wrpc::codec::Writer;
use weft_wrpc::subject::SubjectError;
use weft_wrpc::{CallOptions, Function, stream};

use super::body::{WireBody, pump};
use super::code::ErrorCode;
use super::shape::{self, RequestHead};
use super::{HANDLE, INCOMING, INCOMING_SIGNATURE, OUTGOING, OUTGOING_SIGNATURE};
use crate::remote::target::wire_context;
use crate::remote::{Wire, failure};

/// Which side of HTTP is asked to answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Handler {
    /// A component, as a server asks it.
    Incoming,
    /// A provider that sends requests to where they are for.
    Outgoing,
}

/// Something that answers requests elsewhere, by one link.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    wire: Wire,
    source: EntityId,
    target: EntityId,
    link_name: LinkName,
    handler: Handler,
    function: Function,
}

// ===== impl HttpTarget =====

impl HttpTarget {
    /// The `handler` of `target`, as `source` asks it by the link `link_name`.
    ///
    /// # Errors
    ///
    /// [`SubjectError`] when the ids make no subject.
    pub fn new(
        wire: &Wire,
        source: &EntityId,
        target: &EntityId,
        link_name: &LinkName,
        handler: Handler,
    ) -> Result<Self, SubjectError> {
        let (instance, signature) = match handler {
            Handler::Incoming => (INCOMING, &INCOMING_SIGNATURE),
            Handler::Outgoing => (OUTGOING, &OUTGOING_SIGNATURE),
        };
        let prefix = wire.prefix(target.as_str())?;
        Ok(Self {
            function: Function::new(&prefix, instance, HANDLE, Arc::clone(signature))?,
            wire: wire.clone(),
            source: source.clone(),
            target: target.clone(),
            link_name: link_name.clone(),
            handler,
        })
    }

    /// Hands it a request, up to the head of its answer. The bodies go on until both have ended, or that of the answer is
    /// dropped. `context` is that of the callee.
    ///
    /// # Errors
    ///
    /// [`CallError::Guest`] with the code that it answered with; otherwise as calls of functions.
    pub async fn handle(
        &self,
        request: http::Request<RequestBody>,
        options: Option<RequestOptions>,
        context: &CallContext,
    ) -> Result<http::Response<WireBody>, CallError> {
        let target = self.target.as_str();
        let (parts, body) = request.into_parts();
        let ((data, data_out), (trailers, trailers_out)) = (stream::stream(), stream::future());
        let mut writer = Writer::new();
        writer.at(0, |writer| {
            shape::write_request(writer, &RequestHead::of(&parts), &data_out, &trailers_out);
        });
        if self.handler == Handler::Outgoing {
            let options = options.map(|options| {
                shape::RequestOptions::new(
                    options.connect_timeout,
                    options.first_byte_timeout,
                    options.between_bytes_timeout,
                )
            });
            writer.at(1, |writer| writer.value(&options));
        }
        let values = |error| CallError::Remote {
            target: target.into(),
            problem: RemoteProblem::Values {
                message: render_chain(&error).into(),
            },
        };
        let params = writer.finish().map_err(values)?;
        let options = CallOptions {
            timeout: context.remaining(),
            context: wire_context(self.source.as_str(), &self.link_name, context),
        };
        // Bodies are written while the call runs and after it, so by a task; it ends with what is returned.
        let pump = self
            .wire
            .tasks()
            .spawn(
                TaskKind::Helper,
                "remote.http.body",
                pump(body, data, trailers),
            )
            .into_guard();
        let invoked = self
            .wire
            .endpoint()
            .invoke(&self.function, params, &options);
        let reply = invoked
            .await
            .map_err(|error| failure::understood(target, context.depth(), &error))?;
        let mut reader = reply.reader();
        let answer = reader.at(0, |reader| {
            Ok(if reader.result()? {
                Ok(shape::read_response(reader)?)
            } else {
                Err(reader.value::<ErrorCode>()?)
            })
        });
        let (head, data, trailers) = match answer.map_err(values)? {
            Ok(answer) => answer,
            Err(code) => return Err(CallError::Guest(Arc::new(code.into()))),
        };
        let body = WireBody::new(data, trailers, Some(pump));
        let response = head.and_then(|head| head.body(body).ok());
        // A head that is none of HTTP.
        response.ok_or_else(|| CallError::Guest(Arc::new(HttpError::HttpProtocolError)))
    }
}

impl Outgoing for HttpTarget {
    fn send(
        &self,
        request: http::Request<RequestBody>,
        options: Option<RequestOptions>,
        context: CallContext,
    ) -> BoxFuture<'static, Result<http::Response<RequestBody>, HttpError>> {
        let target = self.clone();
        async move {
            let answer = target.handle(request, options, &context).await;
            answer
                .map(|response| response.map(|body| body.boxed_unsync()))
                .map_err(|error| http_error(&error))
        }
        .boxed()
    }
}

/// What a guest is told of a failed call: what its callee answered, or what is nearest to what happened.
fn http_error(error: &CallError) -> HttpError {
    match error {
        CallError::Guest(code) => ErrorCode::from(&**code).into(),
        CallError::Deadline => HttpError::HttpResponseTimeout,
        CallError::Depth { .. } => HttpError::LoopDetected,
        CallError::Remote {
            problem: RemoteProblem::NoResponders,
            ..
        } => HttpError::DestinationUnavailable,
        CallError::Remote {
            problem: RemoteProblem::Overloaded { .. },
            ..
        } => HttpError::ConnectionLimitReached,
        error => HttpError::InternalError(Some(error.to_string())),
    }
}
