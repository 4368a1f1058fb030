//! Components, served to other hosts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{self, Instant};
use weft_engine::{CallContext, ExportTarget, Program, Trace};
use weft_model::id::{ComponentId, LatticeName, ProviderId};
use weft_model::interface::VersionedInterface;
use weft_model::problem::render_chain;
use weft_runtime::{Shutdown, TaskKind, Tasks, field};
use weft_wrpc::subject::{SubjectError, wire_name};
use weft_wrpc::{
    Endpoint, Export, Failure, FailureCode, Function, Incoming, Prefix, ServeOptions, server,
};

use super::exported::{Answer, Exported};
use super::values::Pumps;
use super::{Error, export_signature, failure, http, is_called_plainly, is_of_wasi, values};
use crate::{keyvalue, messaging};

/// How long one operation of a built-in store may take.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Calls of one component that run or wait at once, whatever its limits.
const CALLS_MAX: usize = 4096;

/// The wire of a lattice: what calls go out by, and come in by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Wire {
    endpoint: Endpoint,
    lattice: LatticeName,
    tasks: Tasks,
}

/// A component that other hosts can call. Dropped, it takes no more calls, and those that were delivered go on.
#[derive(Debug)]
pub struct Serving {
    shutdown: Shutdown,
    ended: Shutdown,
}

/// A function that is served.
struct Served {
    interface: VersionedInterface,
    export: Export,
    target: Answerer,
}

/// Who answers.
enum Answerer {
    Function(ExportTarget),
    Http(Arc<Program>),
    /// A function that takes handles, by plain values.
    Family(ExportTarget, Answer),
}

/// Says that serving has ended, in whatever way it does.
struct Ended(Shutdown);

// ===== impl Wire =====

impl Wire {
    /// The wire of `lattice` over a connection. What is served is served by `tasks`.
    pub fn new(endpoint: Endpoint, lattice: LatticeName, tasks: Tasks) -> Self {
        Self {
            endpoint,
            lattice,
            tasks,
        }
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn prefix(&self, id: &str) -> Result<Prefix, SubjectError> {
        Prefix::new(self.lattice.as_str(), id)
    }

    /// Checks that other hosts can call everything that `program` exports to components and that a component of its own host
    /// could call, and that what links provide to it can be on other hosts.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] or [`Error::Subject`], naming the function.
    pub fn check(&self, program: &Arc<Program>) -> Result<(), Error> {
        super::check_imports(program.world())?;
        let (all, _) = exports_of(program)?;
        for served in all {
            let checked = self
                .prefix(program.component().as_str())
                .and_then(|prefix| {
                    let export = &served.export;
                    Function::new(
                        &prefix,
                        &export.instance,
                        &export.name,
                        Arc::clone(&export.signature),
                    )
                });
            if let Err(source) = checked {
                return Err(Error::Subject {
                    interface: Box::new(served.interface),
                    function: served.export.name,
                    source,
                });
            }
        }
        Ok(())
    }

    /// Serves the exports of `program` under its id, together with all other hosts that do. `None` when nobody could call
    /// any of them.
    ///
    /// # Errors
    ///
    /// [`Error`]; nothing is served then.
    pub async fn serve(&self, program: &Arc<Program>) -> Result<Option<Serving>, Error> {
        let (served, skipped) = exports_of(program)?;
        tell_skipped(program, skipped);
        if served.is_empty() {
            return Ok(None);
        }
        let exports = served.iter().map(|served| served.export.clone()).collect();
        let id = program.component();
        let prefix = self
            .prefix(id.as_str())
            .map_err(|source| weft_wrpc::ServeError::Subject {
                instance: id.to_string(),
                source,
            })?;
        let limits = program.limits();
        let waiting = usize::try_from(limits.queue_length_max).unwrap_or(CALLS_MAX);
        let instances = usize::try_from(program.instances_max()).unwrap_or(CALLS_MAX);
        let options = ServeOptions {
            concurrent_max: instances.saturating_add(waiting).min(CALLS_MAX),
            execution_timeout: limits.call_duration_max,
            ..ServeOptions::default()
        };
        let served = Arc::new(served);
        let tasks = self.tasks.clone();
        let serving = self.spawn(&prefix, exports, options, move |incoming| {
            answer(Arc::clone(&served), tasks.clone(), incoming)
        });
        Ok(Some(serving.await?))
    }

    /// Serves the stores of a provider of this host under its id: `choose` gives the one for each caller.
    ///
    /// # Errors
    ///
    /// [`Error::Serve`].
    pub async fn serve_keyvalue(
        &self,
        provider: &ProviderId,
        choose: Arc<keyvalue::Choose>,
    ) -> Result<Serving, Error> {
        let subject = |source| weft_wrpc::ServeError::Subject {
            instance: provider.to_string(),
            source,
        };
        let prefix = self.prefix(provider.as_str()).map_err(subject)?;
        let options = ServeOptions {
            execution_timeout: OPERATION_TIMEOUT,
            ..ServeOptions::default()
        };
        self.spawn(&prefix, keyvalue::exports(), options, move |incoming| {
            keyvalue::answer(Arc::clone(&choose), incoming)
        })
        .await
    }

    /// Subscribes, and lets `handler` answer what comes.
    async fn spawn<H, F>(
        &self,
        prefix: &Prefix,
        exports: Vec<Export>,
        mut options: ServeOptions,
        handler: H,
    ) -> Result<Serving, Error>
    where
        H: Fn(Incoming) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let shutdown = self.tasks.shutdown().child();
        options.shutdown = shutdown.clone();
        let exports = self.endpoint.serve(prefix, exports, options).await?;
        let ended = Shutdown::default();
        let guard = Ended(ended.clone());
        let tasks = self.tasks.clone();
        self.tasks.spawn(TaskKind::Job, "remote.serve", async move {
            let _guard = guard;
            server::dispatch(exports, &tasks, handler).await;
        });
        Ok(Serving { shutdown, ended })
    }
}

/// What is served of a program, and why other functions that it exports are not: nobody could call them, wherever it runs.
///
/// # Errors
///
/// [`Error::Unsupported`] for a function that components could call where it runs, and nowhere else.
fn exports_of(program: &Arc<Program>) -> Result<(Vec<Served>, Vec<Error>), Error> {
    let world = program.world();
    let (mut served, mut skipped) = (Vec::new(), Vec::new());
    let exports = world.exports().iter().enumerate();
    for (position, export) in
        exports.filter(|(_, export)| is_called_plainly(&export.interface.interface))
    {
        let may_skip = is_of_wasi(&export.interface.interface);
        for ((name, function), target) in export.functions().zip(program.targets(position)) {
            match export_signature(world, export, name, function) {
                Ok(signature) => served.push(Served {
                    interface: export.interface.clone(),
                    export: Export {
                        instance: export.interface.to_string(),
                        name: wire_name(name).to_owned(),
                        signature: Arc::new(signature),
                    },
                    target: Answerer::Function(target),
                }),
                Err(error) if may_skip || !target.is_callable() => skipped.push(error),
                Err(error) => return Err(error),
            }
        }
    }
    let families = [keyvalue::exported(program), messaging::exported(program)];
    served.extend(families.into_iter().flatten().map(Served::from));
    if world.handles_http() {
        let export = http::export();
        served.push(Served {
            interface: export
                .instance
                .parse()
                .expect("the name of the wire's interface is well formed"),
            export,
            target: Answerer::Http(Arc::clone(program)),
        });
    }
    Ok((served, skipped))
}

/// Tells of functions that are not served.
fn tell_skipped(program: &Program, skipped: Vec<Error>) {
    if let Some(first) = skipped.first() {
        tracing::warn!(
            { field::COMPONENT_ID } = %program.component(),
            functions = skipped.len(),
            { field::ERROR } = render_chain(first),
            "Some functions are not served, as nobody could call them"
        );
    }
}

async fn answer(served: Arc<Vec<Served>>, tasks: Tasks, mut incoming: Incoming) {
    let found = served.iter().find(|served| {
        let export = &served.export;
        export.name == incoming.function() && export.instance == incoming.instance()
    });
    let outcome = match found {
        Some(served) => match &served.target {
            Answerer::Function(target) => match call(target, &mut incoming).await {
                Ok(pumps) => return finish(tasks, pumps, incoming),
                Err(failure) => Err(failure),
            },
            Answerer::Http(program) => http::answer(program, &mut incoming).await,
            Answerer::Family(target, answer) => answer(target, &mut incoming).await,
        },
        None => Err(Failure::new(FailureCode::NoSuchFunction, "")),
    };
    if let Err(failure) = outcome {
        incoming.fail(&failure);
    }
}

/// Sends what follows the results. The call keeps its place meanwhile, whatever becomes of its deadline.
fn finish(tasks: Tasks, pumps: Pumps, incoming: Incoming) {
    if !pumps.is_empty() {
        tasks.spawn(TaskKind::Job, "remote.flow", async move {
            pumps.run().await;
            drop(incoming);
        });
    }
}

async fn call(target: &ExportTarget, incoming: &mut Incoming) -> Result<Pumps, Failure> {
    let signature = Arc::clone(&incoming.export().signature);
    let codec = |error: &(dyn std::error::Error + 'static)| {
        Failure::new(FailureCode::Codec, render_chain(error))
    };
    // Their values take several times as much memory as their bytes, so those are read once they are of use.
    incoming.params().await.map_err(|error| codec(&error))?;
    let admitted = target.admit(call_context(incoming)).await;
    let admitted = admitted.map_err(|failed| failure::told(&failed))?;
    let (params, flows) = {
        let reader = incoming.params().await.map_err(|error| codec(&error))?;
        values::read_tuple(signature.params().ty(), reader).map_err(|error| codec(&error))?
    };
    let results = admitted.call(&params, flows).await;
    let (results, flows) = results.map_err(|failed| failure::told(&failed))?;
    let (results, pumps) = values::write_tuple(signature.results().ty(), &results, flows)
        .map_err(|error| codec(&error))?;
    // That the connection is closed shows at the caller.
    let _ = incoming.respond(results).await;
    Ok(pumps)
}

/// What the call inherits from the one who makes it.
pub(super) fn call_context(incoming: &Incoming) -> CallContext {
    let context = incoming.context();
    // A component that is called again by what it calls itself is its own caller at a depth of one: of chains that are
    // longer, only their end is known.
    let caller = context
        .source_id
        .as_ref()
        .filter(|_| context.depth > 0)
        .and_then(|id| id.parse::<ComponentId>().ok());
    let trace = context.trace_parent.clone().map(|parent| Trace {
        parent,
        state: context.trace_state.clone(),
    });
    CallContext::arrived(incoming.deadline(), context.depth, caller).traced(trace)
}

impl From<Exported> for Served {
    fn from(exported: Exported) -> Self {
        Self {
            interface: exported.interface,
            export: exported.export,
            target: Answerer::Family(exported.target, exported.answer),
        }
    }
}

// ===== impl Serving =====

impl Serving {
    /// Takes no more calls, and waits until all that were delivered have been begun, or `deadline` is past.
    pub async fn stop(&self, deadline: Instant) {
        self.shutdown.request();
        let _ = time::timeout_at(deadline, self.ended.requested()).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.request();
    }
}
