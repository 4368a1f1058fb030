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
//! `weft up` starts a node in this process; everything else asks it over the lattice, as any other client does.
//!
//! ```no_run
//! #[tokio::main]
//! async fn main() -> std::process::ExitCode {
//!     match weft_cli::parse(std::env::args_os()) {
//!         Ok(cli) => weft_cli::run(cli).await.into(),
//!         Err(status) => status.into(),
//!     }
//! }
//! ```

#![forbid(unsafe_code)]

mod arguments;
mod artifacts;
mod commands;
mod console;
mod context;
mod failure;
mod inherited;
mod keyring;
mod pages;
mod process;
mod secret;
mod start;
mod status;
mod ui;
mod view;
mod wit;

pub use arguments::Cli;
pub use commands::up::{
    AccessLog, ArtifactSettings, Calls, FileLoads, HostMaxima, InProcess, LogFormat, LogOptions,
    NatsSource, Password, PreparedApplication, RegistryLogin, Role, UpOptions, UpRunner,
};
pub use context::{Context, NatsAccess, NatsCredentials, NatsTls};
pub use failure::Failure;
pub use process::{Process, Terminal};
pub use secret::SecretFile;
pub use start::{parse, run, run_in, tell_unforeseen};
pub use status::Status;
