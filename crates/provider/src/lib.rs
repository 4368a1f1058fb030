//! The SDK for capability providers that run as processes of their own.
//!
//! A host starts such a process, tells it by its standard input all that it needs, and talks to it over NATS, in the
//! protocol of wasmCloud 1.9 (spec §5): what is built with this runs under hosts of Weft and under those of 1.9.
//!
//! ```text
//! main, run        the life of the process: input, logs, connection, links, calls, shutdown
//! Provider         what the program is told, and what it serves; all methods have defaults
//! Exports          functions that components may call, by Rust types     -> Call: who calls, over which link
//! Caller           calls functions of components
//! keyvalue, blobstore, messaging    well-known interfaces as plain Rust types
//! ```
//!
//! A whole provider:
//!
//! ```no_run
//! use std::sync::Arc;
//! use weft_provider::{Exports, Provider};
//!
//! struct Shouter;
//!
//! impl Provider for Shouter {
//!     fn exports(self: Arc<Self>) -> Exports {
//!         Exports::new().function(
//!             "example:text/shout@0.1.0",
//!             "shout",
//!             |call, (text,): (String,)| async move {
//!                 let ending = call.link_config("ending").unwrap_or("!");
//!                 Ok(text.to_uppercase() + ending)
//!             },
//!         )
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     weft_provider::main(Shouter)
//! }
//! ```
//!
//! The crate places no trust in what comes in: sizes are checked before anything is allocated, and nothing that a host or
//! a caller sends ends the process but a request to stop.

#![forbid(unsafe_code)]

mod apply;
pub mod blobstore;
mod caller;
mod command;
mod error;
mod hook;
mod host_data;
pub mod keyvalue;
mod life;
mod link;
mod links;
mod logging;
pub mod messaging;
mod options;
mod process;
mod provider;
mod secrets;
mod serve;
#[cfg(unix)]
mod signal_unix;
#[cfg(windows)]
mod signal_windows;

pub use caller::{Caller, Component, ComponentCall};
pub use error::{BoxError, Error, HostDataError};
pub use host_data::{HostData, read_host_data};
pub use life::run_with;
pub use link::{Link, LinkRole};
pub use options::Options;
pub use process::{main, run};
pub use provider::{Config, Health, HookResult, Provider, Start};
pub use secrets::{SecretValue, Secrets};
pub use serve::{Call, Exports, Reply, Streamed};
pub use weft_runtime::Shutdown;
pub use weft_wrpc as wrpc;
pub use weft_wrpc::{CallError, Failure, FailureCode};
