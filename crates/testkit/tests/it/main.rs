//! Whole lattices: what a user notices of them.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are not tests to this lint"
)]

mod calls;
mod claims;
mod control;
mod deploy;
mod heal;
mod hostile;
mod images;
mod killed;
mod large;
mod lattice;
mod operate;
mod providers;
mod recording;
mod remote;
