//! Calls of functions with streams or futures.

use std::sync::Arc;

use tokio::sync::oneshot;
use wasmtime::AsContextMut as _;
use wasmtime::Store;
use wasmtime::component::{Accessor, Func, Val};

use super::{Called, Program};
use crate::admission::Permit;
use crate::call::{self, CallClock, CallContext};
use crate::context::StoreContext;
use crate::error::CallError;
use crate::flow::{self, Flow, Open};
use crate::lane::LaneKind;

/// What a function returned.
struct Returned {
    values: Vec<Val>,
    flows: Vec<Flow>,
}

/// A call that runs until its streams have ended.
struct Call {
    program: Arc<Program>,
    function: Called,
    params: Vec<Val>,
    flows: Vec<Flow>,
    result_count: usize,
    returned: oneshot::Sender<Returned>,
}

/// Calls a function in a fresh instance. What the component does after it has returned runs in a task of its own, until the
/// streams of its results have ended and it has nothing left to do; one that stands still for a minute is ended.
pub(super) async fn invoke(
    program: &Arc<Program>,
    function: &Called,
    permit: Permit,
    context: CallContext,
    params: &[Val],
    flows: Vec<Flow>,
    results: &mut [Val],
) -> Result<Vec<Flow>, CallError> {
    let (sender, mut returned) = oneshot::channel();
    let call = Call {
        program: Arc::clone(program),
        function: function.clone(),
        params: params.to_vec(),
        flows,
        result_count: results.len(),
        returned: sender,
    };
    let mut running = Box::pin(async move {
        let _permit = permit;
        call.run(context).await
    });
    let returned = tokio::select! {
        biased;
        ended = &mut running => {
            ended?;
            returned.try_recv().map_err(|_| CallError::NoAnswer)?
        }
        answer = &mut returned => match answer {
            Ok(answer) => {
                let background = Arc::clone(program);
                call::finish_in_background(async move {
                    if let Err(error) = running.await {
                        background.note_failure(&error);
                    }
                });
                answer
            }
            Err(_) => return Err(running.await.err().unwrap_or(CallError::NoAnswer)),
        },
    };
    for (place, value) in results.iter_mut().zip(returned.values) {
        *place = value;
    }
    Ok(returned.flows)
}

// ===== impl Call =====

impl Call {
    async fn run(self, context: CallContext) -> Result<(), CallError> {
        let program = Arc::clone(&self.program);
        let clock = Arc::new(CallClock::new(program.limits.call_cpu_max));
        let deadline = context.deadline();
        let mut store = program.store(context, Arc::clone(&clock));
        let over = clock.over_when_dropped();
        let call = async {
            let outcome = self.run_in(&mut store).await;
            outcome.map_err(|error| Program::classify(store.data(), &error))
        };
        let outcome = call::guard(clock, program.engine.ticker(), deadline, call).await;
        drop(over);
        outcome
    }

    async fn run_in(mut self, store: &mut Store<StoreContext>) -> wasmtime::Result<()> {
        let instance = self.program.pre.instantiate_async(&mut *store).await?;
        let function = instance
            .get_func(&mut *store, self.function.index)
            .ok_or_else(|| wasmtime::format_err!("export is not a function"))?;
        let flows = std::mem::take(&mut self.flows);
        let shapes = &self.function.shapes.params;
        flow::attach(store.as_context_mut(), shapes, &mut self.params, flows)?;
        match self.program.lane.kind {
            LaneKind::Sequential => self.call_sequential(store, function).await,
            LaneKind::Concurrent => {
                let call = async |accessor: &Accessor<StoreContext>| {
                    self.call_concurrent(accessor, function).await
                };
                store.run_concurrent(call).await?
            }
        }
    }

    async fn call_sequential(
        self,
        store: &mut Store<StoreContext>,
        function: Func,
    ) -> wasmtime::Result<()> {
        let mut values = vec![Val::Bool(false); self.result_count];
        function
            .call_async(&mut *store, &self.params, &mut values)
            .await?;
        let (open, ended) = Open::new();
        let shapes = &self.function.shapes.results;
        let flows = flow::detach(store.as_context_mut(), shapes, &mut values, Some(&open))?;
        drop(open);
        store.data().clock.begin_streaming();
        // Nobody waits for it when the caller has gone; then the flows are dropped with it.
        let _ = self.returned.send(Returned { values, flows });
        ended.wait().await;
        Ok(())
    }

    async fn call_concurrent(
        self,
        accessor: &Accessor<StoreContext>,
        function: Func,
    ) -> wasmtime::Result<()> {
        let mut values = vec![Val::Bool(false); self.result_count];
        function
            .call_concurrent(accessor, &self.params, &mut values)
            .await?;
        let (open, ended) = Open::new();
        let shapes = &self.function.shapes.results;
        let flows = accessor.with(|mut access| -> wasmtime::Result<_> {
            let flows = flow::detach(access.as_context_mut(), shapes, &mut values, Some(&open))?;
            access.get().clock.begin_streaming();
            Ok(flows)
        })?;
        drop(open);
        if self.returned.send(Returned { values, flows }).is_err() {
            return Ok(());
        }
        ended.wait().await;
        std::future::poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        Ok(())
    }
}
