//! `weft component`: start components, scale, update and stop them.

pub(crate) mod scale;
pub(crate) mod spec;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod update;
mod view;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

/// Start components, scale, update and stop them
///
/// What an application deployed is kept as its manifest says: change the manifest instead. Each command waits until a host
/// tells what became of it.
#[derive(Args, Debug)]
#[command(
    visible_alias = "components",
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft component start ghcr.io/shop/web:1.0.0 web --max-instances 50
                                       Start a component on a host that takes it
  weft component scale quiet-river ghcr.io/shop/web:1.0.0 web --max-instances 100
                                       Let more of its calls run at once on a host
  weft component update quiet-river web ghcr.io/shop/web:1.1.0
                                       Exchange its image without downtime
  weft component stop web              Stop it, wherever it runs"
)]
pub(crate) struct ComponentArgs {
    #[command(subcommand)]
    command: ComponentCommand,
}

/// What to do with components.
#[derive(Debug, Subcommand)]
enum ComponentCommand {
    Start(Box<start::StartArgs>),
    Scale(Box<scale::ScaleArgs>),
    Update(Box<update::UpdateArgs>),
    Stop(Box<stop::StopArgs>),
}

/// Runs the subcommand.
pub(crate) async fn run(args: ComponentArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        ComponentCommand::Start(args) => Box::pin(start::run(&args, context)).await,
        ComponentCommand::Scale(args) => Box::pin(scale::run(&args, context)).await,
        ComponentCommand::Update(args) => Box::pin(update::run(&args, context)).await,
        ComponentCommand::Stop(args) => Box::pin(stop::run(&args, context)).await,
    }
}
