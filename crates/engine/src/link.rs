//! Linking: every import that a link provides becomes a host function that follows the route of its slot.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use wasmtime::component::{Linker, LinkerInstance, Val};

use crate::call::CallContext;
use crate::context::StoreContext;
use crate::error::{CallError, LinkError};
use crate::program::LocalTarget;
use crate::route::Route;
use crate::world::{Import, ImportedFunction, Provision, World};

/// An import that is about to be called: its target and what the callee inherits.
struct Outbound {
    target: Arc<LocalTarget>,
    context: CallContext,
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
        if function.signature.async_() {
            link_async(&mut instance, slot, position, function)?;
        } else {
            link_sync(&mut instance, slot, position, function)?;
        }
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

async fn follow(
    outbound: Result<Outbound, CallError>,
    position: usize,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let called = match outbound {
        Ok(Outbound { target, context }) => target.call(position, context, params, results).await,
        Err(error) => Err(error),
    };
    called.map_err(wasmtime::Error::new)
}

// ===== impl Outbound =====

impl Outbound {
    fn begin(caller: &StoreContext, slot: usize) -> Result<Self, CallError> {
        let program = &caller.program;
        let routes = program.routes().load();
        match routes.route(slot) {
            Some(Route::Local(target)) => Ok(Self {
                target: Arc::clone(target),
                context: caller.call.nested(program.component(), program.lane.kind),
            }),
            Some(Route::Denied(denial)) => Err(CallError::Denied(Arc::clone(denial))),
            Some(Route::BuiltIn(_)) | None => {
                let interface = &program.world().imports()[slot].interface.interface;
                Err(CallError::Denied(program.denial(interface)))
            }
        }
    }
}
