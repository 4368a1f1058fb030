//! Whole lattices: what a user notices of them.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are not tests to this lint"
)]

mod blobs;
mod calls;
mod claims;
mod control;
mod deploy;
mod dialect;
mod flows;
mod heal;
mod hostile;
mod images;
mod killed;
mod large;
mod lattice;
mod link_names;
mod messages;
mod operate;
mod providers;
mod recorded;
mod recorded_providers;
mod recording;
mod remote;
mod replay;
mod watcher;
