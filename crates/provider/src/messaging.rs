//! `wasmcloud:messaging@0.2.0` as a provider serves it, and as it delivers messages to components.

use std::sync::Arc;

use bytes::Bytes;
use weft_wrpc::{CallError, record};

use crate::caller::Component;
use crate::serve::{Call, Exports};

/// The instance by which components send.
pub const CONSUMER: &str = "wasmcloud:messaging/consumer@0.2.0";
/// The instance by which components receive.
pub const HANDLER: &str = "wasmcloud:messaging/handler@0.2.0";

/// A message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BrokerMessage {
    /// Its subject.
    pub subject: String,
    /// Its body.
    pub body: Bytes,
    /// Where an answer is wanted, if one is.
    pub reply_to: Option<String>,
}

record!(BrokerMessage {
    subject,
    body,
    reply_to: "reply-to"
});

/// A broker, to which components send.
pub trait Consumer: Send + Sync + 'static {
    /// Sends a message, and waits for an answer for at most `timeout_ms`.
    ///
    /// # Errors
    ///
    /// A text that the component is told.
    fn request(
        &self,
        call: &Call,
        subject: String,
        body: Bytes,
        timeout_ms: u32,
    ) -> impl Future<Output = Result<BrokerMessage, String>> + Send;

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// A text that the component is told.
    fn publish(
        &self,
        call: &Call,
        message: BrokerMessage,
    ) -> impl Future<Output = Result<(), String>> + Send;
}

/// Serves a broker.
pub fn exports<C: Consumer>(consumer: Arc<C>) -> Exports {
    let requester = Arc::clone(&consumer);
    Exports::new()
        .function(
            CONSUMER,
            "request",
            move |call, (subject, body, timeout_ms): (String, Bytes, u32)| {
                let consumer = Arc::clone(&requester);
                async move { Ok(consumer.request(&call, subject, body, timeout_ms).await) }
            },
        )
        .function(
            CONSUMER,
            "publish",
            move |call, (message,): (BrokerMessage,)| {
                let consumer = Arc::clone(&consumer);
                async move { Ok(consumer.publish(&call, message).await) }
            },
        )
}

/// Delivers a message to a component that is linked for `wasmcloud:messaging/handler`; `Err` within is what the component
/// says.
///
/// # Errors
///
/// [`CallError`] when the component cannot be called.
pub async fn handle_message(
    component: &Component,
    message: BrokerMessage,
) -> Result<Result<(), String>, CallError> {
    let params = (message,);
    component.call(HANDLER, "handle-message", params).await
}
