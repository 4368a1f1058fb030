//! Pulling and pushing, against a registry that misbehaves on demand and against Debian's `docker-registry`.

#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod debian;
mod faults;
mod fixture;
mod misbehaving;
mod providers;
mod pulls;
