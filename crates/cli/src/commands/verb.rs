//! Commands in the order of words that the command line of wasmCloud 1.9 has, for hands that know it: `weft start component`
//! is `weft component start`. They are in no help.

use clap::{Args, Subcommand};

use super::{component, host, provider};
use crate::context::Context;
use crate::failure::Failure;

/// Start a component or provider
#[derive(Args, Debug)]
#[command(
    hide = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft start component ghcr.io/shop/web:1.0.0 web"
)]
pub(crate) struct StartArgs {
    #[command(subcommand)]
    noun: StartNoun,
}

/// What to start.
#[derive(Debug, Subcommand)]
enum StartNoun {
    Component(Box<component::start::StartArgs>),
    Provider(Box<provider::start::StartArgs>),
}

/// Stop a component, provider or host
#[derive(Args, Debug)]
#[command(
    hide = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft stop component web"
)]
pub(crate) struct StopArgs {
    #[command(subcommand)]
    noun: StopNoun,
}

/// What to stop.
#[derive(Debug, Subcommand)]
enum StopNoun {
    Component(Box<component::stop::StopArgs>),
    Provider(Box<provider::stop::StopArgs>),
    Host(Box<host::stop::StopArgs>),
}

/// Scale a component
#[derive(Args, Debug)]
#[command(
    hide = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft scale component quiet-river ghcr.io/shop/web:1.0.0 web --max-instances 5"
)]
pub(crate) struct ScaleArgs {
    #[command(subcommand)]
    noun: ScaleNoun,
}

/// What to scale.
#[derive(Debug, Subcommand)]
enum ScaleNoun {
    Component(Box<component::scale::ScaleArgs>),
}

/// Update a component
#[derive(Args, Debug)]
#[command(
    hide = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft update component quiet-river web ghcr.io/shop/web:1.1.0"
)]
pub(crate) struct UpdateArgs {
    #[command(subcommand)]
    noun: UpdateNoun,
}

/// What to update.
#[derive(Debug, Subcommand)]
enum UpdateNoun {
    Component(Box<component::update::UpdateArgs>),
}

/// Starts it.
pub(crate) async fn start(args: StartArgs, context: &mut Context) -> Result<(), Failure> {
    match args.noun {
        StartNoun::Component(args) => Box::pin(component::start::run(&args, context)).await,
        StartNoun::Provider(args) => Box::pin(provider::start::run(&args, context)).await,
    }
}

/// Stops it.
pub(crate) async fn stop(args: StopArgs, context: &mut Context) -> Result<(), Failure> {
    match args.noun {
        StopNoun::Component(args) => Box::pin(component::stop::run(&args, context)).await,
        StopNoun::Provider(args) => Box::pin(provider::stop::run(&args, context)).await,
        StopNoun::Host(args) => Box::pin(host::stop::run(&args, context)).await,
    }
}

/// Scales it.
pub(crate) async fn scale(args: ScaleArgs, context: &mut Context) -> Result<(), Failure> {
    let ScaleNoun::Component(args) = args.noun;
    Box::pin(component::scale::run(&args, context)).await
}

/// Updates it.
pub(crate) async fn update(args: UpdateArgs, context: &mut Context) -> Result<(), Failure> {
    let UpdateNoun::Component(args) = args.noun;
    Box::pin(component::update::run(&args, context)).await
}
