//! Imports whose functions are called elsewhere.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use wasmtime::component::Val;
use weft_engine::flow::Flow;
use weft_engine::route::RemoteTarget;
use weft_engine::world::{Import, World};
use weft_engine::{CallContext, CallError, RemoteProblem};
use weft_model::id::{ComponentId, EntityId, LinkName};
use weft_model::problem::render_chain;
use weft_runtime::{TaskKind, Tasks};
use weft_wrpc::subject::wire_name;
use weft_wrpc::{CallOptions, Context, Endpoint, Function};

use super::{Error, Wire, failure, import_signatures, values};

/// How often a call that nobody has begun is made: who gets it is chosen anew each time.
const ATTEMPTS_MAX: usize = 3;

/// Something that runs elsewhere, as the target of one import by one link.
pub struct Target {
    endpoint: Endpoint,
    tasks: Tasks,
    id: Box<str>,
    link_name: LinkName,
    /// In the order of the import's.
    functions: Vec<Function>,
}

// ===== impl Target =====

impl Target {
    /// The functions of `import`, of `world`, at whoever has the id `target`, by the link `link_name`.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] when the wire cannot carry one of them, [`Error::Subject`] when it has no address.
    pub fn new(
        wire: &Wire,
        target: &EntityId,
        link_name: &LinkName,
        world: &World,
        import: &Import,
    ) -> Result<Arc<Self>, Error> {
        let signatures = import_signatures(world, import)?;
        let instance = import.interface.to_string();
        let functions = import.functions.iter().zip(signatures);
        let functions = functions.map(|(function, signature)| {
            let subject = |source| Error::Subject {
                interface: Box::new(import.interface.clone()),
                function: function.name.clone(),
                source,
            };
            let prefix = wire.prefix(target.as_str()).map_err(subject)?;
            let name = wire_name(&function.name);
            Function::new(&prefix, &instance, name, Arc::new(signature)).map_err(subject)
        });
        Ok(Arc::new(Self {
            functions: functions.collect::<Result<_, _>>()?,
            endpoint: wire.endpoint().clone(),
            tasks: wire.tasks().clone(),
            id: target.as_str().into(),
            link_name: link_name.clone(),
        }))
    }

    async fn run(
        &self,
        function: &Function,
        caller: &ComponentId,
        context: &CallContext,
        params: &[Val],
        mut flows: Vec<Flow>,
        results: &mut [Val],
    ) -> Result<Vec<Flow>, CallError> {
        let understood = |error| failure::understood(&self.id, context.depth(), &error);
        let signature = function.signature();
        // Streams can be sent only once.
        let attempts_max = if flows.is_empty() { ATTEMPTS_MAX } else { 1 };
        let mut attempts = 1;
        let reply = loop {
            // Encoded anew for the rare call that is made again.
            let flows = std::mem::take(&mut flows);
            let (encoded, pumps) = values::write_tuple(signature.params().ty(), params, flows)
                .map_err(|error| self.values_problem(&error))?;
            if !pumps.is_empty() {
                // They wait for the call to begin, and end with it or with their readers.
                self.tasks.spawn(TaskKind::Job, "remote.flow", pumps.run());
            }
            let options = CallOptions {
                timeout: context.remaining(),
                context: wire_context(caller.as_str(), &self.link_name, context),
            };
            match self.endpoint.invoke(function, encoded, &options).await {
                Ok(reply) => break reply,
                Err(weft_wrpc::CallError::Failed(failure))
                    if failure.is_retriable && attempts < attempts_max =>
                {
                    attempts += 1;
                }
                Err(error) => return Err(understood(error)),
            }
        };
        let (answers, flows) = values::read_tuple(signature.results().ty(), reply.reader())
            .map_err(|error| self.values_problem(&error))?;
        for (place, answer) in results.iter_mut().zip(answers) {
            *place = answer;
        }
        Ok(flows)
    }

    fn values_problem(&self, error: &weft_wrpc::codec::Error) -> CallError {
        CallError::Remote {
            target: (*self.id).into(),
            problem: RemoteProblem::Values {
                message: render_chain(error).into(),
            },
        }
    }
}

impl RemoteTarget for Target {
    fn target(&self) -> &str {
        &self.id
    }

    fn call<'a>(
        &'a self,
        position: usize,
        caller: &'a ComponentId,
        context: CallContext,
        params: &'a [Val],
        flows: Vec<Flow>,
        results: &'a mut [Val],
    ) -> BoxFuture<'a, Result<Vec<Flow>, CallError>> {
        async move {
            let function = &self.functions[position];
            self.run(function, caller, &context, params, flows, results)
                .await
        }
        .boxed()
    }
}

/// What the callee is told of the caller. `context` is that of the callee.
pub(crate) fn wire_context(caller: &str, link_name: &LinkName, context: &CallContext) -> Context {
    let trace = context.trace();
    Context {
        source_id: Some(caller.to_owned()),
        target_id: None,
        link_name: Some(link_name.to_string()),
        trace_parent: trace.map(|trace| trace.parent.clone()),
        trace_state: trace.and_then(|trace| trace.state.clone()),
        // The wire counts the call itself.
        depth: context.depth().saturating_sub(1),
    }
}
