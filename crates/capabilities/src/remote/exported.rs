//! Exports of components whose functions take handles, served by functions of plain values.

use futures::future::BoxFuture;
use wasmtime::Store;
use wasmtime::component::Val;
use weft_engine::{ExportTarget, StoreContext};
use weft_model::interface::VersionedInterface;
use weft_model::problem::render_chain;
use weft_wrpc::server::ParamsError;
use weft_wrpc::{Export, Failure, FailureCode, Incoming};

use super::failure;
use super::serve::call_context;

/// Answers one call.
pub(crate) type Answer =
    for<'a> fn(&'a ExportTarget, &'a mut Incoming) -> BoxFuture<'a, Result<(), Failure>>;

/// A function of a component, and how it is served.
pub(crate) struct Exported {
    /// What the component exports.
    pub(crate) interface: VersionedInterface,
    /// What is served.
    pub(crate) export: Export,
    pub(crate) target: ExportTarget,
    pub(crate) answer: Answer,
}

/// Calls `target` for `incoming`, with parameters that are made for its instance.
pub(crate) async fn invoke<V: AsRef<[Val]> + Send>(
    target: &ExportTarget,
    incoming: &Incoming,
    params: impl FnOnce(&mut Store<StoreContext>) -> wasmtime::Result<V> + Send,
) -> Result<Vec<Val>, Failure> {
    let results = target.call_with(call_context(incoming), params).await;
    results.map_err(|failed| failure::told(&failed))
}

/// What the caller is told of parameters that cannot be read.
pub(crate) fn codec_failure(error: ParamsError) -> Failure {
    Failure::new(FailureCode::Codec, render_chain(&error))
}
