//! Builds guests, runs the demo, the checks and the benches of Weft: `cargo xtask <COMMAND>`.

#![forbid(unsafe_code)]

mod bench;
mod check;
mod demo;
mod guests;
mod http;
mod install;
mod node;
mod process;
mod terminal;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Builds guests, runs the demo, the checks and the benches of Weft.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Arguments),
    Demo(demo::Arguments),
    Guests(guests::Arguments),
    Test(check::Arguments),
    Tidy(tidy::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    match arguments.command {
        Command::Bench(arguments) => bench::run(&workspace, &arguments),
        Command::Demo(arguments) => demo::run(&workspace, &arguments),
        Command::Guests(arguments) => guests::run(&workspace, &arguments),
        Command::Test(arguments) => check::run(&workspace, &arguments),
        Command::Tidy(tidy::Arguments {}) => tidy::run(&workspace),
    }
}
