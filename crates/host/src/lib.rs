//! The host role: runs components and providers, and serves the control interface of a lattice.
//!
//! ```text
//!  control interface ──► intake ──► one mailbox per id ──► commands ──► registry (what runs here)
//!                        (one order)                                        │
//!  buckets (links, configs) ── watches ──► router ◄─────────────────────────┘
//!                                            └──► routes of programs, rules of the HTTP server
//! ```
//!
//! Commands change what runs; the router alone changes what calls what, from the whole state, whenever any of it changes.
//! A command is answered, and its event published, after the router has acted on it. The host makes no placement
//! decision.

#![deny(unsafe_code)]

mod builtin;
mod claims;
mod command;
mod component;
mod core;
mod credentials;
mod error;
mod heartbeat;
mod host;
mod intake;
mod keyvalue;
mod lease;
mod mailbox;
mod options;
mod outlook;
pub mod provider;
mod pulls;
mod registry;
mod router;
mod serving;

pub use error::{Refusal, StartError};
pub use host::{Host, StopRequest};
pub use options::{Connections, FileLoads, Options, Spill, StandIn};
