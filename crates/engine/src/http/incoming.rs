//! `wasi:http/incoming-handler@0.2`.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use super::{RequestBody, Response};
use crate::call::{self, CallClock, CallContext};
use crate::context::StoreContext;
use crate::error::CallError;
use crate::program::Program;

type Head = Result<http::Response<WasiBody>, ErrorCode>;

/// Calls the handler. An answer that is complete when the guest returns needs no further task; otherwise the guest goes
/// on in the background.
pub(super) async fn call(
    program: &Arc<Program>,
    pre: &ProxyPre<StoreContext>,
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
            return match head.try_recv() {
                Ok(head) => answer(program, head, clock),
                Err(_) => Err(CallError::NoAnswer),
            };
        }
        answered = &mut head => answered,
    };
    let Ok(head) = answered else {
        // The guest dropped the place for its answer; why is known when it ends.
        return Err(running.await.err().unwrap_or(CallError::NoAnswer));
    };
    let background = Arc::clone(program);
    call::finish_in_background(async move {
        if let Err(error) = running.await {
            background.note_failure(&error);
        }
    });
    answer(program, head, clock)
}

async fn run(
    program: &Arc<Program>,
    pre: &ProxyPre<StoreContext>,
    request: http::Request<RequestBody>,
    head: oneshot::Sender<Head>,
    context: CallContext,
    clock: Arc<CallClock>,
) -> Result<(), CallError> {
    let mut store = program.store(context, Arc::clone(&clock));
    let _over = clock.over_when_dropped();
    let outcome = {
        let store = &mut store;
        let call = pin!(async move {
            let mut http = store.data_mut().http();
            let request = http.new_incoming_request(Scheme::Http, request)?;
            let outparam = http.new_response_outparam(head)?;
            let proxy = pre.instantiate_async(&mut *store).await?;
            proxy
                .wasi_http_incoming_handler()
                .call_handle(&mut *store, request, outparam)
                .await
        });
        call.await
    };
    // Classified, and with that marked as failed, before the store is dropped and its bodies end.
    outcome.map_err(|error| Program::classify(store.data(), &error))
}

fn answer(program: &Program, head: Head, clock: Arc<CallClock>) -> Result<Response, CallError> {
    match head {
        Ok(response) => Ok(program.response(response, clock, None)),
        Err(code) => Err(CallError::Guest(Arc::new(code.into()))),
    }
}
