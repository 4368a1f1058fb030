//! `wasmcloud:messaging`: components send messages to a broker, wait for answers, and are handed messages (spec §11.2).
//!
//! On the wire there is only version 0.2.0 (spec §4.9). What components import of 0.3.0 is done by that, as far as it goes, and
//! those that export its `incoming-handler` are handed messages as if they exported `handler` of 0.2.0, which is called as any
//! interface of plain values is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use weft_engine::{CallContext, Program};
use weft_model::interface::InterfaceName;
use weft_wrpc::record;

pub use self::guest::Guest;
pub(crate) use self::incoming::exported;
pub use self::local::Local;
pub use self::remote::Remote;

mod guest;
mod incoming;
mod local;
mod newer;
mod remote;

/// The instance by which components send.
const CONSUMER: &str = "wasmcloud:messaging/consumer@0.2.0";
/// The instance by which components are handed messages.
const HANDLER: &str = "wasmcloud:messaging/handler@0.2.0";

/// The longest subject, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 4 << 10;
/// The largest body, in bytes. Brokers have bounds of their own.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// How much longer than a broker waits for an answer is waited for the broker.
const TIMEOUT_GRACE: Duration = Duration::from_secs(2);

/// What routes of `wasmcloud:messaging` lead to.
pub struct Backend(pub Arc<dyn Messaging>);

/// A broker.
///
/// Each operation is part of the call `context` of the broker, and ends by its deadline. Dropping a future gives the operation
/// up; whether the message was sent is not known then.
pub trait Messaging: Send + Sync + 'static {
    /// Sends a message.
    fn publish<'a>(
        &'a self,
        context: &'a CallContext,
        message: Message,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Sends a message, and waits for an answer for at most `timeout_ms` milliseconds.
    fn request<'a>(
        &'a self,
        context: &'a CallContext,
        subject: String,
        body: Bytes,
        timeout_ms: u32,
    ) -> BoxFuture<'a, Result<Message, Error>>;
}

/// A message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// Its subject.
    pub subject: String,
    /// Its body.
    pub body: Bytes,
    /// Where an answer is wanted, if one is.
    pub reply_to: Option<String>,
}

record!(Message {
    subject,
    body,
    reply_to: "reply-to"
});

/// Why a message was not sent, or not answered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The subject is empty or longer than [`SUBJECT_BYTES_MAX`].
    #[error("a subject has 1 to {SUBJECT_BYTES_MAX} bytes, this one has {bytes}")]
    Subject {
        /// Its length.
        bytes: usize,
    },
    /// The body is larger than [`BODY_BYTES_MAX`].
    #[error("a body has at most {BODY_BYTES_MAX} bytes, this one has {bytes}")]
    Body {
        /// Its size.
        bytes: usize,
    },
    /// There is no link.
    #[error("{0}")]
    Denied(Arc<str>),
    /// No answer came in time.
    #[error("no answer came in time")]
    Timeout,
    /// The broker says what is wrong.
    #[error("{0}")]
    Told(Arc<str>),
    /// The broker was not reached, or failed.
    #[error("the broker failed: {0}")]
    Unreachable(Arc<str>),
}

/// Whether `interface` is one whose links lead to brokers.
pub fn provides(interface: &InterfaceName) -> bool {
    let sending = [
        &guest::CONSUMER_NAME,
        &newer::PRODUCER,
        &newer::REQUEST_REPLY,
    ];
    sending.iter().any(|name| interface == &***name)
}

/// Whether `interface` is one of the family that needs no link of its own.
pub fn is_carried_along(interface: &InterfaceName) -> bool {
    *interface == *guest::TYPES
}

/// Whether `interface` is one that components export and hosts call by handles.
pub(crate) fn takes_handles(interface: &InterfaceName) -> bool {
    *interface == *newer::INCOMING_HANDLER
}

/// Whether calls of `interface` by the wire reach `program` though it exports another one: `handler`, where it exports
/// `incoming-handler` in its place.
pub fn stands_in(interface: &InterfaceName, program: &Arc<Program>) -> bool {
    *interface == *guest::HANDLER_NAME && !incoming::exported(program).is_empty()
}

/// Checks what every backend checks of a message.
fn check(subject: &str, body: &Bytes) -> Result<(), Error> {
    let bytes = subject.len();
    if bytes == 0 || bytes > SUBJECT_BYTES_MAX {
        return Err(Error::Subject { bytes });
    }
    let bytes = body.len();
    if bytes > BODY_BYTES_MAX {
        return Err(Error::Body { bytes });
    }
    Ok(())
}

/// How long is waited for the answer to a request.
fn request_timeout(context: &CallContext, timeout_ms: u32) -> Duration {
    let timeout = Duration::from_millis(timeout_ms.into()) + TIMEOUT_GRACE;
    timeout.min(context.remaining())
}
