//! `weft spy`: shows the calls to and from a component as they happen.

mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use weft_lattice::Lattice;
use weft_wrpc::Prefix;
use weft_wrpc::observe::{ObserveOptions, ObservedCall, Observer};

use super::awaited::Awaited;
use super::call::{WitSource, find_wit};
use crate::commands::get::GetError;
use crate::context::Context;
use crate::failure::Failure;
use crate::status::Status;
use crate::wit::Wit;

use view::{CallView, Direction};

/// Targets of links whose calls are listened to at most.
const TARGETS_MAX: usize = 64;

/// Show the calls to and from a component as they happen
///
/// Each call is shown once it has come to its end: who called what, with which arguments, what came of it, and how long that
/// took as seen from here. Values are decoded with the WIT of whoever is called, where it is known; otherwise sizes are told.
/// Streams and futures are shown as the words `stream` and `future`.
///
/// Only what crosses NATS can be seen: calls between hosts, to and from providers that are processes of their own, and those of
/// `weft call`. Calls within one host pass by memory. Calls from the component are seen where a link of it leads.
///
/// As long as it listens, NATS takes it for somebody who serves: calls of a component that runs nowhere end by their
/// deadline and not at once.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft spy shop-cart                   Show calls until interrupted
  weft spy shop-cart --count 10 -o json
  weft spy shop-cart --wit wit/"
)]
pub(crate) struct SpyArgs {
    /// The id of the component or provider
    #[arg(value_name = "COMPONENT")]
    component: String,
    /// Where the types of the component are: a WIT file, a directory with WIT, or a component
    #[arg(
        id = "wit_path",
        long = "wit",
        value_name = "PATH",
        env = "WEFT_WIT_PATH",
        hide_env_values = true
    )]
    wit: Option<PathBuf>,
    /// End after so many calls
    #[arg(
        long,
        value_name = "NUMBER",
        env = "WEFT_COUNT",
        hide_env_values = true
    )]
    count: Option<u64>,
}

/// Shows calls until interrupted.
pub(crate) async fn run(args: &SpyArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let targets = targets(args, &lattice, context).await?;
    let prefixes = targets
        .iter()
        .map(|id| Prefix::new(lattice.name().as_str(), id))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| SpyError::Subject {
            component: args.component.clone(),
            source,
        })?;
    let mut wits = BTreeMap::new();
    for (id, prefix) in targets.iter().zip(&prefixes) {
        let source = WitSource {
            path: args.wit.clone().filter(|_| *id == args.component),
            component: id.clone(),
        };
        match find_wit(&source, &lattice, context).await {
            Ok(wit) => {
                wits.insert(prefix.as_str().to_owned(), wit);
            }
            // What was asked for by name has to be there.
            Err(failure) if source.path.is_some() => return Err(failure),
            Err(failure) => context.console.detail(failure.message()),
        }
    }
    let mut observer = Observer::new(lattice.nats(), &prefixes, ObserveOptions::default())
        .await
        .map_err(|_| SpyError::Subscribe)?;
    context.console.note(&format!(
        "listening to the calls of {} in lattice `{}` that cross NATS",
        targets.iter().cloned().collect::<Vec<_>>().join(", "),
        lattice.name()
    ));
    follow(args, &mut observer, &wits, context).await
}

/// Whose calls are listened to: the component itself, and whoever its links lead to.
async fn targets(
    args: &SpyArgs,
    lattice: &Lattice,
    context: &mut Context,
) -> Result<BTreeSet<String>, Failure> {
    let mut targets = BTreeSet::from([args.component.clone()]);
    match lattice.control().links().await {
        Ok(links) => {
            let links = links.value.into_iter();
            let own = links.filter(|link| link.source.as_str() == args.component);
            targets.extend(own.map(|link| link.target.to_string()).take(TARGETS_MAX));
        }
        Err(error) => {
            let error = GetError::of(error, lattice.name());
            context.console.warn(&format!(
                "calls from `{}` are not shown: {error}",
                args.component
            ));
        }
    }
    Ok(targets)
}

async fn follow(
    args: &SpyArgs,
    observer: &mut Observer,
    wits: &BTreeMap<String, Wit>,
    context: &mut Context,
) -> Result<(), Failure> {
    let mut awaited = Awaited::new("call", args.count, context.global.timeout);
    // One future for all rounds: an interrupt is not lost.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    while !awaited.is_over() && !context.console.is_output_closed() {
        let call = tokio::select! {
            call = observer.next() => call,
            late = awaited.late() => return Err(late.into()),
            _ = &mut interrupted => return Ok(()),
        };
        let Some(call) = call else {
            return Err(SpyError::Subscribe.into());
        };
        let Some(direction) = direction(&call, &args.component) else {
            continue;
        };
        let wit = wits.get(call.callee.as_str());
        context
            .console
            .show_next(&CallView::new(&call, direction, wit));
        awaited.note();
    }
    Ok(())
}

/// Whether the call is to or from `component`; `None` for one that others make of what it calls too.
fn direction(call: &ObservedCall, component: &str) -> Option<Direction> {
    let id = call.callee.id();
    if id == component {
        Some(Direction::To)
    } else if call.context.source_id.as_deref() == Some(component) {
        Some(Direction::From)
    } else {
        None
    }
}

/// Why calls cannot be shown.
#[derive(Debug, thiserror::Error)]
enum SpyError {
    /// An id is no part of a subject.
    #[error("`{component}` has no calls: it is no part of a subject")]
    Subject {
        /// What was given.
        component: String,
        /// Why not.
        source: weft_wrpc::subject::SubjectError,
    },
    /// The connection is closed, or does not allow it.
    #[error("cannot listen to calls over this connection")]
    Subscribe,
}

impl weft_model::problem::Coded for SpyError {
    fn code(&self) -> &'static str {
        match self {
            Self::Subject { .. } => "CLI040",
            Self::Subscribe => "RPC007",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Subject { component, .. } => component.clone(),
            Self::Subscribe => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Subject { .. } => vec!["see with `weft get inventory` what runs".to_owned()],
            Self::Subscribe => vec![
                "check that the credentials may subscribe to `LATTICE.>` and `_INBOX.>`".to_owned(),
            ],
        }
    }
}

impl From<SpyError> for Failure {
    fn from(error: SpyError) -> Self {
        let status = match &error {
            SpyError::Subject { .. } => Status::Usage,
            SpyError::Subscribe => Status::Unreachable,
        };
        Self::new(status, &error)
    }
}
