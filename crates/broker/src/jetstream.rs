//! Streams: stored messages, the consumers that deliver them, and the API that manages both.
//!
//! [`stream`] and [`consumer`] decide, as plain state machines; [`engine`] owns them all, feeds them and carries
//! out what they say; [`streams`] tells whose turn it is to do so.

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
mod streams;
pub(crate) mod transform;

pub use clock::TimeShift;
pub(crate) use engine::{Engine, EngineBounds, EngineError};
pub(crate) use errors::ApiError;
pub(crate) use mailbox::{Due, Mail, Mailbox};
pub(crate) use outgoing::{Courier, Outgoing};
pub(crate) use report::{Report, ReportRequest};
pub(crate) use streams::Streams;
