//! `wasi:http/handler@0.3`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use tokio::sync::oneshot;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use super::{HttpError, RequestBody, Response};
use crate::call::{self, CallClock, CallContext};
use crate::context::StoreContext;
use crate::error::CallError;
use crate::program::Program;

/// Tells the guest what became of reading its request's body.
type BodyRead = Pin<Box<dyn Future<Output = Result<(), HttpError>> + Send>>;

/// The head of an answer, and what the body tells when it is no longer read.
struct Head {
    response: http::Response<WasiBody>,
    reader: oneshot::Sender<()>,
}

/// Calls the handler. The guest's event loop has to run while its body is read, so it goes on in the background.
pub(super) async fn call(
    program: &Arc<Program>,
    pre: &ServicePre<StoreContext>,
    request: http::Request<RequestBody>,
    context: CallContext,
) -> Result<Response, CallError> {
    let permit = program.admit(&context).await?;
    let clock = Arc::new(CallClock::new(program.limits().call_cpu_max));
    let (head_sender, mut head) = oneshot::channel();
    let deadline = context.deadline();
    let running = {
        let (program, pre, clock) = (Arc::clone(program), pre.clone(), Arc::clone(&clock));
        async move {
            let _permit = permit;
            let inner = run(
                &program,
                &pre,
                request,
                head_sender,
                context,
                Arc::clone(&clock),
            );
            call::guard(clock, program.engine.ticker(), deadline, inner).await
        }
    };
    let mut running = Box::pin(running);
    let answered = tokio::select! {
        biased;
        ended = &mut running => {
            ended?;
            head.try_recv().map_err(|_| CallError::NoAnswer)
        }
        answered = &mut head => match answered {
            Ok(head) => {
                let background = Arc::clone(program);
                call::finish_in_background(async move {
                    if let Err(error) = running.await {
                        background.note_failure(&error);
                    }
                });
                Ok(head)
            }
            Err(_) => Err(running.await.err().unwrap_or(CallError::NoAnswer)),
        },
    };
    answered.map(|Head { response, reader }| program.response(response, clock, Some(reader)))
}

async fn run(
    program: &Arc<Program>,
    pre: &ServicePre<StoreContext>,
    request: http::Request<RequestBody>,
    head: oneshot::Sender<Head>,
    context: CallContext,
    clock: Arc<CallClock>,
) -> Result<(), CallError> {
    let mut store = program.store(context, Arc::clone(&clock));
    let _over = clock.over_when_dropped();
    let outcome = match pre.instantiate_async(&mut store).await {
        Ok(service) => store
            .run_concurrent(async |accessor| serve(accessor, &service, request, head).await)
            .await
            .and_then(|served| served),
        Err(error) => Err(error),
    };
    outcome.map_err(|error| Program::classify(store.data(), &error))
}

async fn serve(
    accessor: &Accessor<StoreContext>,
    service: &Service,
    request: http::Request<RequestBody>,
    head: oneshot::Sender<Head>,
) -> wasmtime::Result<()> {
    let request = with_origin(request);
    let (request, request_read) = accessor.with(|mut access| {
        let (request, read) = Request::from_http(access.get().http().hooks, request);
        (request, Box::pin(read) as BodyRead)
    });
    let answered = service.handle(accessor, request).await?;
    let response = match answered {
        Ok(response) => response,
        Err(code) => {
            let error = CallError::Guest(Arc::new(code.into()));
            return Err(wasmtime::Error::new(error));
        }
    };
    let response = accessor.with(|access| response.into_http(access, request_read))?;
    let (reader, is_read) = oneshot::channel();
    if head.send(Head { response, reader }).is_err() {
        return Ok(());
    }
    // Until the guest has nothing left to do that matters, and its body has been read or given up.
    poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
    // Fails when the body is dropped, which is what is waited for.
    let _dropped: Result<(), _> = is_read.await;
    Ok(())
}

/// Moves the host of an HTTP/1.1 request to where guests look for it: its `host` header is not shown to them.
fn with_origin(mut request: http::Request<RequestBody>) -> http::Request<RequestBody> {
    let host = request.headers().get(HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    if let Some(authority) = authority
        && request.uri().authority().is_none()
    {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority);
        parts
            .path_and_query
            .get_or_insert_with(|| PathAndQuery::from_static("/"));
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty};

    use super::*;

    #[test]
    fn a_request_names_its_host_whatever_its_version() {
        let origin = |target: &str, host: Option<&str>| {
            let mut request = http::Request::get(target);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            let body = Empty::new().map_err(HttpError::from).boxed_unsync();
            with_origin(request.body(body).unwrap()).uri().to_string()
        };
        assert_eq!(origin("/x?y", Some("a:80")), "http://a:80/x?y");
        assert_eq!(origin("http://b/x", Some("a")), "http://b/x");
        assert_eq!(origin("/x", None), "/x");
        assert_eq!(origin("/x", Some("a b")), "/x");
    }
}
