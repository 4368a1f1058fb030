//! What the fuzz targets in `fuzz/` call, each with arbitrary bytes. Each panics where a promise is broken.

mod api;
#[cfg(test)]
mod model;
mod parser;
mod recovery;
#[cfg(test)]
mod tests;

pub use api::Api;
pub use parser::parser;
pub use recovery::{Opened, Recovery};
