//! The subscriptions of all functions as one stream.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures::StreamExt as _;
use tracing::debug;
use weft_runtime::field;

use crate::endpoint::Endpoint;
use crate::route::Form;

/// How many calls of one function are taken in a row while others may wait.
const ROW_MAX: usize = 32;
/// How long the server may take to end subscriptions.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Subscriptions with the index of their function and the form of its requests. One that is busy is asked again first, without a look at the others.
#[derive(Debug, Default)]
pub(super) struct Calls {
    subscriptions: Vec<(usize, Form, Subscriber)>,
    /// The one to ask first.
    first: usize,
    /// How many calls it gave in a row.
    row: usize,
}

// ===== impl Calls =====

impl Calls {
    pub(super) fn push(&mut self, index: usize, form: Form, messages: Subscriber) {
        self.subscriptions.push((index, form, messages));
    }

    /// The next call of any function; `None` when all subscriptions have ended. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<(usize, Form, Message)> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, Form, Message)>> {
        let mut asked = 0;
        while asked < self.subscriptions.len() {
            let at = (self.first + asked) % self.subscriptions.len();
            let (index, form, messages) = &mut self.subscriptions[at];
            match messages.poll_next_unpin(cx) {
                Poll::Ready(Some(message)) => {
                    let (index, form) = (*index, *form);
                    self.took(at);
                    return Poll::Ready(Some((index, form, message)));
                }
                Poll::Ready(None) => {
                    // What is asked next has moved: begin again.
                    self.subscriptions.swap_remove(at);
                    (self.first, self.row, asked) = (0, 0, 0);
                }
                Poll::Pending => asked += 1,
            }
        }
        if self.subscriptions.is_empty() {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }

    fn took(&mut self, at: usize) {
        self.row = if at == self.first { self.row + 1 } else { 1 };
        self.first = at;
        if self.row >= ROW_MAX {
            (self.first, self.row) = (at + 1, 0);
        }
    }

    /// Ends the subscriptions; whatever the server sent before it knew still comes.
    pub(super) async fn drain(&mut self, endpoint: &Endpoint) {
        for (.., messages) in &mut self.subscriptions {
            // The client forgets a subscription as soon as it has written that it ends, and with it what the server sends until
            // it reads that. A bound that is no number to a server (it has more than nine digits) counts as none there and
            // ends the subscription, while the client still takes what comes. A server that took it for one would go on
            // until the client ends it below.
            if let Err(error) = messages.unsubscribe_after(u64::MAX).await {
                debug!({ field::ERROR } = %error, "Subscription was closed already");
            }
        }
        endpoint.round_trip(DRAIN_TIMEOUT).await;
        for (.., messages) in &mut self.subscriptions {
            if let Err(error) = messages.drain().await {
                debug!({ field::ERROR } = %error, "Subscription was closed already");
            }
        }
    }
}
