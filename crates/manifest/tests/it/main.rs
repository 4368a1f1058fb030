//! Manifests as users write them.

#![expect(
    clippy::unwrap_used,
    reason = "functions that only tests call panic as tests do"
)]

mod bounds;
mod cases;
mod document;
mod pages;
mod random;
mod recorded;
