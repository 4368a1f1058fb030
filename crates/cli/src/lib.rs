//! The command line of Weft: arguments, commands, views, and how they are printed.
//!
//! The program makes a [`Cli`] with [`parse`], calls [`run`], and exits with the [`Status`] that it returns. Commands return views, values
//! that say everything; renderers make tables, JSON, YAML or names of them, so that text and JSON cannot disagree. Data goes
//! to standard output, everything else to standard error.
//!
//! ```text
//! Cli ──► run ──► Context (console, directories, way to the lattice)
//!                    │
//!                    └─► command ──► view ──► table | wide | json | yaml | name
//!                            └─────► Failure: message, causes, problems, hints, code, exit status
//! ```
//!
//! The crate starts no roles itself: what `weft up` asks for is an [`UpOptions`], which an [`UpRunner`] runs. It knows
//! no Wasmtime, and decides nothing about hosts or applications: they are asked over the lattice, as by any other client.
//!
//! ```no_run
//! use weft_cli::{Failure, UpOptions, UpRunner};
//!
//! struct Node;
//!
//! impl UpRunner for Node {
//!     async fn run(self, options: UpOptions) -> Result<(), Failure> {
//!         drop(options);
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::process::ExitCode {
//!     match weft_cli::parse(std::env::args_os()) {
//!         Ok(cli) => weft_cli::run(cli, Node).await.into(),
//!         Err(status) => status.into(),
//!     }
//! }
//! ```

#![forbid(unsafe_code)]

mod arguments;
mod commands;
mod console;
mod context;
mod failure;
mod pages;
mod process;
pub mod run_file;
mod start;
mod status;
mod ui;
mod view;

pub use arguments::Cli;
pub use commands::up::{
    AccessLog, FileLoads, LogFormat, LogOptions, NatsSource, PreparedApplication, Role, UpOptions,
    UpRunner,
};
pub use failure::Failure;
pub use process::{Process, Terminal};
pub use start::{parse, run, run_in};
pub use status::Status;
