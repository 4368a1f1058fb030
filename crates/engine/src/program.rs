//! A component made ready to be called: compiled, linked, limited, with its present routes.

mod counters;
mod flowing;
mod target;

use std::sync::Arc;

use arc_swap::ArcSwap;
use wasmtime::component::{ComponentExportIndex, InstancePre, Val};
use wasmtime::{Store, UpdateDeadline};
use weft_model::id::{ComponentId, LinkName};
use weft_model::interface::InterfaceName;
use weft_model::limits::Limits;

use crate::admission::{Admission, Permit};
use crate::call::{self, CallClock, CallContext};
use crate::context::StoreContext;
use crate::engine::Engine;
use crate::error::{CallError, Denial, DenialReason, Failed};
use crate::flow::Flow;
use crate::http::Handler;
use crate::lane::Lane;
use crate::log::GuestLog;
use crate::route::{Route, RouteTable};
use crate::world::World;

pub(crate) use self::counters::Counters;
pub use self::counters::Stats;
pub(crate) use self::target::Called;
pub use self::target::{AdmittedCall, ExportTarget, LocalTarget, NoSuchFunction};

/// Bytes of a guest's failure that are kept: a trap in a deep recursion has a stack to match.
const REASON_BYTES_MAX: usize = 4 << 10;
/// Memory of this process that the values of one call between components may take. Values of dynamic type are far larger
/// here than in the guest: a byte of a list becomes some 30.
const VALUE_BYTES_MAX: usize = 128 << 20;
/// Tasks, streams, futures and the like that one concurrent instance may have at once: they are memory of this process.
const CONCURRENT_ITEMS_MAX: usize = 10_000;

/// A component that can be called. Shared; ends when nobody holds it and no call runs.
pub struct Program {
    pub(crate) component: ComponentId,
    pub(crate) engine: Engine,
    pub(crate) lane: Arc<Lane>,
    pub(crate) pre: InstancePre<StoreContext>,
    pub(crate) handler: Option<Handler>,
    pub(crate) world: Arc<World>,
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    pub(crate) routes: ArcSwap<RouteTable>,
    pub(crate) log: Arc<GuestLog>,
    pub(crate) counters: Counters,
}

/// The right to run one instance, and what the call inherits.
struct Admitted {
    context: CallContext,
    permit: Permit,
}

/// The parameters of a call.
struct Params<'a> {
    values: &'a [Val],
    flows: Vec<Flow>,
}

// ===== impl Program =====

impl Program {
    /// The component's id.
    pub fn component(&self) -> &ComponentId {
        &self.component
    }

    /// What it imports and exports.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The limits it runs under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many instances it may have at once.
    pub fn instances_max(&self) -> u32 {
        self.admission.instances_max()
    }

    /// Counters, and what is going on now.
    pub fn stats(&self) -> Stats {
        self.counters
            .stats(self.admission.in_use(), self.admission.waiting())
    }

    /// Exchanges the routes: the next call of an import uses the new ones, running calls finish on the old.
    pub fn set_routes(&self, routes: RouteTable) {
        self.routes.store(Arc::new(routes));
    }

    /// The route by which the import in `slot` of this program calls `target`.
    ///
    /// # Errors
    ///
    /// [`NoSuchFunction`] when `target` does not export what the slot imports, with the same types.
    pub fn route_to(&self, slot: usize, target: &Arc<Self>) -> Result<Route, NoSuchFunction> {
        let import = &self.world.imports()[slot];
        let missing = |function: &str| NoSuchFunction {
            function: function.to_owned(),
        };
        let export = target
            .world
            .export(&import.interface)
            .ok_or_else(|| missing("*"))?;
        let functions = import
            .functions
            .iter()
            .map(|function| {
                export
                    .functions
                    .get(&function.name)
                    .filter(|exported| exported.is_callable_as(function))
                    .and_then(Called::of)
                    .ok_or_else(|| missing(&function.name))
            })
            .collect::<Result<_, _>>()?;
        Ok(Route::Local(Arc::new(LocalTarget {
            program: Arc::clone(target),
            functions,
        })))
    }

    /// The functions of the export at `position` of this program's world, to be called from outside; in the order of
    /// their names.
    pub fn targets(self: &Arc<Self>, position: usize) -> Vec<ExportTarget> {
        let functions = self.world.exports()[position].functions.values();
        functions
            .map(|function| ExportTarget {
                program: Arc::clone(self),
                index: function.index,
                called: Called::of(function),
                result_count: function.signature.results().len(),
            })
            .collect()
    }

    /// The refusal to let this component call `interface` by a link, `None` for `default`.
    pub(crate) fn denial(&self, interface: &InterfaceName, name: Option<&LinkName>) -> Arc<Denial> {
        Arc::new(Denial {
            source: self.component.as_str().to_owned(),
            interface: interface.clone(),
            link_name: name.map_or_else(|| "default".to_owned(), ToString::to_string),
            reason: DenialReason::NoLink,
        })
    }

    pub(crate) fn log(&self) -> &Arc<GuestLog> {
        &self.log
    }

    pub(crate) fn routes(&self) -> &ArcSwap<RouteTable> {
        &self.routes
    }

    /// Counts the call and checks what can be checked before anything is spent on it.
    pub(crate) async fn admit(&self, context: &CallContext) -> Result<Permit, CallError> {
        self.counters.count_call();
        if context.depth > self.limits.call_depth_max {
            return Err(CallError::Depth {
                depth: context.depth,
                depth_max: self.limits.call_depth_max,
            });
        }
        let may_wait = context.may_wait() && !context.has_caller(&self.component);
        self.admission
            .acquire(&self.lane.slots, context, may_wait)
            .await
    }

    /// A fresh store for one call.
    pub(crate) fn store(
        self: &Arc<Self>,
        context: CallContext,
        clock: Arc<CallClock>,
    ) -> Store<StoreContext> {
        let data = StoreContext::new(Arc::clone(self), context, clock);
        let mut store = Store::new(&self.lane.engine, data);
        store.limiter(|context| &mut context.limiter);
        let memory_max = usize::try_from(self.limits.memory_bytes_max).unwrap_or(usize::MAX);
        store.set_hostcall_fuel(memory_max.min(VALUE_BYTES_MAX));
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(CONCURRENT_ITEMS_MAX);
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| {
            let context = store.data();
            context.program.engine.ticker().note_activity();
            if context.clock.is_cpu_spent() {
                Err(wasmtime::Error::new(CallError::Cpu))
            } else {
                Ok(UpdateDeadline::Yield(1))
            }
        });
        store
    }

    /// What an error of Wasmtime means for the caller. Marks the call as failed.
    pub(crate) fn classify(store: &StoreContext, error: &wasmtime::Error) -> CallError {
        store.clock.fail();
        if let Some(error) = error.downcast_ref::<CallError>() {
            return error.clone();
        }
        let mut reason = format!("{error:#}");
        if reason.len() > REASON_BYTES_MAX {
            let end = (0..=REASON_BYTES_MAX)
                .rev()
                .find(|&end| reason.is_char_boundary(end))
                .unwrap_or(0);
            reason.truncate(end);
        }
        let reason = reason.into();
        match store.limiter.refusal() {
            Some(refusal) => CallError::Resources { refusal, reason },
            None => CallError::Trapped { reason },
        }
    }

    /// Whether no call runs and none waits. Calls may begin as long as a route leads here.
    ///
    /// Programs hold each other by their routes, and in a circle for ever; whoever takes one out of use ends that with
    /// [`Self::set_routes`] once it is idle.
    pub fn is_idle(&self) -> bool {
        // In this order: a call that ends its waiting has its instance before it is no longer counted as waiting.
        self.admission.waiting() == 0 && self.admission.in_use() == 0
    }

    /// Counts a failed call, and logs it where the component's rate allows. Calls that fail here are counted here; this is
    /// for whoever gives up on a call for reasons of its own.
    pub fn note_failure(&self, error: &CallError) {
        let kind = error.kind();
        self.counters.count_failure(kind);
        if self.log.admits_failure() {
            tracing::warn!(component.id = %self.component, kind, error = %error, "Call failed");
        }
    }

    /// Calls an exported function in a fresh instance.
    ///
    /// `results` has as many places as the function has results. `flows` are those of the parameters, which are taken once
    /// the call begins; those of the results are returned. Cancellation safe: dropping the future ends the call and frees the
    /// instance. What the component does after its results are there goes on until its streams have ended.
    ///
    /// # Errors
    ///
    /// [`Failed`] with any [`CallError`]; it has been counted and logged.
    pub(crate) async fn invoke(
        self: &Arc<Self>,
        function: &Called,
        context: CallContext,
        params: &[Val],
        flows: &mut Vec<Flow>,
        results: &mut [Val],
    ) -> Result<Vec<Flow>, Failed> {
        let admitted = self.admitted(context).await?;
        let params = Params {
            values: params,
            flows: std::mem::take(flows),
        };
        self.run(function, admitted, params, results).await
    }

    /// As [`Self::admit`], with a failure that counts.
    async fn admitted(&self, context: CallContext) -> Result<Admitted, Failed> {
        let context = context.within(self.limits.call_duration_max);
        match self.admit(&context).await {
            Ok(permit) => Ok(Admitted { context, permit }),
            Err(error) => {
                self.note_failure(&error);
                Err(Failed::Refused(error))
            }
        }
    }

    async fn run(
        self: &Arc<Self>,
        function: &Called,
        admitted: Admitted,
        params: Params<'_>,
        results: &mut [Val],
    ) -> Result<Vec<Flow>, Failed> {
        let Params { values, flows } = params;
        if function.shapes.is_plain() {
            let params = |_: &mut Store<StoreContext>| Ok(values);
            let called = self.run_plain(&function.index, admitted, params, results);
            return called.await.map(|()| Vec::new());
        }
        let Admitted { context, permit } = admitted;
        flowing::invoke(self, function, permit, context, values, flows, results)
            .await
            .map_err(|error| {
                self.note_failure(&error);
                Failed::Begun(error)
            })
    }

    /// Calls a function without streams, with parameters that are made for the store that the instance is in.
    async fn invoke_with<V: AsRef<[Val]> + Send>(
        self: &Arc<Self>,
        function: &ComponentExportIndex,
        context: CallContext,
        params: impl FnOnce(&mut Store<StoreContext>) -> wasmtime::Result<V> + Send,
        results: &mut [Val],
    ) -> Result<(), Failed> {
        let admitted = self.admitted(context).await?;
        self.run_plain(function, admitted, params, results).await
    }

    async fn run_plain<V: AsRef<[Val]> + Send>(
        self: &Arc<Self>,
        function: &ComponentExportIndex,
        admitted: Admitted,
        params: impl FnOnce(&mut Store<StoreContext>) -> wasmtime::Result<V> + Send,
        results: &mut [Val],
    ) -> Result<(), Failed> {
        let Admitted {
            context,
            permit: _permit,
        } = admitted;
        let clock = Arc::new(CallClock::new(self.limits.call_cpu_max));
        let deadline = context.deadline();
        let mut store = self.store(context, Arc::clone(&clock));
        let over = clock.over_when_dropped();
        let call = async {
            let outcome = async {
                let instance = self.pre.instantiate_async(&mut store).await?;
                let function = instance
                    .get_func(&mut store, function)
                    .ok_or_else(|| wasmtime::format_err!("export is not a function"))?;
                let params = params(&mut store)?;
                let called = function.call_async(&mut store, params.as_ref(), results);
                called.await
            };
            let outcome = outcome.await;
            outcome.map_err(|error| Self::classify(store.data(), &error))
        };
        let outcome = call::guard(clock, self.engine.ticker(), deadline, call).await;
        drop(over);
        outcome.map_err(|error| {
            self.note_failure(&error);
            Failed::Begun(error)
        })
    }
}
