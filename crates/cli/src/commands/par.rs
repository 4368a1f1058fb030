//! `weft par`: archives that providers come in.

mod binary;
mod create;
mod insert;
mod inspect;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

/// Make provider archives, and look into them
///
/// An archive holds a provider's program for each platform, and signed claims with their hashes. Hosts run those alone whose
/// claims hold.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft par create target/release/echo --name echo --vendor acme
                                       Make echo.par.gz of a program for this platform
  weft par insert echo.par.gz build/echo-arm --target aarch64-linux
                                       Put the program for another platform in
  weft par inspect echo.par.gz         See what is in it"
)]
pub(crate) struct ParArgs {
    #[command(subcommand)]
    command: ParCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum ParCommand {
    Create(Box<create::CreateArgs>),
    Insert(Box<insert::InsertArgs>),
    Inspect(Box<inspect::InspectArgs>),
}

/// Runs the subcommand.
pub(crate) async fn run(args: ParArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        ParCommand::Create(args) => create::run(&args, context),
        ParCommand::Insert(args) => insert::run(&args, context),
        ParCommand::Inspect(args) => inspect::run(&args, context).await,
    }
}
