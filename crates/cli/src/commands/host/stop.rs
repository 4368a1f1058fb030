//! `weft host stop`: stop a host, wherever it is.

use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_lattice::RequestError;
use weft_lattice::control::{ControlError, Expected};

use crate::arguments::parse_duration;
use crate::commands::get::target_host;
use crate::commands::outcome::{Ended, Goal, STOP_TIMEOUT, WaitArgs, Waiter, accepted};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{count, render_elapsed};
use crate::view::{Block, SchemaVersion, View, millis};

/// Stop a host, wherever it is
///
/// What runs there ends with it; what applications deployed is started elsewhere afterwards. `weft host drain` before lets
/// others take over first. Asks first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft host drain quiet-river && weft host stop quiet-river
                                       Stop it without downtime
  weft host stop NABC --yes            Do not ask, such as in a script
  weft host stop quiet-river --shutdown-timeout 30s")]
pub(crate) struct StopArgs {
    /// The host: its id, the beginning of it, or its name
    host: String,

    /// How long it may take to end what it runs [default: as the host decides]
    #[arg(
        long, visible_alias = "host-shutdown-timeout", env = "WEFT_SHUTDOWN_TIMEOUT", value_name = "DURATION",
        value_parser = parse_duration, hide_env_values = true
    )]
    shutdown_timeout: Option<Duration>,

    /// Do not ask
    #[arg(long, short, env = "WEFT_YES", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    yes: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// A host was stopped.
#[derive(Debug, Serialize)]
struct StopView {
    schema_version: SchemaVersion,
    /// Its id.
    host: String,
    /// Its name.
    host_name: String,
    /// Whether it is known to stop.
    is_stopped: bool,
    /// How long it took.
    elapsed_ms: u64,
}

/// Stops the host after asking, and waits unless told otherwise.
pub(crate) async fn run(args: &StopArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(STOP_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let host = target_host(&lattice, &args.host).await?;
    let name = &host.friendly_name;
    if !args.yes {
        let parts = host.components.len() + host.providers.len();
        let action = format!("stopping host `{name}`");
        let what = match parts {
            0 => "which runs nothing".to_owned(),
            parts => format!("with {} that it runs", count(parts, "part")),
        };
        let consequence = format!("this stops host `{name}`, {what}.");
        context.console.confirm(&action, &consequence).await?;
    }
    let mut waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
    let goal = Goal::new(format!("host `{name}`"), "stopped");
    let control = waiter.control(&lattice);
    let answer = control.stop_host(&host.host, args.shutdown_timeout).await;
    accepted(answer, &goal, lattice.name())?;
    let look = async || {
        let answer = lattice.control().inventory(&host.host).await;
        matches!(
            answer,
            Err(ControlError::Request {
                source: RequestError::NoResponders { .. },
                ..
            })
        )
    };
    let expected = Expected::HostStopped(host.host.clone());
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    context.show(&StopView {
        schema_version: SchemaVersion,
        host: host.host.to_string(),
        host_name: name.clone(),
        is_stopped: !matches!(ended, Ended::Unawaited),
        elapsed_ms: millis(waiter.elapsed()),
    });
    Ok(())
}

// ===== impl StopView =====

impl View for StopView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let name = &self.host_name;
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        vec![Block::Done(if self.is_stopped {
            format!("stopped host `{name}`, in {elapsed}")
        } else {
            format!("`{name}` takes the request to stop")
        })]
    }

    fn names(&self) -> Vec<String> {
        vec![self.host.clone()]
    }
}
