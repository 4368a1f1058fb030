//! A component made ready to be called: compiled, linked, limited, with its present routes.

mod flowing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
use crate::flow::{Flow, Shapes};
use crate::http::Handler;
use crate::lane::{Lane, LaneKind};
use crate::log::GuestLog;
use crate::route::{Route, RouteTable};
use crate::world::{ExportedFunction, World};

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

/// A component on this host as the target of an import.
pub struct LocalTarget {
    program: Arc<Program>,
    /// The functions called, in the order of the import's.
    functions: Vec<Called>,
}

/// A function that other components call.
#[derive(Clone)]
pub(crate) struct Called {
    index: ComponentExportIndex,
    shapes: Arc<Shapes>,
}

/// An exported function of a component, to be called from outside of this process. Cheap to clone.
#[derive(Clone)]
pub struct ExportTarget {
    program: Arc<Program>,
    index: ComponentExportIndex,
    /// `None` for a function of types that cannot pass between components.
    called: Option<Called>,
    result_count: usize,
}

/// A component does not export a function that another imports, or with other types.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("function `{function}` is not exported with the same types")]
pub struct NoSuchFunction {
    /// The function; `*` where the whole interface is missing.
    pub function: String,
}

/// What has happened to the calls of one program.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    failures: [AtomicU64; FAILURE_KINDS.len()],
}

/// The kinds of failure in the order they are counted in.
const FAILURE_KINDS: [&str; 13] = [
    "denied",
    "overloaded",
    "deadline",
    "cpu",
    "depth",
    "resources",
    "trapped",
    "no_answer",
    "guest",
    "no_handler",
    "cancelled",
    "flow",
    "remote",
];

/// A snapshot of a program's counters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Calls begun.
    pub calls: u64,
    /// Calls failed, by kind; kinds that never happened are absent.
    pub failures: BTreeMap<&'static str, u64>,
    /// Instances alive now.
    pub instances: u32,
    /// Calls waiting for an instance now.
    pub waiting: u32,
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
        let failures = FAILURE_KINDS
            .into_iter()
            .zip(&self.counters.failures)
            .map(|(kind, count)| (kind, count.load(Ordering::Relaxed)))
            .filter(|&(_, count)| count > 0)
            .collect();
        Stats {
            calls: self.counters.calls.load(Ordering::Relaxed),
            failures,
            instances: self.admission.in_use(),
            waiting: self.admission.waiting(),
        }
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
        self.counters.calls.fetch_add(1, Ordering::Relaxed);
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
        if let Some(position) = FAILURE_KINDS.iter().position(|&name| name == kind) {
            self.counters.failures[position].fetch_add(1, Ordering::Relaxed);
        }
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
        if function.shapes.is_plain() {
            let params = |_: &mut Store<StoreContext>| Ok(params);
            let called = self.invoke_with(&function.index, context, params, results);
            return called.await.map(|()| Vec::new());
        }
        let outcome = self
            .try_invoke_flowing(function, context, params, flows, results)
            .await;
        if let Err(failed) = &outcome {
            self.note_failure(failed.error());
        }
        outcome
    }

    async fn try_invoke_flowing(
        self: &Arc<Self>,
        function: &Called,
        context: CallContext,
        params: &[Val],
        flows: &mut Vec<Flow>,
        results: &mut [Val],
    ) -> Result<Vec<Flow>, Failed> {
        let context = context.within(self.limits.call_duration_max);
        let permit = self.admit(&context).await.map_err(Failed::Refused)?;
        let flows = std::mem::take(flows);
        flowing::invoke(self, function, permit, context, params, flows, results)
            .await
            .map_err(Failed::Begun)
    }

    /// Calls a function without streams, with parameters that are made for the store that the instance is in.
    async fn invoke_with<V: AsRef<[Val]> + Send>(
        self: &Arc<Self>,
        function: &ComponentExportIndex,
        context: CallContext,
        params: impl FnOnce(&mut Store<StoreContext>) -> wasmtime::Result<V> + Send,
        results: &mut [Val],
    ) -> Result<(), Failed> {
        let outcome = self.try_invoke(function, context, params, results).await;
        if let Err(failed) = &outcome {
            self.note_failure(failed.error());
        }
        outcome
    }

    async fn try_invoke<V: AsRef<[Val]> + Send>(
        self: &Arc<Self>,
        function: &ComponentExportIndex,
        context: CallContext,
        params: impl FnOnce(&mut Store<StoreContext>) -> wasmtime::Result<V> + Send,
        results: &mut [Val],
    ) -> Result<(), Failed> {
        let context = context.within(self.limits.call_duration_max);
        let _permit = self.admit(&context).await.map_err(Failed::Refused)?;
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
        outcome.map_err(Failed::Begun)
    }
}

// ===== impl Called =====

impl Called {
    fn of(function: &ExportedFunction) -> Option<Self> {
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
        mut flows: Vec<Flow>,
    ) -> Result<(Vec<Val>, Vec<Flow>), Failed> {
        let Some(called) = &self.called else {
            let reason = "its function cannot be called by components".into();
            return Err(Failed::Refused(CallError::Trapped { reason }));
        };
        let mut results = vec![Val::Bool(false); self.result_count];
        let flows = self
            .program
            .invoke(called, context, params, &mut flows, &mut results)
            .await?;
        Ok((results, flows))
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
