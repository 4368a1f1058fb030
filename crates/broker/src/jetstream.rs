//! Streams: stored messages, the consumers that deliver them, and the API that manages both.
//!
//! [`stream`] and [`consumer`] decide, as plain state machines; [`engine`] is the thread that owns them all,
//! feeds them and carries out what they say.

mod api;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod consumer;
pub(crate) mod engine;
mod errors;
mod mailbox;
pub(crate) mod names;
mod outgoing;
mod report;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod transform;

pub use clock::TimeShift;
pub(crate) use engine::{Engine, EngineBounds, EngineError};
pub(crate) use errors::ApiError;
pub(crate) use mailbox::{Mail, Mailbox};
pub(crate) use outgoing::{Courier, Outgoing};
pub(crate) use report::{Report, ReportRequest};
