//! The command line, in process, against a real NATS server with managers and hosts made up for the purpose.

#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod app;
mod call;
mod console;
mod control;
mod delete;
mod deploy;
mod documents;
mod down;
mod foreign;
mod get;
mod help;
mod host;
mod interrupt;
mod manager;
mod manifest;
mod pages;
mod reference;
mod server;
mod up;
mod weft;
