//! The arguments of the program.

mod global;
mod registry;
mod value;

pub(crate) use global::GlobalArgs;
pub(crate) use registry::{LoginArgs, RegistryArgs};
pub(crate) use value::{
    parse_address, parse_bytes, parse_duration, parse_label, parse_lifetime, parse_pair,
    parse_token,
};

use clap::{Parser, Subcommand};

use crate::commands::app::AppArgs;
use crate::commands::call::CallArgs;
use crate::commands::claims::ClaimsArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::component::ComponentArgs;
use crate::commands::config::ConfigArgs;
use crate::commands::down::DownArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::get::GetArgs;
use crate::commands::host::HostArgs;
use crate::commands::inspect::InspectArgs;
use crate::commands::keys::KeysArgs;
use crate::commands::label::LabelArgs;
use crate::commands::lattice::LatticeArgs;
use crate::commands::link::LinkArgs;
use crate::commands::par::ParArgs;
use crate::commands::provider::ProviderArgs;
use crate::commands::pull::PullArgs;
use crate::commands::push::PushArgs;
use crate::commands::spy::SpyArgs;
use crate::commands::up::UpArgs;
use crate::commands::user::UserArgs;
use crate::commands::verb::{ScaleArgs, StartArgs, StopArgs, UpdateArgs};
use crate::commands::watch::WatchArgs;

/// The heading of options that every command has.
pub(crate) const GLOBAL_HEADING: &str = "Global options";

const EXAMPLES: &str = "\
Examples:
  weft up                              Start a lattice on this machine
  weft app deploy shop.yaml            Deploy an application to it, and wait until it runs
  weft app status shop                 See how far it is, and what is in its way
  weft get hosts                       See who is in the lattice
  weft watch                           See what happens in it
  weft call cart demo:shop/cart.total  Call a function of a component
  weft explain APP014                  Read about an error

`weft COMMAND --help` tells more about a command. Each option can be given by the environment variable that its help names.";

/// Run WebAssembly components as a lattice
///
/// Weft runs applications made of WebAssembly components: it places them on hosts, links them, serves them and keeps them
/// running. One binary is a lattice on a laptop, a host at the edge, or a member of a fleet.
#[derive(Debug, Parser)]
#[command(
    name = "weft",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(Box<UpArgs>),
    Down(DownArgs),
    App(AppArgs),
    Get(GetArgs),
    Component(ComponentArgs),
    Provider(ProviderArgs),
    Link(LinkArgs),
    Config(ConfigArgs),
    Label(Box<LabelArgs>),
    Host(HostArgs),
    Watch(Box<WatchArgs>),
    Call(Box<CallArgs>),
    Spy(SpyArgs),
    Lattice(LatticeArgs),
    User(UserArgs),
    Push(Box<PushArgs>),
    Pull(Box<PullArgs>),
    Inspect(Box<InspectArgs>),
    Par(ParArgs),
    Claims(ClaimsArgs),
    Keys(KeysArgs),
    Explain(ExplainArgs),
    Completions(CompletionsArgs),
    Start(StartArgs),
    Stop(StopArgs),
    Scale(ScaleArgs),
    Update(UpdateArgs),
}

#[cfg(test)]
mod tests;
