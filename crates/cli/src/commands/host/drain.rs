//! `weft host drain`: let others take over what a host runs.

mod empty;

use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_lattice::control::{DRAINING_LABEL, is_draining};
use weft_model::inventory::HostInventory;
use weft_model::problem::{Coded, Problem};

use self::empty::{parts, until_empty};
use crate::commands::get::target_host;
use crate::commands::label::set_label;
use crate::commands::outcome::{WaitArgs, Waiter};
use crate::context::Context;
use crate::failure::Failure;
use crate::status::Status;
use crate::ui::{count, render_elapsed};
use crate::view::{Block, SchemaVersion, View, millis};

/// How long it is waited for others to take over unless the arguments say otherwise.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(300);
/// The value of the label of a host that drains.
const DRAINING_VALUE: &str = "true";

/// Let others take over what a host runs
///
/// The host gets the label `weft.draining`: it takes nothing new, and the manager lets other hosts run what applications
/// deployed there before it ends there. Waits until the host runs nothing, which then can be stopped without anybody
/// noticing. What was started by hand belongs to no application, and nobody moves it: `--stop-rest` stops it. A host that is
/// started again drains no more. Asks first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft host drain quiet-river          Let others take over, and return when it runs nothing
  weft host drain quiet-river --stop-rest --yes
                                       Stop also what was started by hand, without being asked
  weft host drain quiet-river --undo   Let it take work again
  weft host drain quiet-river && weft host stop quiet-river")]
pub(crate) struct DrainArgs {
    /// The host: its id, the beginning of it, or its name
    host: String,

    /// Stop what belongs to no application, which nobody would move
    #[arg(long, env = "WEFT_STOP_REST", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    stop_rest: bool,

    /// Let the host take work again
    #[arg(
        long, visible_alias = "cancel", env = "WEFT_UNDO", value_parser = BoolishValueParser::new(), hide_env_values = true,
        conflicts_with = "stop_rest"
    )]
    undo: bool,

    /// Do not ask
    #[arg(long, short, env = "WEFT_YES", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    yes: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Why a host is not drained.
#[derive(Debug, thiserror::Error)]
pub(super) enum DrainError {
    /// The host is none of Weft.
    #[error("host `{host}` runs version {version}, which cannot drain")]
    Foreign {
        /// Its name.
        host: String,
        /// Its version.
        version: String,
    },
    /// Something is left that nobody moves.
    #[error("host `{host}` takes nothing new, but {} nobody moves", left(problems.len()))]
    Rest {
        /// Its name.
        host: String,
        /// What is left.
        problems: Vec<Problem>,
    },
}

fn left(parts: usize) -> String {
    match parts {
        1 => "1 part is left that".to_owned(),
        parts => format!("{} are left that", count(parts, "part")),
    }
}

/// What was done with the host.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    /// It runs nothing, and takes nothing new.
    Drained,
    /// It takes work again.
    Undone,
    /// It takes nothing new; that it is empty was not waited for.
    Acknowledged,
}

/// A host was drained, or takes work again.
#[derive(Debug, Serialize)]
struct DrainView {
    schema_version: SchemaVersion,
    /// Its id.
    host: String,
    /// Its name.
    host_name: String,
    /// What was done.
    status: Deed,
    /// How many components and providers it ran before.
    parts: usize,
    /// How long it took.
    elapsed_ms: u64,
}

/// Drains the host after asking, and waits unless told otherwise.
pub(crate) async fn run(args: &DrainArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(DRAIN_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let host = target_host(&lattice, &args.host).await?;
    // Hosts of 1.9 would take the label and go on as before.
    if host.passed.is_none() {
        return Err(DrainError::Foreign {
            host: host.friendly_name.clone(),
            version: host.version.clone(),
        }
        .into());
    }
    if !args.undo && !args.yes {
        confirm(args, &host, context).await?;
    }
    let is_draining = is_draining(&host.labels);
    if args.undo == is_draining {
        let waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
        let value = (!args.undo).then_some(DRAINING_VALUE);
        let console = &mut context.console;
        set_label(&lattice, &host, (DRAINING_LABEL, value), waiter, console).await?;
    }
    let status = match (args.undo, args.wait.no_wait) {
        (true, _) => Deed::Undone,
        (false, true) => Deed::Acknowledged,
        (false, false) => Deed::Drained,
    };
    if status == Deed::Drained {
        until_empty(&lattice, &host, args.stop_rest, begun, timeout, context).await?;
    }
    context.show(&DrainView {
        schema_version: SchemaVersion,
        host: host.host.to_string(),
        host_name: host.friendly_name.clone(),
        status,
        parts: parts(&host).count(),
        elapsed_ms: millis(begun.elapsed()),
    });
    Ok(())
}

async fn confirm(
    args: &DrainArgs,
    host: &HostInventory,
    context: &mut Context,
) -> Result<(), Failure> {
    let name = &host.friendly_name;
    let what = count(parts(host).count(), "part");
    let rest = parts(host).filter(|part| part.is_stray).count();
    let stops = match (args.stop_rest, rest) {
        (false, _) | (_, 0) => String::new(),
        (true, rest) => format!(", and stops {} of no application", count(rest, "part")),
    };
    let action = format!("draining host `{name}`");
    let consequence = format!("this moves {what} away from host `{name}`{stops}.");
    context.console.confirm(&action, &consequence).await?;
    Ok(())
}

// ===== impl DrainError =====

impl Coded for DrainError {
    fn code(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "CTL008",
            Self::Rest { .. } => "CTL009",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Foreign { host, .. } | Self::Rest { host, .. } => host.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Foreign { .. } => vec![
                "give it another label with `weft label`, and require what it has not in manifests"
                    .to_owned(),
            ],
            Self::Rest { .. } => vec![
                "start it elsewhere by hand, and stop it here".to_owned(),
                "`--stop-rest` stops it".to_owned(),
            ],
        }
    }
}

impl From<DrainError> for Failure {
    fn from(error: DrainError) -> Self {
        match &error {
            DrainError::Foreign { .. } => Self::new(Status::Rejected, &error),
            DrainError::Rest { problems, .. } => {
                let problems = problems.clone();
                Self::new(Status::Differs, &error).with_problems(problems)
            }
        }
    }
}

// ===== impl DrainView =====

impl View for DrainView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let name = &self.host_name;
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let parts = count(self.parts, "part");
        vec![Block::Done(match self.status {
            Deed::Drained if self.parts == 0 => {
                format!("host `{name}` runs nothing, and takes nothing new")
            }
            Deed::Drained => format!(
                "drained host `{name}` of {parts}, in {elapsed}; it runs nothing, and takes nothing new"
            ),
            Deed::Undone => format!("host `{name}` takes work again"),
            Deed::Acknowledged => {
                format!("host `{name}` takes nothing new, and gives {parts} to others")
            }
        })]
    }

    fn names(&self) -> Vec<String> {
        vec![self.host.clone()]
    }
}
