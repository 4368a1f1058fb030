//! The lattice against a real NATS server.

#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod application;
mod bucket;
mod connection;
mod control;
mod copy;
mod credentials;
mod event;
mod intake;
mod overview;
mod pages;
mod proxy;
mod recorded;
mod server;
mod watch;
