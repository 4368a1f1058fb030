//! A connection to a lattice, typed: what hosts, managers, providers and command lines of Weft speak through.
//!
//! * [`Lattice`] connects to NATS, says whether it is reachable, and sends requests.
//! * [`control::Client`] asks hosts; [`application::Client`] asks managers.
//! * [`intake`] is the other side of both: one bounded, ordered stream of requests.
//! * [`event`] publishes and follows the events of the lattice.
//! * [`bucket`] keeps state, changed by compare-and-set and followed by watches that lose nothing.
//!
//! What the messages look like is in [`protocol`]; this crate decides nothing about hosts, links or applications. Types
//! of the NATS client do not appear in its interface, but for [`Lattice::nats`].
//!
//! ```no_run
//! use std::time::Duration;
//! use weft_lattice::{Lattice, Options};
//! use weft_runtime::Tasks;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let tasks = Tasks::new();
//! let lattice = Lattice::connect(Options::default(), &tasks).await?;
//! for host in lattice.control().ping(Duration::from_secs(1)).await? {
//!     let inventory = lattice.control().inventory(&host.host()?).await?.value;
//!     assert_eq!(inventory.friendly_name, host.friendly_name);
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod application;
pub mod bucket;
mod connection;
pub mod control;
mod copy;
pub mod event;
pub mod intake;
mod jetstream;
mod lattice;
mod message;
mod options;
mod overview;
mod request;
mod subscription;

pub use connection::{ConnectError, Connection, ConnectionState};
pub use copy::{
    CopyError, CopyOptions, CopyPhase, CopyProgress, CopyReport, Difference, LeftOut, StreamReport,
    copy,
};
pub use lattice::Lattice;
pub use message::{Headers, Message};
pub use options::{Credentials, Options, Secret, Tls, TlsIdentity};
pub use overview::{ServerInfo, Storage, StreamKind, StreamSummary};
pub use request::RequestError;
pub use subscription::Subscription;
pub use weft_protocol as protocol;
