//! `weft host`: list, drain and stop hosts.

pub(crate) mod drain;
pub(crate) mod stop;

use clap::{Args, Subcommand};

use super::get::hosts::{self, HostsArgs};
use crate::context::Context;
use crate::failure::Failure;

/// List, drain and stop hosts
#[derive(Args, Debug)]
#[command(
    visible_alias = "hosts",
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft host list                       See who is in the lattice
  weft host drain quiet-river          Let others take over what a host runs
  weft host stop quiet-river           Stop it, wherever it is"
)]
pub(crate) struct HostArgs {
    #[command(subcommand)]
    command: HostCommand,
}

/// What to do with hosts.
#[derive(Debug, Subcommand)]
enum HostCommand {
    #[command(
        name = "list",
        visible_aliases = ["ls", "get"],
        after_help = "\
Examples:
  weft host list                       See who is in the lattice
  weft host list -o wide               See whole ids and labels too
  weft host list --timeout 5s          Give distant hosts more time to answer"
    )]
    List(HostsArgs),
    Drain(drain::DrainArgs),
    Stop(stop::StopArgs),
}

/// Runs the subcommand.
pub(crate) async fn run(args: HostArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        HostCommand::List(args) => hosts::run(&args, context).await,
        HostCommand::Drain(args) => Box::pin(drain::run(&args, context)).await,
        HostCommand::Stop(args) => Box::pin(stop::run(&args, context)).await,
    }
}
