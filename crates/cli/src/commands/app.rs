//! `weft app`: applications.

pub(crate) mod address;
mod delete;
pub(crate) mod deploy;
mod error;
mod get;
mod judge;
mod list;
pub(crate) mod manifest;
mod pulling;
mod put;
pub(crate) mod source;
pub(crate) mod status;
mod undeploy;
mod validate;
mod wait;

pub(crate) use error::AppError;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

/// Deploy applications and look after them
///
/// An application is a manifest: which components and capabilities run, how often and where, and who may call whom. Each
/// manifest that is put is a version of its application; the deployed version is the one that runs.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft app validate shop.yaml          Check a manifest
  weft app deploy shop.yaml            Deploy it, and again after each change
  weft app status shop --watch         Follow how far it is
  weft app undeploy shop               Stop it, and keep its versions"
)]
pub(crate) struct AppArgs {
    #[command(subcommand)]
    command: AppCommand,
}

/// What to do with applications.
#[derive(Debug, Subcommand)]
enum AppCommand {
    Deploy(deploy::DeployArgs),
    Put(put::PutArgs),
    Validate(validate::ValidateArgs),
    List(list::ListArgs),
    Status(status::StatusArgs),
    Get(get::GetArgs),
    Undeploy(undeploy::UndeployArgs),
    Delete(delete::DeleteArgs),
}

/// Runs the subcommand.
pub(crate) async fn run(args: AppArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        AppCommand::Deploy(args) => Box::pin(deploy::run(&args, context)).await,
        AppCommand::Put(args) => put::run(&args, context).await,
        AppCommand::Validate(args) => validate::run(&args, context),
        AppCommand::List(args) => list::run(&args, context).await,
        AppCommand::Status(args) => status::run(&args, context).await,
        AppCommand::Get(args) => get::run(&args, context).await,
        AppCommand::Undeploy(args) => undeploy::run(&args, context).await,
        AppCommand::Delete(args) => delete::run(&args, context).await,
    }
}
