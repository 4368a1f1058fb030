//! `weft call`: calls a function of a component or provider, through the lattice.

mod error;
mod http;
mod source;

pub(crate) use source::{WitSource, find_wit};

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use futures::FutureExt as _;
use futures::future::{Either, join_all, select};
use serde::Serialize;
use serde_json::Value as Json;
use weft_lattice::Lattice;
use weft_model::id::EntityId;
use weft_wrpc::codec::Writer;
use weft_wrpc::{
    CallError, CallOptions, CallProblem, Context as CallContext, Endpoint, Function, Options,
    Prefix, Value,
};

use crate::context::Context;
use crate::failure::Failure;
use crate::view::{Block, SchemaVersion, View, millis};
use crate::wit::{Called, FunctionName, Text, parse_arguments, render_results};

use error::CallFailure;

/// Who calls, as the callee is told.
pub(crate) const SOURCE_ID: &str = "weft";
/// How long a call may take unless the arguments say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Call a function of a component or provider through the lattice
///
/// Whoever serves the id answers; no host runs in this process. Arguments are written in WAVE, one shell word each: `1`,
/// `"text"`, `[1, 2]`, `{x: 1, label: some("a")}`, `circle(3.5)`, `ok`. A word that is no string in quotes is taken as it is where a
/// string is wanted. A stream is written as the list of its elements, and a future as its value.
///
/// The types come from `--wit`, else from the component itself, where the reference that its host tells can be read from
/// here.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft call shop-cart demo:shop/cart.add '{id: \"tea\", count: 2}' true
  weft call shop-cart demo:shop/cart@0.1.0.total --wit wit/ -o json
  weft call shop-web wasi:http/incoming-handler.handle --method POST --path /buy -d 'tea'

A call of a component that runs nowhere fails at once, unless a `weft spy` listens to it."
)]
pub(crate) struct CallArgs {
    /// The id of the component or provider
    #[arg(value_name = "COMPONENT")]
    target: String,
    /// The function: `namespace:package/interface.function`, with a version or without
    #[arg(value_name = "FUNCTION")]
    function: String,
    /// The arguments, each in WAVE
    #[arg(value_name = "ARGUMENT", allow_negative_numbers = true)]
    arguments: Vec<String>,
    /// Where the types are: a WIT file, a directory with WIT, or a component
    #[arg(
        id = "wit_path",
        long = "wit",
        value_name = "PATH",
        env = "WEFT_WIT_PATH",
        hide_env_values = true
    )]
    wit: Option<PathBuf>,
    /// The link that the callee takes the call to come by
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        env = "WEFT_LINK_NAME",
        hide_env_values = true
    )]
    link_name: String,
    #[command(flatten)]
    http: http::HttpArgs,
}

/// What came of a call.
#[derive(Debug, Serialize)]
struct CallView {
    schema_version: SchemaVersion,
    /// Who was called.
    component: String,
    /// The function with its interface and version.
    function: String,
    /// The results in WAVE; none for a function without any.
    results: Vec<String>,
    /// The results as JSON.
    values: Vec<Json>,
    /// How long the call took, streams of its results included.
    elapsed_ms: u64,
}

/// Calls.
pub(crate) async fn run(args: &CallArgs, context: &mut Context) -> Result<(), Failure> {
    let wanted = FunctionName::parse(&args.function)?;
    let target: EntityId = args.target.parse().map_err(|source| CallFailure::Target {
        target: args.target.clone(),
        source,
    })?;
    let timeout = context.timeout_or(TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    if http::is_handler(&wanted) {
        return http::run(
            &args.http,
            &target,
            &args.link_name,
            &lattice,
            timeout,
            context,
        )
        .await;
    }
    args.http.refuse()?;
    let source = WitSource {
        path: args.wit.clone(),
        component: args.target.clone(),
    };
    let called = find_wit(&source, &lattice, context)
        .await?
        .function(&wanted)?;
    let view = call(args, called, &lattice, timeout, context).await?;
    context.show(&view);
    Ok(())
}

/// An end of the wire on the connection of the command.
pub(super) async fn endpoint(lattice: &Lattice, context: &Context) -> Result<Endpoint, Failure> {
    let nats = lattice.nats().clone();
    let endpoint = Endpoint::new(nats, context.tasks(), Options::default()).await;
    Ok(endpoint.map_err(CallFailure::Connect)?)
}

async fn call(
    args: &CallArgs,
    called: Called,
    lattice: &Lattice,
    timeout: Duration,
    context: &Context,
) -> Result<CallView, Failure> {
    let arguments = parse_arguments(&called, &args.arguments)?;
    let subject = |source| CallFailure::Subject {
        function: called.name.clone(),
        source,
    };
    let prefix = Prefix::new(lattice.name().as_str(), &args.target).map_err(subject)?;
    let name = weft_wrpc::subject::wire_name(&called.name);
    let signature = called.signature.clone();
    let function = Function::new(&prefix, &called.interface, name, signature).map_err(subject)?;
    let problem = |error: CallError| {
        CallFailure::Call(CallProblem {
            function: format!("{}.{}", called.interface, called.name),
            error,
        })
    };
    let types = called.signature.params().ty().clone();
    let mut writer = Writer::new();
    Value::Tuple(arguments.values)
        .encode(&types, &mut writer)
        .map_err(|error| problem(CallError::Params(error)))?;
    let params = writer
        .finish()
        .map_err(|error| problem(CallError::Params(error)))?;
    let options = CallOptions {
        timeout,
        context: CallContext {
            source_id: Some(SOURCE_ID.to_owned()),
            link_name: Some(args.link_name.clone()),
            ..CallContext::default()
        },
    };
    let endpoint = endpoint(lattice, context).await?;
    let begun = Instant::now();
    let work = async {
        let reply = endpoint.invoke(&function, params, &options).await;
        let reply = reply.map_err(problem)?;
        let ty = called.signature.results().ty();
        let mut reader = reply.reader();
        let results =
            Value::decode(ty, &mut reader).map_err(|error| problem(CallError::Results(error)))?;
        let texts = render_results(results, ty).await?;
        Ok::<_, Failure>(texts)
    };
    // Streams among the arguments are written while the call runs; that nobody reads them is no failure.
    let pumps = join_all(arguments.pumps).boxed();
    let texts: Vec<Text> = match select(Box::pin(work), pumps).await {
        Either::Left((texts, _)) => texts?,
        Either::Right((_, work)) => work.await?,
    };
    Ok(CallView {
        schema_version: SchemaVersion,
        component: args.target.clone(),
        function: format!("{}.{}", called.interface, called.name),
        results: texts.iter().map(|text| text.wave.clone()).collect(),
        values: texts.into_iter().map(|text| text.json).collect(),
        elapsed_ms: millis(begun.elapsed()),
    })
}

impl View for CallView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let mut blocks: Vec<Block> = self.results.iter().cloned().map(Block::Line).collect();
        if blocks.is_empty() {
            blocks.push(Block::Nothing("the function has no results".to_owned()));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        self.results.clone()
    }
}
