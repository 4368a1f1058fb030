//! The commands, one file per verb: its arguments, what it does, and the view it returns.

pub(crate) mod app;
mod awaited;
pub(crate) mod call;
pub(crate) mod claims;
pub(crate) mod completions;
pub(crate) mod component;
pub(crate) mod config;
pub(crate) mod down;
pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod host;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod label;
pub(crate) mod lattice;
pub(crate) mod link;
mod outcome;
pub(crate) mod par;
mod placing;
pub(crate) mod provider;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod spy;
mod stopping;
pub(crate) mod up;
pub(crate) mod user;
pub(crate) mod verb;
pub(crate) mod watch;

use crate::arguments::Command;
use crate::commands::up::UpRunner;
use crate::context::Context;
use crate::failure::Failure;

/// Runs a command.
pub(crate) async fn run(
    command: Command,
    context: &mut Context,
    up: impl UpRunner,
) -> Result<(), Failure> {
    match command {
        Command::Up(args) => up::run(*args, context, up).await,
        Command::Down(args) => down::run(&args, context).await,
        Command::App(args) => app::run(args, context).await,
        Command::Get(args) => get::run(args, context).await,
        Command::Component(args) => component::run(args, context).await,
        Command::Provider(args) => provider::run(args, context).await,
        Command::Link(args) => link::run(args, context).await,
        Command::Config(args) => config::run(args, context).await,
        Command::Label(args) => Box::pin(label::run(&args, context)).await,
        Command::Host(args) => host::run(args, context).await,
        Command::Watch(args) => watch::run(&args, context).await,
        Command::Start(args) => verb::start(args, context).await,
        Command::Stop(args) => verb::stop(args, context).await,
        Command::Scale(args) => verb::scale(args, context).await,
        Command::Update(args) => verb::update(args, context).await,
        Command::Call(args) => Box::pin(call::run(&args, context)).await,
        Command::Spy(args) => Box::pin(spy::run(&args, context)).await,
        Command::Lattice(args) => lattice::run(args, context).await,
        Command::User(args) => user::run(args, context).await,
        Command::Push(args) => push::run(&args, context).await,
        Command::Pull(args) => pull::run(&args, context).await,
        Command::Inspect(args) => inspect::run(&args, context).await,
        Command::Par(args) => par::run(args, context).await,
        Command::Claims(args) => claims::run(args, context).await,
        Command::Keys(args) => keys::run(args, context),
        Command::Explain(args) => explain::run(&args, context),
        Command::Completions(args) => {
            completions::run(&args, context);
            Ok(())
        }
    }
}
