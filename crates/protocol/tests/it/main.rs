//! The dialect against recorded traffic, and its readers against arbitrary bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod bystanders;
mod golden;
mod properties;
mod vectors;
