//! What every role of Weft needs of its process: supervised tasks, one way to shut down, and names of telemetry fields.
//!
//! `node` owns the [`Tasks`] of a process and drains them; roles and adapters get a handle and spawn nothing otherwise.
//! The crate knows nothing of lattices, and decides nothing about what a task does.
//!
//! ```
//! use std::time::Duration;
//! use weft_runtime::{TaskKind, Tasks};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let tasks = Tasks::new();
//! let shutdown = tasks.shutdown();
//! tasks.spawn(TaskKind::Service, "greeter", async move {
//!     shutdown.requested().await;
//! });
//! let drained = tasks.drain(Duration::from_secs(1)).await;
//! assert!(drained.aborted.is_empty());
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod field;
mod shutdown;
mod task;

pub use shutdown::Shutdown;
pub use task::{Cause, Drained, End, Failure, TaskGuard, TaskHandle, TaskInfo, TaskKind, Tasks};
