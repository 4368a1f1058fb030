//! Writing messages into the target, many of them on their way at once.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::compare::different;
use super::error::{CopyError, Difference};
use super::jetstream::Jetstream;
use super::record::Record;
use crate::jetstream;
use crate::request::RequestError;

/// Most messages that may be unconfirmed.
const UNCONFIRMED_MAX: usize = 256;
/// Most bytes that may be unconfirmed, beside the last message.
const UNCONFIRMED_BYTES_MAX: usize = 8 << 20;
/// How long the target may take to confirm a message.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);
/// After which time the target has forgotten the id of a message, with room to spare; see the staging configuration.
const DUPLICATE_PAUSE: Duration = Duration::from_millis(250);

/// Writes messages to one stream of the target.
pub(super) struct Publisher<'a> {
    jetstream: &'a Jetstream,
    stream: &'a str,
    filler: String,
    inbox: String,
    confirmations: async_nats::Subscriber,
    /// Number and size of those that are not confirmed yet, in order.
    unconfirmed: VecDeque<(u64, usize)>,
    unconfirmed_bytes: usize,
    /// Ids of those that are not confirmed yet or were just now.
    recent_ids: VecDeque<String>,
    /// The number that the next message gets.
    next: u64,
}

/// How JetStream confirms a message.
#[derive(Deserialize)]
struct Confirmation {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

// ===== impl Publisher =====

impl<'a> Publisher<'a> {
    /// A writer to `stream`, whose next message gets the number `next`. Gaps are filled on the subject `filler`.
    pub(super) async fn new(
        jetstream: &'a Jetstream,
        stream: &'a str,
        filler: String,
        next: u64,
    ) -> Result<Self, CopyError> {
        let inbox = jetstream.lattice().new_inbox();
        let confirmations = jetstream
            .lattice()
            .subscribe_client(&inbox, None)
            .await
            .map_err(|source| request_failed(stream, source))?;
        Ok(Self {
            jetstream,
            stream,
            filler,
            inbox,
            confirmations,
            unconfirmed: VecDeque::new(),
            unconfirmed_bytes: 0,
            recent_ids: VecDeque::new(),
            next,
        })
    }

    /// Fills numbers so that the next message gets `next`.
    pub(super) async fn fill_up_to(&mut self, next: u64) -> Result<(), CopyError> {
        while self.next < next {
            let filler = self.filler.clone();
            self.send(filler, None, Bytes::new()).await?;
        }
        Ok(())
    }

    /// Writes a message at its number, which has to be the next.
    pub(super) async fn write(&mut self, record: &Record) -> Result<(), CopyError> {
        let bytes_max = self.jetstream.lattice().payload_bytes_max();
        if record.bytes() - record.subject.len() > bytes_max {
            return Err(CopyError::TooLarge {
                stream: self.stream.to_owned(),
                sequence: record.sequence,
                bytes: record.bytes(),
                bytes_max,
            });
        }
        if let Some(id) = record.message_id() {
            // An id may come again, long after the first: here it comes at once, and would be taken for a duplicate.
            if self.recent_ids.iter().any(|recent| recent == id) {
                self.finish().await?;
                sleep(DUPLICATE_PAUSE).await;
                self.recent_ids.clear();
            }
            self.recent_ids.push_back(id.to_owned());
            if self.recent_ids.len() > UNCONFIRMED_MAX * 64 {
                self.recent_ids.pop_front();
            }
        }
        self.send(
            record.subject.clone(),
            record.header_map(),
            record.payload.clone(),
        )
        .await
    }

    /// Waits until everything is confirmed.
    pub(super) async fn finish(&mut self) -> Result<(), CopyError> {
        while !self.unconfirmed.is_empty() {
            self.confirm().await?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        subject: String,
        headers: Option<async_nats::HeaderMap>,
        payload: Bytes,
    ) -> Result<(), CopyError> {
        while self.unconfirmed.len() >= UNCONFIRMED_MAX
            || self.unconfirmed_bytes > UNCONFIRMED_BYTES_MAX
        {
            self.confirm().await?;
        }
        let bytes = payload.len();
        let client = self.jetstream.lattice().nats();
        let inbox = self.inbox.clone();
        let sent = match headers {
            None => {
                client
                    .publish_with_reply(subject.clone(), inbox, payload)
                    .await
            }
            Some(headers) => {
                client
                    .publish_with_reply_and_headers(subject.clone(), inbox, headers, payload)
                    .await
            }
        };
        sent.map_err(|error| {
            let source = RequestError::Failed {
                subject,
                source: error.into(),
            };
            request_failed(self.stream, source)
        })?;
        self.unconfirmed.push_back((self.next, bytes));
        self.unconfirmed_bytes += bytes;
        self.next += 1;
        Ok(())
    }

    /// Waits for the next confirmation. A server confirms in the order in which it stores.
    async fn confirm(&mut self) -> Result<(), CopyError> {
        let Some((sequence, bytes)) = self.unconfirmed.pop_front() else {
            return Ok(());
        };
        self.unconfirmed_bytes -= bytes;
        let Ok(Some(message)) = timeout(CONFIRM_TIMEOUT, self.confirmations.next()).await else {
            return Err(CopyError::Unconfirmed {
                stream: self.stream.to_owned(),
                sequence,
            });
        };
        // Nobody listens to the subject: the stream is gone, or the message was for one that is not there.
        if message.status.is_some() {
            return Err(CopyError::Unconfirmed {
                stream: self.stream.to_owned(),
                sequence,
            });
        }
        let not_understood = |error: serde_json::Error| CopyError::Answer {
            side: "target",
            stream: self.stream.to_owned(),
            source: error.into(),
        };
        let refusal = jetstream::parse_refusal(&message.payload).map_err(not_understood)?;
        if let Some((code, description)) = refusal {
            return Err(CopyError::Refused {
                side: "target",
                stream: self.stream.to_owned(),
                code,
                description,
            });
        }
        let confirmation: Confirmation =
            serde_json::from_slice(&message.payload).map_err(not_understood)?;
        if confirmation.seq == sequence && !confirmation.duplicate {
            Ok(())
        } else {
            Err(different(self.stream, Difference::Written(sequence)))
        }
    }
}

fn request_failed(stream: &str, source: RequestError) -> CopyError {
    CopyError::Request {
        side: "target",
        stream: stream.to_owned(),
        source,
    }
}
