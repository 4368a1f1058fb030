//! An embedded NATS server: what one machine needs of it, in a library.
//!
//! It serves the client protocol of NATS over TCP (publish, subscribe, queue groups, headers, request and
//! reply) and the part of JetStream that key-value buckets and their like need (streams in files or memory,
//! consumers that push or are pulled from). Any NATS client can use it. What it does not offer it refuses,
//! with the errors of nats-server; `docs/design/broker.md` lists it.
//!
//! ```no_run
//! # async fn example() -> Result<(), weft_broker::Error> {
//! use weft_broker::{Broker, JetStreamOptions, Options};
//!
//! let handle = Broker::start(Options {
//!     jetstream: Some(JetStreamOptions::new("/var/lib/example")),
//!     ..Options::default()
//! })
//! .await?;
//! println!("clients connect to {}", handle.client_url());
//! handle.drain(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! How a message travels:
//!
//! ```text
//! socket ─ session (parses) ─ router (who receives it?) ─┬─ client (queue) ─ socket
//!                                                        └─ mailbox ─ engine ─┬─ router …
//!                                                             stream, consumer │  (decide)
//!                                                                 storage ─────┘
//! ```
//!
//! One task per connection reads and routes; receivers are written to by whoever published, or by a writer
//! task of their own when they are slow. What is short for the streams is done by the task that read it, the rest by a
//! thread; another forces data to the disk.

#![forbid(unsafe_code)]

mod auth;
mod client;
mod entropy;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod jetstream;
mod listener;
mod monitor;
mod options;
mod reload;
mod router;
mod service;
mod session;
mod stats;
mod storage;
mod subject;
mod tasks;
mod tls;
mod wire;

pub use auth::{
    Auth, AuthError, NewUser, PasswordHash, Permissions, Responses, SubjectRules, User,
    UserCredentials, UserKind, UserRecord, UserSecret, UserStore,
};
pub use error::Error;
pub use jetstream::TimeShift;
pub use options::{JetStreamOptions, Limits, Options};
pub use service::{Broker, Drained, Handle};
pub use stats::{Stats, StorageStats};
pub use tls::{TlsError, TlsListen, TlsMode};
