//! What a program offers to be called: its functions for other components of this process, and for whoever is outside.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Val};
use weft_model::id::ComponentId;

use super::{Admitted, Params, Program};
use crate::call::{self, CallContext};
use crate::context::StoreContext;
use crate::error::{CallError, Failed};
use crate::flow::{Flow, Shapes};
use crate::lane::LaneKind;
use crate::world::ExportedFunction;

/// A component on this host as the target of an import.
pub struct LocalTarget {
    pub(super) program: Arc<Program>,
    /// The functions called, in the order of the import's.
    pub(super) functions: Vec<Called>,
}

/// A function that other components call.
#[derive(Clone)]
pub(crate) struct Called {
    pub(super) index: ComponentExportIndex,
    pub(super) shapes: Arc<Shapes>,
}

/// An exported function of a component, to be called from outside of this process. Cheap to clone.
#[derive(Clone)]
pub struct ExportTarget {
    pub(super) program: Arc<Program>,
    pub(super) index: ComponentExportIndex,
    /// `None` for a function of types that cannot pass between components.
    pub(super) called: Option<Called>,
    pub(super) result_count: usize,
}

/// A call of an [`ExportTarget`] that has its instance.
pub struct AdmittedCall<'a> {
    target: &'a ExportTarget,
    called: &'a Called,
    admitted: Admitted,
}

/// A component does not export a function that another imports, or with other types.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("function `{function}` is not exported with the same types")]
pub struct NoSuchFunction {
    /// The function; `*` where the whole interface is missing.
    pub function: String,
}

// ===== impl Called =====

impl Called {
    pub(super) fn of(function: &ExportedFunction) -> Option<Self> {
        let shapes = function.shapes.as_ref().ok()?;
        Some(Self {
            index: function.index,
            shapes: Arc::clone(shapes),
        })
    }
}

// ===== impl ExportTarget =====

impl ExportTarget {
    /// The called component.
    pub fn component(&self) -> &ComponentId {
        &self.program.component
    }

    /// Whether other components can call it at all. None can where it takes or gives what belongs to one component, such as
    /// a resource.
    pub fn is_callable(&self) -> bool {
        self.called.is_some()
    }

    /// Calls the function in a fresh instance. `flows` are the streams and futures of the parameters in the order of their
    /// types, where `params` have places for them; those of the results are returned in the same way. Cancellation safe:
    /// dropping the future ends the call and frees the instance. Once it has returned, the instance lives until the streams
    /// of the results have ended.
    ///
    /// # Errors
    ///
    /// [`Failed`] with any [`CallError`]; it has been counted and logged.
    pub async fn call(
        &self,
        context: CallContext,
        params: &[Val],
        flows: Vec<Flow>,
    ) -> Result<(Vec<Val>, Vec<Flow>), Failed> {
        self.admit(context).await?.call(params, flows).await
    }

    /// Waits for an instance, so that parameters need memory only once there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::call`].
    pub async fn admit(&self, context: CallContext) -> Result<AdmittedCall<'_>, Failed> {
        let Some(called) = &self.called else {
            let reason = "its function cannot be called by components".into();
            return Err(Failed::Refused(CallError::Trapped { reason }));
        };
        Ok(AdmittedCall {
            target: self,
            called,
            admitted: self.program.admitted(context).await?,
        })
    }

    /// The same, with parameters that are made for the store of the instance, as handles have to be.
    ///
    /// # Errors
    ///
    /// As [`Self::call`].
    pub async fn call_with<V: AsRef<[Val]> + Send>(
        &self,
        context: CallContext,
        params: impl FnOnce(&mut Store<StoreContext>) -> wasmtime::Result<V> + Send,
    ) -> Result<Vec<Val>, Failed> {
        let mut results = vec![Val::Bool(false); self.result_count];
        self.program
            .invoke_with(&self.index, context, params, &mut results)
            .await?;
        Ok(results)
    }

    /// As [`Self::call`], in a task of its own: for host functions, which may run in the event loop of another store.
    ///
    /// # Errors
    ///
    /// As [`Self::call`].
    pub async fn call_apart(
        &self,
        context: CallContext,
        params: Vec<Val>,
    ) -> Result<Vec<Val>, Failed> {
        let target = self.clone();
        let call =
            call::spawn_aborting(async move { target.call(context, &params, Vec::new()).await });
        let cancelled = Failed::Begun(CallError::Cancelled);
        let (results, _flows) = call.await.unwrap_or(Err(cancelled))?;
        Ok(results)
    }
}

// ===== impl AdmittedCall =====

impl AdmittedCall<'_> {
    /// Makes the call.
    ///
    /// # Errors
    ///
    /// As [`ExportTarget::call`].
    pub async fn call(
        self,
        params: &[Val],
        flows: Vec<Flow>,
    ) -> Result<(Vec<Val>, Vec<Flow>), Failed> {
        let mut results = vec![Val::Bool(false); self.target.result_count];
        let params = Params {
            values: params,
            flows,
        };
        let program = &self.target.program;
        let called = program.run(self.called, self.admitted, params, &mut results);
        let flows = called.await?;
        Ok((results, flows))
    }
}

// ===== impl LocalTarget =====

impl LocalTarget {
    /// The called component.
    pub fn component(&self) -> &ComponentId {
        &self.program.component
    }

    /// Calls the function that the import has at `position`. `flows` are taken once the call begins.
    pub(crate) async fn call(
        &self,
        position: usize,
        context: CallContext,
        params: &[Val],
        flows: &mut Vec<Flow>,
        results: &mut [Val],
    ) -> Result<Vec<Flow>, Failed> {
        let function = &self.functions[position];
        if self.program.lane.kind == LaneKind::Concurrent && context.is_in_event_loop() {
            let context = context.in_own_task();
            return self
                .call_in_own_task(function, context, params, flows, results)
                .await;
        }
        self.program
            .invoke(function, context, params, flows, results)
            .await
    }

    /// Calls in a task of its own: the event loops of two stores cannot be nested in one.
    async fn call_in_own_task(
        &self,
        function: &Called,
        context: CallContext,
        params: &[Val],
        flows: &mut Vec<Flow>,
        results: &mut [Val],
    ) -> Result<Vec<Flow>, Failed> {
        let (program, function) = (Arc::clone(&self.program), function.clone());
        let (params, mut answers) = (params.to_vec(), results.to_vec());
        let mut given = std::mem::take(flows);
        let call = call::spawn_aborting(async move {
            let outcome = program
                .invoke(&function, context, &params, &mut given, &mut answers)
                .await;
            (outcome, given, answers)
        });
        let cancelled = Failed::Begun(CallError::Cancelled);
        let (outcome, left, answers) = call.await.ok_or(cancelled)?;
        *flows = left;
        let returned = outcome?;
        for (place, answer) in results.iter_mut().zip(answers) {
            *place = answer;
        }
        Ok(returned)
    }
}
