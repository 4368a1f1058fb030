//! `weft user`: who may connect to the built-in NATS server.

mod add;
mod error;
mod list;
mod revoke;
mod view;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use weft_broker::UserStore;
use weft_node::DataDir;

use self::error::UserError;
use crate::context::Context;
use crate::failure::Failure;

/// The directory of users in the data directory.
const AUTH_DIR: &str = "auth";

/// Say who may connect to the built-in NATS server of `weft up --auth`
///
/// Users are in the data directory. A `weft up` that runs with it notices changes within a second; none has to run.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft user add ada                    Make a user, and write its credentials to ada.creds
  weft user list                       See who may connect
  weft user revoke ada                 Let a user in no more, and cut its connections"
)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum UserCommand {
    Add(Box<add::AddArgs>),
    List(list::ListArgs),
    Revoke(revoke::RevokeArgs),
}

/// Runs the subcommand.
pub(crate) async fn run(args: UserArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        UserCommand::Add(args) => add::run(&args, context).await,
        UserCommand::List(args) => list::run(&args, context),
        UserCommand::Revoke(args) => revoke::run(&args, context),
    }
}

/// The users of the data directory, which is made if it is not there.
fn open(context: &Context) -> Result<UserStore, Failure> {
    let data_dir = context.data_dir()?;
    DataDir::make(&data_dir).map_err(UserError::DataDir)?;
    let store = UserStore::open(data_dir.join(AUTH_DIR)).map_err(UserError::Store)?;
    Ok(store)
}

/// As [`open`], but `None` where there are none yet.
fn open_if_there(context: &Context) -> Result<Option<UserStore>, Failure> {
    let directory: PathBuf = context.data_dir()?.join(AUTH_DIR);
    if directory.exists() {
        open(context).map(Some)
    } else {
        Ok(None)
    }
}
