//! Linking: every import that a link provides becomes a host function that follows the route of its slot.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use wasmtime::AsContextMut as _;
use wasmtime::component::{Linker, LinkerInstance, Val};

use crate::call::CallContext;
use crate::context::StoreContext;
use crate::error::{CallError, Failed, LinkError};
use crate::flow::{self, Flow};
use crate::program::{LocalTarget, Program};
use crate::route::{RemoteTarget, Route};
use crate::world::{Import, ImportedFunction, Provision, World};

/// An import that is about to be called: its target and what the callee inherits.
struct Outbound {
    caller: Arc<Program>,
    target: Target,
    context: CallContext,
}

enum Target {
    Local(Arc<LocalTarget>),
    Remote(Arc<dyn RemoteTarget>),
    Spilling(Arc<LocalTarget>, Arc<dyn RemoteTarget>),
}

/// Adds to `linker` all imports of `world` that links provide.
pub(crate) fn link_imports(
    linker: &mut Linker<StoreContext>,
    world: &World,
) -> Result<(), LinkError> {
    for (slot, import) in world.imports().iter().enumerate() {
        if import.provision == Provision::Link {
            link_import(linker, slot, import).map_err(|error| LinkError::Mismatch {
                reason: format!("{error:#}"),
            })?;
        }
    }
    Ok(())
}

fn link_import(
    linker: &mut Linker<StoreContext>,
    slot: usize,
    import: &Import,
) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&import.interface.to_string())?;
    for (position, function) in import.functions.iter().enumerate() {
        // Wasmtime wants a host function of the same kind, synchronous or asynchronous, as the WIT function.
        let link = match (function.signature.async_(), function.shapes.is_plain()) {
            (false, true) => link_sync,
            (true, true) => link_async,
            (false, false) => link_sync_flowing,
            (true, false) => link_async_flowing,
        };
        link(&mut instance, slot, position, function)?;
    }
    Ok(())
}

fn link_sync(
    instance: &mut LinkerInstance<'_, StoreContext>,
    slot: usize,
    position: usize,
    function: &ImportedFunction,
) -> wasmtime::Result<()> {
    instance.func_new_async(&function.name, move |store, _ty, params, results| {
        let outbound = Outbound::begin(store.data(), slot);
        Box::new(follow(outbound, position, params, results))
    })
}

fn link_async(
    instance: &mut LinkerInstance<'_, StoreContext>,
    slot: usize,
    position: usize,
    function: &ImportedFunction,
) -> wasmtime::Result<()> {
    instance.func_new_concurrent(&function.name, move |accessor, _ty, params, results| {
        let outbound = accessor.with(|mut access| Outbound::begin(access.get(), slot));
        Box::pin(follow(outbound, position, params, results))
            as Pin<Box<dyn Future<Output = _> + Send + '_>>
    })
}

/// As [`link_sync`], for a function with streams or futures. Wasmtime runs nothing else of the store while a synchronous
/// function is called, so what the guest writes meanwhile moves once it has returned.
fn link_sync_flowing(
    instance: &mut LinkerInstance<'_, StoreContext>,
    slot: usize,
    position: usize,
    function: &ImportedFunction,
) -> wasmtime::Result<()> {
    let shapes = Arc::clone(&function.shapes);
    instance.func_new_async(&function.name, move |mut store, _ty, params, results| {
        let shapes = Arc::clone(&shapes);
        Box::new(async move {
            let outbound = Outbound::begin(store.data(), slot).map_err(wasmtime::Error::new)?;
            let mut params = params.to_vec();
            let flows = flow::detach(store.as_context_mut(), &shapes.params, &mut params, None)?;
            let flows = outbound
                .call(position, &params, flows, results)
                .await
                .map_err(wasmtime::Error::new)?;
            flow::attach(store, &shapes.results, results, flows)
        })
    })
}

/// As [`link_async`], for a function with streams or futures.
fn link_async_flowing(
    instance: &mut LinkerInstance<'_, StoreContext>,
    slot: usize,
    position: usize,
    function: &ImportedFunction,
) -> wasmtime::Result<()> {
    let shapes = Arc::clone(&function.shapes);
    instance.func_new_concurrent(&function.name, move |accessor, _ty, params, results| {
        let shapes = Arc::clone(&shapes);
        Box::pin(async move {
            let mut params = params.to_vec();
            let (outbound, flows) = accessor.with(|mut access| -> wasmtime::Result<_> {
                let outbound = Outbound::begin(access.get(), slot).map_err(wasmtime::Error::new)?;
                let store = access.as_context_mut();
                let flows = flow::detach(store, &shapes.params, &mut params, None)?;
                Ok((outbound, flows))
            })?;
            let flows = outbound
                .call(position, &params, flows, results)
                .await
                .map_err(wasmtime::Error::new)?;
            accessor.with(|mut access| {
                flow::attach(access.as_context_mut(), &shapes.results, results, flows)
            })
        })
    })
}

async fn follow(
    outbound: Result<Outbound, CallError>,
    position: usize,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let called = match outbound {
        Ok(outbound) => outbound.call(position, params, Vec::new(), results).await,
        Err(error) => Err(error),
    };
    called.map(|_| ()).map_err(wasmtime::Error::new)
}

// ===== impl Outbound =====

impl Outbound {
    fn begin(caller: &StoreContext, slot: usize) -> Result<Self, CallError> {
        let program = &caller.program;
        let routes = program.routes().load();
        let interface = &program.world().imports()[slot].interface.interface;
        let name = caller.link_name(interface);
        let target = match routes.route(slot, name) {
            Some(Route::Local(target)) => Target::Local(Arc::clone(target)),
            Some(Route::Remote(target)) => Target::Remote(Arc::clone(target)),
            Some(Route::Spilling(local, remote)) => {
                Target::Spilling(Arc::clone(local), Arc::clone(remote))
            }
            Some(Route::Denied(denial)) => return Err(CallError::Denied(Arc::clone(denial))),
            Some(Route::BuiltIn(_)) | None => {
                return Err(CallError::Denied(program.denial(interface, name)));
            }
        };
        Ok(Self {
            caller: Arc::clone(program),
            target,
            context: caller.call.nested(program.component(), program.lane.kind),
        })
    }

    async fn call(
        self,
        position: usize,
        params: &[Val],
        mut flows: Vec<Flow>,
        results: &mut [Val],
    ) -> Result<Vec<Flow>, CallError> {
        let Self {
            caller,
            target,
            context,
        } = self;
        let remote = match target {
            Target::Local(local) => {
                let called = local
                    .call(position, context, params, &mut flows, results)
                    .await;
                return called.map_err(Failed::into_error);
            }
            Target::Remote(remote) => remote,
            Target::Spilling(local, remote) => {
                let here = context.clone().without_waiting();
                let called = local.call(position, here, params, &mut flows, results);
                match called.await {
                    // Nothing of the call has happened, so it can be made elsewhere.
                    Err(Failed::Refused(CallError::Overloaded { .. })) => remote,
                    called => return called.map_err(Failed::into_error),
                }
            }
        };
        let caller = caller.component();
        remote
            .call(
                position,
                caller,
                context.in_own_task(),
                params,
                flows,
                results,
            )
            .await
    }
}
