//! `weft lattice`: the lattice as a whole, and what it is kept in.

mod copy;
mod info;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

/// Look at what a lattice is kept in, and move it
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft lattice info                    See the NATS server, and what it keeps
  weft lattice copy --to nats://nats.example:4222
                                       Move to a nats-server, when one machine is not enough"
)]
pub(crate) struct LatticeArgs {
    #[command(subcommand)]
    command: LatticeCommand,
}

/// What to do with a lattice.
#[derive(Debug, Subcommand)]
enum LatticeCommand {
    Info(info::InfoArgs),
    Copy(copy::CopyArgs),
}

/// Runs the subcommand.
pub(crate) async fn run(args: LatticeArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        LatticeCommand::Info(args) => info::run(&args, context).await,
        LatticeCommand::Copy(args) => copy::run(&args, context).await,
    }
}
