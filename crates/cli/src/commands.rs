//! The commands, one file per verb: its arguments, what it does, and the view it returns.

pub(crate) mod app;
pub(crate) mod claims;
pub(crate) mod completions;
pub(crate) mod down;
pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod lattice;
pub(crate) mod par;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod up;
pub(crate) mod user;

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
