//! `weft provider`: start and stop providers.

pub(crate) mod start;
pub(crate) mod stop;
mod view;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

/// Start and stop providers
///
/// What an application deployed is kept as its manifest says: change the manifest instead. Each command waits until a host
/// tells what became of it.
#[derive(Args, Debug)]
#[command(
    visible_alias = "providers",
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft provider start ghcr.io/wasmcloud/http-server:0.28.0 http
                                       Start a provider on a host that takes it
  weft provider stop http              Stop it, wherever it runs"
)]
pub(crate) struct ProviderArgs {
    #[command(subcommand)]
    command: ProviderCommand,
}

/// What to do with providers.
#[derive(Debug, Subcommand)]
enum ProviderCommand {
    Start(Box<start::StartArgs>),
    Stop(Box<stop::StopArgs>),
}

/// Runs the subcommand.
pub(crate) async fn run(args: ProviderArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        ProviderCommand::Start(args) => Box::pin(start::run(&args, context)).await,
        ProviderCommand::Stop(args) => Box::pin(stop::run(&args, context)).await,
    }
}
