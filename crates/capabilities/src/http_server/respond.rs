//! One request: from its head to the head of its answer.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use tokio::time;
use weft_engine::http::{BodyError, HttpError, RequestBody, ResponseBody};
use weft_engine::{CallContext, CallError, Program, RemoteProblem, Trace};
use weft_model::limits::Limits;
use weft_model::problem::Coded;

use super::access_log::Entry;
use super::listener::Listener;
use super::routing::Rule;
use super::workers::WorkerShared;
use crate::remote::http::{HttpTarget, WireBody};

/// When a client that found the component busy may come back.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The body of an answer: a component's, or a short text of the server's own.
pub(super) struct AnswerBody {
    kind: Kind,
    shared: Arc<WorkerShared>,
    /// Written when the body ends.
    entry: Option<Box<Entry>>,
}

enum Kind {
    Component(ResponseBody),
    Elsewhere(WireBody),
    Text(Full<Bytes>),
    /// The head says what the body would be, as for `HEAD`.
    Absent,
}

/// An answer of the server itself.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    text: &'static str,
}

/// Answers one request.
pub(super) async fn respond(
    mut request: Request<Incoming>,
    client: SocketAddr,
    listener: &Listener,
    shared: &Arc<WorkerShared>,
) -> Response<AnswerBody> {
    shared.counters.requests.fetch_add(1, Ordering::Relaxed);
    let is_head = request.method() == Method::HEAD;
    let entry = shared
        .access_log
        .as_ref()
        .map(|_| Box::new(Entry::new(client, &request, Instant::now())));
    let found = match ensure_authority(&mut request, listener.bound) {
        Ok(()) => find(&request, listener),
        Err(refusal) => Err(refusal),
    };
    let (answer, component) = match found {
        Ok(rule) => (call(request, &rule).await, Some(rule)),
        Err(refusal) => (refusal.into_response(), None),
    };
    let class = usize::from(answer.status().as_u16() / 100).saturating_sub(1);
    if let Some(counter) = shared.counters.classes.get(class) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    let entry = entry.map(|mut entry| {
        entry.answered(
            answer.status(),
            component.map(|rule| rule.component.clone()),
        );
        entry
    });
    answer.map(|kind| AnswerBody {
        // HTTP/2 would send the body of an answer to `HEAD`.
        kind: if is_head { Kind::Absent } else { kind },
        shared: Arc::clone(shared),
        entry,
    })
}

/// Gives a request of HTTP/1.0 without a host one, as components need it; HTTP/1.1 has to have it.
fn ensure_authority(request: &mut Request<Incoming>, bound: SocketAddr) -> Result<(), Refusal> {
    if request.uri().authority().is_some() {
        return Ok(());
    }
    match request.headers().get(HOST) {
        Some(host) if host.to_str().is_ok() => Ok(()),
        None if request.version() <= Version::HTTP_10 => {
            let host = HeaderValue::from_str(&bound.to_string()).map_err(|_| BAD_HOST)?;
            request.headers_mut().insert(HOST, host);
            Ok(())
        }
        _ => Err(BAD_HOST),
    }
}

fn find(request: &Request<Incoming>, listener: &Listener) -> Result<Arc<Rule>, Refusal> {
    let host = request.uri().authority().map_or_else(
        || {
            request
                .headers()
                .get(HOST)
                .and_then(|host| host.to_str().ok())
        },
        |authority| Some(authority.as_str()),
    );
    let routes = listener.routes.load();
    let rule = routes
        .find(host.unwrap_or_default(), request.uri().path())
        .ok_or(NOT_FOUND)?;
    if rule.is_readonly && !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(READ_ONLY);
    }
    Ok(Arc::clone(rule))
}

async fn call(request: Request<Incoming>, rule: &Rule) -> Response<Kind> {
    let answer = match (&rule.program, &rule.elsewhere) {
        (Some(program), _) => {
            let Some(answer) = in_time(rule, answer(request, program)).await else {
                // The call was given up here, so nobody else counts it.
                program.note_failure(&CallError::Deadline);
                return LATE.into_response();
            };
            answer.map(|response| response.map(Kind::Component))
        }
        (None, Some(target)) => {
            let Some(answer) = in_time(rule, answer_elsewhere(request, target)).await else {
                return LATE.into_response();
            };
            if let Err(CallError::Remote {
                problem: RemoteProblem::NoResponders,
                ..
            }) = &answer
            {
                // Nobody runs it. What it calls in turn may be missing too, but then it runs itself.
                return NOT_HERE.into_response();
            }
            answer.map(|response| response.map(Kind::Elsewhere))
        }
        (None, None) => return NOT_HERE.into_response(),
    };
    match answer {
        Ok(mut response) => {
            if let Some(value) = &rule.cache_control
                && !response.headers().contains_key(CACHE_CONTROL)
            {
                response.headers_mut().insert(CACHE_CONTROL, value.clone());
            }
            response
        }
        Err(error) => refusal(&error).into_response(),
    }
}

/// Waits for the head of an answer for as long as the link says; `None` when it is late. The body has the time of the call.
async fn in_time<T>(rule: &Rule, answer: impl Future<Output = T>) -> Option<T> {
    match rule.head_timeout {
        None => Some(answer.await),
        Some(timeout) => time::timeout(timeout, answer).await.ok(),
    }
}

async fn answer(
    request: Request<Incoming>,
    program: &Arc<Program>,
) -> Result<Response<ResponseBody>, CallError> {
    let trace = trace(request.headers());
    let context = CallContext::root(program.limits().call_duration_max).traced(trace);
    program
        .handle_http(request.map(request_body), context)
        .await
}

/// Asks a component that does not run here. Its own limits hold where it runs.
async fn answer_elsewhere(
    request: Request<Incoming>,
    target: &HttpTarget,
) -> Result<Response<WireBody>, CallError> {
    let trace = trace(request.headers());
    let context = CallContext::root(Limits::HOST_MAX.call_duration_max).traced(trace);
    let request = request.map(request_body);
    target.handle(request, None, &context).await
}

fn request_body(body: Incoming) -> RequestBody {
    if body.is_end_stream() {
        Empty::new().map_err(HttpError::from).boxed_unsync()
    } else {
        body.map_err(HttpError::from).boxed_unsync()
    }
}

/// The trace that a request is part of.
fn trace(headers: &HeaderMap) -> Option<Trace> {
    let text = |name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Some(Trace {
        parent: text("traceparent")?,
        state: text("tracestate"),
    })
}

const BAD_HOST: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    code: "HTP010",
    text: "the request names no host",
};
const NOT_FOUND: Refusal = Refusal {
    status: StatusCode::NOT_FOUND,
    code: "HTP011",
    text: "nothing is served here",
};
const READ_ONLY: Refusal = Refusal {
    status: StatusCode::METHOD_NOT_ALLOWED,
    code: "HTP012",
    text: "only GET and HEAD are allowed here",
};
const NOT_HERE: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "HTP013",
    text: "the component does not run",
};

/// Its code is that of [`CallError::Deadline`], but the time is that of the link (spec §12.1).
const LATE: Refusal = Refusal {
    status: StatusCode::REQUEST_TIMEOUT,
    code: "CAL002",
    text: "the component took too long",
};

/// What the client is told of a failed call. The details are for the log: they are not the client's business.
fn refusal(error: &CallError) -> Refusal {
    let (status, text) = match error {
        CallError::Overloaded { .. }
        | CallError::Remote {
            problem: RemoteProblem::Overloaded { .. },
            ..
        } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the component is overloaded",
        ),
        CallError::Deadline => (StatusCode::GATEWAY_TIMEOUT, "the component took too long"),
        CallError::Cpu => (
            StatusCode::GATEWAY_TIMEOUT,
            "the component used too much processor time",
        ),
        CallError::Denied(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "the component lacks a link",
        ),
        CallError::Resources { .. } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "the component ran out of memory",
        ),
        CallError::Depth { .. } => (
            StatusCode::LOOP_DETECTED,
            "the components call each other too deeply",
        ),
        CallError::Remote { .. } => (
            StatusCode::BAD_GATEWAY,
            "what the component calls elsewhere failed",
        ),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "the component failed"),
    };
    Refusal {
        status,
        code: error.code(),
        text,
    }
}

// ===== impl Refusal =====

impl Refusal {
    fn into_response(self) -> Response<Kind> {
        let text = format!("{} [{}]\n", self.text, self.code);
        let mut response = Response::new(Kind::Text(Full::new(text.into())));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, TEXT);
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS),
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"))
            }
            _ => None,
        };
        response
    }
}

// ===== impl AnswerBody =====

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match &mut self.kind {
            Kind::Component(body) => ready!(Pin::new(body).poll_frame(context)),
            Kind::Elsewhere(body) => ready!(Pin::new(body).poll_frame(context))
                .map(|frame| frame.map_err(|_| BodyError::Unfinished)),
            Kind::Text(body) => {
                ready!(Pin::new(body).poll_frame(context)).map(|frame| match frame {
                    Ok(frame) => Ok(frame),
                    Err(never) => match never {},
                })
            }
            Kind::Absent => None,
        };
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(entry), Some(data)) = (&mut self.entry, frame.data_ref()) {
                    entry.bytes += data.len() as u64;
                }
            }
            Some(Err(error)) => {
                self.shared.counters.cut.fetch_add(1, Ordering::Relaxed);
                if let Some(entry) = &mut self.entry {
                    entry.is_cut = true;
                }
                tracing::debug!(error = %error, "Broke off an answer");
            }
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Component(body) => body.is_end_stream(),
            Kind::Elsewhere(body) => body.is_end_stream(),
            Kind::Text(body) => body.is_end_stream(),
            Kind::Absent => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Component(body) => body.size_hint(),
            Kind::Elsewhere(body) => body.size_hint(),
            Kind::Text(body) => body.size_hint(),
            Kind::Absent => SizeHint::with_exact(0),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let (Some(log), Some(entry)) = (&self.shared.access_log, self.entry.take()) {
            log.write(*entry);
        }
    }
}
