//! Functions that are served.

mod call;
mod reply;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tracing::{Instrument as _, debug, debug_span, warn};
use weft_model::problem::render_chain;
use weft_runtime::{Tasks, field};
use weft_wrpc::server::{ParamsError, dispatch};
use weft_wrpc::ty::TypeError;
use weft_wrpc::{Decode, Export, Failure, FailureCode, Incoming, Signature, Tuple};

use crate::error::Error;
use crate::links::Links;

pub use call::Call;
pub use reply::{Reply, Streamed};

type Handler = Arc<dyn Fn(Call, Incoming) -> BoxFuture<'static, ()> + Send + Sync>;

/// The functions that a provider serves, each with what answers its calls.
#[derive(Default)]
pub struct Exports {
    functions: Vec<(Export, Handler)>,
    /// The first that cannot be served.
    problem: Option<Error>,
}

/// What answers calls: by instance and name.
pub(crate) struct Handlers {
    by_name: HashMap<String, HashMap<String, Handler>>,
    links: Links,
}

// ===== impl Exports =====

impl Exports {
    /// No functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves a function of fully qualified `instance`, such as `wrpc:keyvalue/store@0.2.0-draft`, by its name on the wire.
    ///
    /// The parameters are a tuple of types that stand for those of WIT; streams and futures come in as
    /// [`wrpc::encode::Stream`](weft_wrpc::encode::Stream) and its like. The result is a value of such a type, `()` for none, or
    /// [`Streamed`] where streams go out. A [`Failure`] is what callers of Weft are told; those of 1.9 only see that there is no
    /// result, so expected errors belong into a `result` of WIT.
    ///
    /// The future is dropped when the caller gives up, or [`Options::call_timeout`](crate::Options::call_timeout) has passed.
    #[must_use]
    pub fn function<P, R, H, F>(
        self,
        instance: impl Into<String>,
        name: impl Into<String>,
        handler: H,
    ) -> Self
    where
        P: Tuple + Decode + Send + 'static,
        R: Reply,
        H: Fn(Call, P) -> F + Send + Sync + 'static,
        F: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        let signature = Signature::new(P::members(), R::ty());
        let handler = Arc::new(handler);
        self.add(
            instance.into(),
            name.into(),
            signature,
            move |call, incoming| answer(Arc::clone(&handler), call, incoming).boxed(),
        )
    }

    /// Serves a function by what takes its calls as they come, and answers them in whatever way.
    #[must_use]
    pub fn raw<H, F>(
        self,
        instance: impl Into<String>,
        name: impl Into<String>,
        signature: Result<Signature, TypeError>,
        handler: H,
    ) -> Self
    where
        H: Fn(Call, Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.add(
            instance.into(),
            name.into(),
            signature,
            move |call, incoming| handler(call, incoming).boxed(),
        )
    }

    /// Both; of a function that is in both, the later one is served.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.functions.extend(other.functions);
        self.problem = self.problem.or(other.problem);
        self
    }

    fn add(
        mut self,
        instance: String,
        name: String,
        signature: Result<Signature, TypeError>,
        handler: impl Fn(Call, Incoming) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        match signature {
            Ok(signature) => {
                let export = Export {
                    instance,
                    name,
                    signature: Arc::new(signature),
                };
                self.functions.push((export, Arc::new(handler)));
            }
            Err(source) => {
                let function = name;
                self.problem.get_or_insert(Error::Export {
                    instance,
                    function,
                    source,
                });
            }
        }
        self
    }

    /// What is to be served, and what answers.
    pub(crate) fn into_parts(self, links: Links) -> Result<(Vec<Export>, Handlers), Error> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let mut exports: Vec<Export> = Vec::new();
        let mut by_name: HashMap<String, HashMap<String, Handler>> = HashMap::new();
        for (export, handler) in self.functions {
            let instance = by_name.entry(export.instance.clone()).or_default();
            if instance.insert(export.name.clone(), handler).is_some() {
                exports.retain(|one| one.instance != export.instance || one.name != export.name);
            }
            exports.push(export);
        }
        Ok((exports, Handlers { by_name, links }))
    }
}

impl fmt::Debug for Exports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.functions.iter();
        f.debug_set()
            .entries(functions.map(|(export, _)| format!("{}.{}", export.instance, export.name)))
            .finish()
    }
}

// ===== impl Handlers =====

impl Handlers {
    /// Answers calls until the serving ends, each by a task among `calls`.
    pub(crate) async fn run(self, exports: weft_wrpc::Exports, calls: &Tasks) {
        let this = &self;
        dispatch(exports, calls, move |incoming| this.handle(incoming)).await;
    }

    fn handle(&self, mut incoming: Incoming) -> BoxFuture<'static, ()> {
        let export = Arc::clone(incoming.export());
        let instance = self.by_name.get(&export.instance);
        let Some(handler) = instance.and_then(|functions| functions.get(&export.name)) else {
            // Only what is in the table is subscribed to.
            let text = "no such function";
            incoming.fail(&Failure::new(FailureCode::NoSuchFunction, text));
            return futures::future::ready(()).boxed();
        };
        let call = Call::new(&incoming, &self.links);
        let span = debug_span!(
            "call",
            instance = export.instance,
            function = export.name,
            { field::COMPONENT_ID } = call.source(),
            { field::LINK_NAME } = call.link_name(),
            traceparent = call.context().trace_parent,
        );
        handler(call, incoming).instrument(span).boxed()
    }
}

/// Reads the parameters, asks the handler, sends what it says.
async fn answer<P, R, H, F>(handler: Arc<H>, call: Call, mut incoming: Incoming)
where
    P: Decode,
    R: Reply,
    H: Fn(Call, P) -> F,
    F: Future<Output = Result<R, Failure>>,
{
    let params = match incoming.decode::<P>().await {
        Ok(params) => params,
        Err(error) => {
            warn!(
                { field::ERROR } = render_chain(&error),
                "Parameters of a call cannot be read"
            );
            incoming.fail(&unreadable(&error));
            return;
        }
    };
    let reply = match handler(call, params).await {
        Ok(reply) => reply,
        Err(failure) => {
            debug!({ field::ERROR } = %failure, "Call failed");
            incoming.fail(&failure);
            return;
        }
    };
    let (results, writing) = reply.into_parts();
    let sent = match results {
        Ok(results) => incoming.respond(results).await,
        Err(error) => {
            warn!(
                { field::ERROR } = render_chain(&error),
                "Result of a call cannot be written"
            );
            let text = "the result cannot be encoded";
            incoming.fail(&Failure::new(FailureCode::Codec, text));
            return;
        }
    };
    match sent {
        Ok(()) => writing.await,
        Err(error) => debug!(
            { field::ERROR } = render_chain(&error),
            "Result of a call was not sent"
        ),
    }
    // The call counts as running until its streams are written.
    drop(incoming);
}

fn unreadable(error: &ParamsError) -> Failure {
    match error {
        ParamsError::Deadline => {
            Failure::new(FailureCode::Deadline, "the parameters did not come in time")
        }
        _ => Failure::new(FailureCode::Codec, render_chain(error)),
    }
}
