//! `weft get`: what is in a lattice.

mod claims;
pub(crate) mod config;
mod error;
mod find;
pub(crate) mod hosts;
mod inventory;
pub(crate) mod links;

pub(crate) use error::GetError;
pub(crate) use find::{all_hosts, hosts_where, inspect, target_host};
pub(crate) use hosts::short_id;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

/// Show what is in the lattice: hosts, what they run, links, configs
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft get hosts                       See who is in the lattice
  weft get inventory                   See what runs where
  weft get links                       See who may call whom
  weft get config                      See the configs that applications use
  weft get claims                      See who signed what"
)]
pub(crate) struct GetArgs {
    #[command(subcommand)]
    command: GetCommand,
}

/// What to show.
#[derive(Debug, Subcommand)]
enum GetCommand {
    Hosts(hosts::HostsArgs),
    Inventory(inventory::InventoryArgs),
    Links(links::LinksArgs),
    Config(config::ConfigArgs),
    Claims(claims::ClaimsArgs),
}

/// Runs the subcommand.
pub(crate) async fn run(args: GetArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        GetCommand::Hosts(args) => hosts::run(&args, context).await,
        GetCommand::Inventory(args) => inventory::run(&args, context).await,
        GetCommand::Links(args) => links::run(&args, context).await,
        GetCommand::Config(args) => config::run(&args, context).await,
        GetCommand::Claims(args) => claims::run(&args, context).await,
    }
}
