//! `weft claims`: what the signers of components say of them.

mod inspect;
mod sign;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

/// Sign components, and look at what their signers say
///
/// Claims are a token in the component: who signed it, what it is called, and what its content hashes to. Hosts refuse
/// components whose claims do not hold; those without claims run too.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft claims sign web.wasm --name web --version 1.2.0
                                       Sign a component into web_s.wasm
  weft claims inspect web_s.wasm       See what its claims say, and whether they hold
  weft get claims                      See the claims of what runs in the lattice"
)]
pub(crate) struct ClaimsArgs {
    #[command(subcommand)]
    command: ClaimsCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum ClaimsCommand {
    Sign(Box<sign::SignArgs>),
    Inspect(Box<inspect::InspectArgs>),
}

/// Runs the subcommand.
pub(crate) async fn run(args: ClaimsArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        ClaimsCommand::Sign(args) => sign::run(&args, context),
        ClaimsCommand::Inspect(args) => inspect::run(&args, context).await,
    }
}
