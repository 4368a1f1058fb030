//! Planning as a sequence of steps, on lattices that scripts and chance make up.

#![expect(
    clippy::unwrap_used,
    reason = "functions that only tests call panic as tests do"
)]

mod pages;
mod properties;
mod script;
mod scripts;
mod world;
