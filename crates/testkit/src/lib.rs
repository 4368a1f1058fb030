//! A lattice in one process, for tests of the whole: broker, nodes with hosts and managers, guests, clients.
//!
//! * [`Site`] is a lattice: the embedded broker or a nats-server of its own, a first [`Member`] with all roles, and further
//!   ones that join. Members can be stopped, and cut off as if their process were killed.
//! * [`Proxy`] is a network that fails: what a member says by it is held up, or cut.
//! * [`guest`] finds components by name; [`Manifest`] and [`Guestbook`] make applications of them.
//! * [`http`] asks them, [`Load`] does so steadily.
//! * [`eventually`] and [`in_time`] wait, up to [`DEADLINE`], and say what was seen last. Nothing sleeps for the sake of time.
//!
//! This crate knows nothing of what it tests but how a user reaches it: the lattice, and HTTP. It is used by its own tests
//! alone, and panics where anything goes wrong that a test does not ask about.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "a library of tests, which end with a panic where anything goes wrong"
)]

pub mod guest;
mod guestbook;
pub mod http;
mod load;
mod manifest;
mod member;
mod nats_server;
mod proxy;
mod site;
mod wait;

pub use guestbook::Guestbook;
pub use load::{Load, Outcome};
pub use manifest::{Component, Manifest, Provider, Scaler};
pub use member::{Join, Member};
pub use nats_server::NatsServer;
pub use proxy::Proxy;
pub use site::{BrokerKind, Site, free_address, skipped};
pub use wait::{DEADLINE, eventually, in_time};
