//! Picks roles, wires them in one process, supervises and drains them.
//!
//! A node is what `weft up` starts: a broker, a host, a manager, or some of them, over one data directory. The roles meet
//! only through the lattice: each has a connection to NATS of its own, whether the broker is in this process or not.

#![forbid(unsafe_code)]

mod admin;
mod data_dir;
mod error;
mod name;
mod node;
mod options;
pub mod run_file;

pub use data_dir::{ARTIFACTS_DIR, DataDir};
pub use error::StartError;
pub use node::{Ended, Node, Stopped, Summary};
pub use options::{
    Broker, Embedded, EmbeddedTls, OnUnreachable, Options, Providers, Roles, Servers,
};
pub use weft_capabilities::http_server::AccessLog;
pub use weft_host::provider::Policy;
pub use weft_host::{FileLoads, Spill};
