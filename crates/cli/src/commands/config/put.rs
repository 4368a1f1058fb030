//! `weft config put`: give a config values.

use std::time::Instant;

use clap::Args;
use weft_lattice::control::Expected;
use weft_model::id::ConfigName;

use super::values::read_values;
use super::view::{ChangeView, Deed};
use crate::arguments::parse_pair;
use crate::commands::outcome::{CHANGE_TIMEOUT, Ended, Goal, WaitArgs, Waiter, accepted};
use crate::context::Context;
use crate::failure::Failure;
use crate::view::{SchemaVersion, millis};

/// Give a config values
///
/// All values are replaced. Files have lines of `KEY=VALUE`, or an object of JSON whose values are texts; values among the
/// arguments come before those of files.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft config put web-words greeting=Hi color=red
  weft config put web-words --file words.env color=blue
  generate | weft config put web-words --file -")]
pub(crate) struct PutArgs {
    /// The config
    name: ConfigName,

    /// Values
    #[arg(value_name = "KEY=VALUE", value_parser = parse_pair, required_unless_present = "file")]
    values: Vec<(String, String)>,

    /// File with values, `-` for standard input; may be given several times, later ones win
    #[arg(
        long,
        visible_alias = "from-file",
        short = 'f',
        env = "WEFT_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    file: Vec<String>,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Puts the config, and waits unless told otherwise.
pub(crate) async fn run(args: &PutArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let values = read_values(context, &args.file, &args.values)?;
    let timeout = context.timeout_or(CHANGE_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let mut waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
    let goal = Goal::new(format!("config `{}`", args.name), "put");
    let control = waiter.control(&lattice);
    let answer = control.put_config(&args.name, &values).await;
    accepted(answer, &goal, lattice.name())?;
    let look = async || {
        let now = lattice.control().config(&args.name).await;
        now.is_ok_and(|now| now.as_ref() == Some(&values))
    };
    let expected = Expected::ConfigSet(args.name.clone());
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    context.show(&ChangeView {
        schema_version: SchemaVersion,
        name: args.name.to_string(),
        status: match ended {
            Ended::Unawaited => Deed::Acknowledged,
            Ended::Told(_) | Ended::Seen => Deed::Put,
        },
        keys: values.into_keys().collect(),
        elapsed_ms: millis(waiter.elapsed()),
    });
    Ok(())
}
