//! The manager on a real NATS server, with hosts that are played.

#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod api;
mod deploy;
mod heal;
mod host;
mod hostile;
mod lease;
mod pages;
mod scene;
mod server;
mod standby;
mod update;
