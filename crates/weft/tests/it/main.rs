//! The program as a stranger runs it: real processes, real files, real sockets.
//!
//! Each test has a home directory of its own, and with it a data directory; ports are free ones. Components come from
//! `cargo xtask guests`.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod backends;
mod control;
mod data_dir;
mod guests;
mod help;
mod home;
mod http;
mod images;
mod lifecycle;
mod manifests;
mod moving;
mod nats;
mod ports;
mod registries;
mod registry;
mod running;
mod security;
mod settings;
mod signing;
mod wait;
