//! Following a subject.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};

use crate::message::Message;

/// Messages of one subject, in the order in which the server sent them. Survives reconnects; what was sent while NATS was
/// unreachable is lost. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    subscriber: async_nats::Subscriber,
}

// ===== impl Subscription =====

impl Subscription {
    pub(crate) fn new(subscriber: async_nats::Subscriber) -> Self {
        Self { subscriber }
    }

    /// The next message; `None` once the connection is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Message> {
        self.subscriber.next().await.map(Into::into)
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.subscriber
            .poll_next_unpin(cx)
            .map(|message| message.map(Into::into))
    }
}
