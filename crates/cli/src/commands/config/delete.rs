//! `weft config del`: delete a config.

use std::time::Instant;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::control::Expected;
use weft_model::id::ConfigName;

use super::view::{ChangeView, Deed};
use crate::commands::get::config::find;
use crate::commands::outcome::{CHANGE_TIMEOUT, Ended, Goal, WaitArgs, Waiter, accepted};
use crate::context::Context;
use crate::failure::Failure;
use crate::view::{SchemaVersion, millis};

/// Delete a config
///
/// What names it and runs goes on without its values; what names it cannot be started any more. Asks first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft config del web-words
  weft config del web-words --yes      Do not ask, such as in a script")]
pub(crate) struct DeleteArgs {
    /// The config
    name: ConfigName,

    /// Do not ask
    #[arg(long, short, env = "WEFT_YES", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    yes: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Deletes the config after asking, and waits unless told otherwise.
pub(crate) async fn run(args: &DeleteArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(CHANGE_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let name = &args.name;
    find(&lattice, name).await?;
    if !args.yes {
        let action = format!("deleting config `{name}`");
        let consequence = format!("this deletes config `{name}`; what names it loses its values.");
        context.console.confirm(&action, &consequence).await?;
    }
    let mut waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
    let goal = Goal::new(format!("config `{name}`"), "deleted");
    let answer = waiter.control(&lattice).delete_config(name).await;
    accepted(answer, &goal, lattice.name())?;
    let look = async || {
        find(&lattice, name)
            .await
            .is_err_and(|error| error.is_missing())
    };
    let expected = Expected::ConfigDeleted(name.clone());
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    context.show(&ChangeView {
        schema_version: SchemaVersion,
        name: name.to_string(),
        status: match ended {
            Ended::Unawaited => Deed::Acknowledged,
            Ended::Told(_) | Ended::Seen => Deed::Deleted,
        },
        keys: Vec::new(),
        elapsed_ms: millis(waiter.elapsed()),
    });
    Ok(())
}
