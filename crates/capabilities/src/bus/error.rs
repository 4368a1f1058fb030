//! `wasmcloud:bus/error@2.0.1` and `wrpc:rpc/error@0.1.0`: errors of streams that cross the wire, told apart from others.

use std::sync::LazyLock;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use weft_engine::StoreContext;
use weft_model::interface::InterfaceName;

use crate::blobstore;

static BUS_ERROR: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasmcloud:bus/error"));
static RPC_ERROR: LazyLock<InterfaceName> = LazyLock::new(|| crate::interface("wrpc:rpc/error"));

/// `wasi:io/error.error`.
type IoError = wasmtime::Error;

/// `wasmcloud:bus/error.error`.
struct BusError(String);

/// `wrpc:rpc/error.error`.
struct RpcError(String);

/// Whether `interface` is one of the two.
pub(super) fn is_error(interface: &InterfaceName) -> bool {
    *interface == *BUS_ERROR || *interface == *RPC_ERROR
}

pub(super) fn interfaces() -> Vec<InterfaceName> {
    vec![BUS_ERROR.clone(), RPC_ERROR.clone()]
}

pub(super) fn link(linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&format!("{}@0.1.0", *RPC_ERROR))?;
    link_error::<RpcError>(&mut instance)?;
    let mut instance = linker.instance(&format!("{}@2.0.1", *BUS_ERROR))?;
    link_error::<BusError>(&mut instance)?;
    instance.func_wrap(
        "[static]error.from-rpc-error",
        |mut store: StoreContextMut<'_, StoreContext>, (error,): (Resource<RpcError>,)| {
            let table = store.data_mut().table();
            let RpcError(text) = table.delete(error)?;
            Ok((table.push(BusError(text))?,))
        },
    )
}

/// What both have.
trait Text: Send + 'static {
    fn new(text: String) -> Self;
    fn text(&self) -> &str;
}

impl Text for BusError {
    fn new(text: String) -> Self {
        Self(text)
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl Text for RpcError {
    fn new(text: String) -> Self {
        Self(text)
    }

    fn text(&self) -> &str {
        &self.0
    }
}

fn link_error<E: Text>(instance: &mut LinkerInstance<'_, StoreContext>) -> wasmtime::Result<()> {
    instance.resource("error", ResourceType::host::<E>(), |mut store, rep| {
        let handle = Resource::<E>::new_own(rep);
        store.data_mut().table().delete(handle)?;
        Ok(())
    })?;
    instance.func_wrap(
        "[method]error.to-debug-string",
        |mut store: StoreContextMut<'_, StoreContext>, (error,): (Resource<E>,)| {
            Ok((store.data_mut().table().get(&error)?.text().to_owned(),))
        },
    )?;
    instance.func_wrap(
        "[static]error.from-io-error",
        |mut store: StoreContextMut<'_, StoreContext>, (error,): (Resource<IoError>,)| {
            let table = store.data_mut().table();
            let error = table.delete(error)?;
            // Only what came by the wire is an error of a call.
            let converted = match error.downcast_ref::<blobstore::Error>() {
                Some(of_call) => Ok(table.push(E::new(of_call.to_string()))?),
                None => Err(table.push(error)?),
            };
            Ok((converted,))
        },
    )
}
