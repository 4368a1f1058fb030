//! Components of every kind behind the HTTP server: what they answer, and what is answered for them.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod client;
mod families;
mod hostile;
mod http;
mod languages;
mod listeners;
mod site;
