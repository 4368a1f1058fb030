//! `weft config`: named sets of values.

pub(crate) mod delete;
pub(crate) mod put;
mod values;
mod view;

use clap::{Args, Subcommand};
use weft_model::id::ConfigName;

use super::get::config::{show_all, show_one};
use crate::context::Context;
use crate::failure::Failure;

/// Put, show, delete and list configs
///
/// Components, providers and links name the configs that they read; what is changed reaches those that run. Configs that an
/// application brings along are kept as its manifest says: change the manifest instead.
#[derive(Args, Debug)]
#[command(
    visible_alias = "configs",
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft config put web-words greeting=Hi color=red
  weft config put web-words --file words.env
  weft config get web-words            Show its values
  weft config list                     See all configs
  weft config del web-words            Delete it"
)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

/// What to do with configs.
#[derive(Debug, Subcommand)]
enum ConfigCommand {
    Put(Box<put::PutArgs>),
    Get(GetArgs),
    #[command(name = "del", visible_aliases = ["delete", "rm"])]
    Delete(delete::DeleteArgs),
    List(ListArgs),
}

/// List the configs
///
/// References to secrets are configs too, whose names begin with `SECRET`; the secrets themselves are not in the lattice.
#[derive(Args, Debug)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  weft config list
  weft config list -o name"
)]
struct ListArgs {}

/// Show the values of a config
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft config get web-words
  weft config get web-words -o json")]
struct GetArgs {
    /// The config
    name: ConfigName,
}

/// Runs the subcommand.
pub(crate) async fn run(args: ConfigArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        ConfigCommand::Put(args) => Box::pin(put::run(&args, context)).await,
        ConfigCommand::Get(args) => show_one(&args.name, context).await,
        ConfigCommand::Delete(args) => Box::pin(delete::run(&args, context)).await,
        ConfigCommand::List(ListArgs {}) => show_all(context).await,
    }
}
