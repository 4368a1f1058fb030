//! The calls of others, as somebody who only listens sees them: for tools.
//!
//! Whoever listens gets a copy of each message that crosses NATS; calls within one host do not. Nothing is sent, but NATS
//! takes a listener for somebody who serves: as long as one is there, a call that nobody serves is not refused at once.

mod tracker;

use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until};

use crate::failure::Failure;
use crate::header::Context;
use crate::subject::Prefix;

use tracker::Tracker;

/// Where answers go that need no permission of their own: the inboxes of clients that choose no other.
const INBOXES: &str = "_INBOX.>";

/// Bounds of an [`Observer`].
#[derive(Clone, Debug)]
pub struct ObserveOptions {
    /// How many calls are followed at once; the oldest is given up for one more. Default 1024.
    pub calls_max: usize,
    /// How many bytes of parameters, and of results, are kept of each call. Default 64 KiB.
    pub captured_bytes_max: usize,
    /// How long an answer is waited for where the call does not say it. Default 60 s.
    pub answer_timeout: Duration,
}

/// Follows the calls of some callees.
#[derive(Debug)]
pub struct Observer {
    /// Requests of each callee, and word of those that are given up.
    requests: Vec<Subscriber>,
    answers: Subscriber,
    tracker: Tracker,
}

/// A call that was seen to its end.
#[derive(Clone, Debug)]
pub struct ObservedCall {
    /// Who is called.
    pub callee: Prefix,
    /// Instance and function as the subject has them, joined by a dot: `wrpc:http/incoming-handler@0.1.0.handle`.
    pub function: String,
    /// Who calls.
    pub context: Context,
    /// Whether the caller is of Weft, and was answered as such.
    pub is_weft: bool,
    /// The parameters without their streams.
    pub params: Captured,
    /// The results without their streams; nothing when there are none.
    pub results: Captured,
    /// Bytes of streams and futures that were seen until the results were complete, headers of chunks included.
    pub stream_bytes: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// From the request to the end of the results, as seen from here.
    pub elapsed: Duration,
}

/// The bytes of a tuple, as far as they were kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Captured {
    /// The first of them.
    pub bytes: Bytes,
    /// How many there were.
    pub total: u64,
}

/// What became of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The results came.
    Answered,
    /// The callee says that it failed.
    Failed(Failure),
    /// The results ended early, or the callee took no call, as 1.9 tells of any failure.
    NoResults,
    /// The caller gave it up.
    Cancelled,
    /// No answer was seen in time.
    Unanswered,
    /// More calls ran than are followed at once.
    Displaced,
}

// ===== impl ObserveOptions =====

impl Default for ObserveOptions {
    fn default() -> Self {
        Self {
            calls_max: 1024,
            captured_bytes_max: 64 * 1024,
            answer_timeout: Duration::from_secs(60),
        }
    }
}

// ===== impl Captured =====

impl Captured {
    /// Whether all of the bytes were kept.
    pub fn is_complete(&self) -> bool {
        self.bytes.len() as u64 == self.total
    }
}

// ===== impl Observer =====

impl Observer {
    /// Listens to the calls of `callees`, from now on.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub async fn new(
        nats: &Client,
        callees: &[Prefix],
        options: ObserveOptions,
    ) -> Result<Self, async_nats::SubscribeError> {
        // Before the requests, so that no answer comes first.
        let answers = nats.subscribe(INBOXES).await?;
        let mut requests = Vec::new();
        for callee in callees {
            for functions in callee.functions() {
                requests.push(nats.subscribe(functions).await?);
            }
            requests.push(nats.subscribe(callee.cancellations()).await?);
        }
        // Whoever calls once this has returned is seen; what goes wrong with that shows when nothing comes.
        let _ = nats.flush().await;
        Ok(Self {
            requests,
            answers,
            tracker: Tracker::new(callees.to_vec(), options),
        })
    }

    /// The next call that has come to its end; `None` once the connection is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<ObservedCall> {
        loop {
            if let Some(call) = self.tracker.pop() {
                return Some(call);
            }
            let expiry = self.tracker.expiry();
            tokio::select! {
                biased;
                message = next_of(&mut self.requests) => {
                    self.tracker.receive(Instant::now(), message?);
                }
                message = self.answers.next() => {
                    let message = message?;
                    // The client hands out each subscription by itself: the request that this answers is there already.
                    while let Some(request) = next_of(&mut self.requests).now_or_never() {
                        self.tracker.receive(Instant::now(), request?);
                    }
                    self.tracker.receive(Instant::now(), message);
                }
                () = sleep_until(expiry.unwrap_or_else(Instant::now)), if expiry.is_some() => {
                    self.tracker.expire(Instant::now());
                }
            }
        }
    }
}

/// The next message of any subscription; `None` once one has ended.
async fn next_of(subscriptions: &mut [Subscriber]) -> Option<async_nats::Message> {
    std::future::poll_fn(|context| {
        for subscription in &mut *subscriptions {
            if let std::task::Poll::Ready(message) = subscription.poll_next_unpin(context) {
                return std::task::Poll::Ready(message);
            }
        }
        std::task::Poll::Pending
    })
    .await
}
