//! `weft keys`: keys that sign, and those that things are known by.

mod generate;
mod get;
mod list;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;
use crate::keyring::Keyring;

/// Make and show keys: those that sign, and those that components, providers and hosts are known by
///
/// Keys are nkeys, as NATS and wasmCloud have them. They are kept in files for their owner alone.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft keys gen account account        Make the key that signs your components
  weft keys list                       See which keys there are
  weft keys get account                Show the public half of one"
)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum KeysCommand {
    Gen(generate::GenArgs),
    List(list::ListArgs),
    Get(get::GetArgs),
}

/// Where keys are.
#[derive(Args, Clone, Debug)]
struct PlaceArgs {
    /// Directory of keys [default: `keys` in the data directory]
    #[arg(
        long,
        env = "WEFT_KEYS_DIR",
        value_name = "DIR",
        hide_env_values = true
    )]
    keys_dir: Option<PathBuf>,
}

/// Runs the subcommand.
pub(crate) fn run(args: KeysArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        KeysCommand::Gen(args) => generate::run(&args, context),
        KeysCommand::List(args) => list::run(&args, context),
        KeysCommand::Get(args) => get::run(&args, context),
    }
}

fn keyring(place: &PlaceArgs, context: &Context) -> Result<Keyring, Failure> {
    let dir = place.keys_dir.as_ref();
    let dir = dir.map(|dir| context.directory.join(dir));
    Ok(Keyring::new(dir, &context.data_dir()?))
}
