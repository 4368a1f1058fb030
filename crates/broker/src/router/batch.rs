//! What is left to do after a batch of messages was routed.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::interest::{Internal, Subscription};
use crate::client::Client;
use crate::entropy::Entropy;
use crate::jetstream::names::{DIRECT_GET_PREFIX, MESSAGE_NEXT_PREFIX};
use crate::stats::Counters;
use crate::subject;
use crate::wire::message::{Message, Payload};

/// The scratch space of one publisher: receivers to flush, messages for streams, and numbers to add up.
///
/// Whoever fills it must call [`Batch::flush`] before it waits for anything.
#[derive(Debug)]
pub(crate) struct Batch {
    touched: Vec<Arc<Client>>,
    ingests: Vec<Ingest>,
    spent: Vec<Arc<Subscription>>,
    stalled: Option<Arc<Client>>,
    pub(super) entropy: Entropy,
    messages_in: u64,
    bytes_in: u64,
    messages_out: u64,
    bytes_out: u64,
}

/// A message for a part of the broker itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ingest {
    pub(crate) target: Internal,
    pub(crate) subject: Bytes,
    pub(crate) reply: Option<Bytes>,
    /// Bytes of the payload that are headers.
    pub(crate) header_len: usize,
    pub(crate) payload: Bytes,
}

// ---------------------------------------------------------------------------------------------------------

impl Ingest {
    /// Whether dealing with it takes little, however much is stored.
    pub(crate) fn is_brief(&self) -> bool {
        match self.target {
            Internal::Stream(_) | Internal::Ack | Internal::FlowControl => true,
            Internal::Api => {
                let is_get = self.subject.starts_with(DIRECT_GET_PREFIX.as_bytes())
                    && !subject::has_wildcard(&self.subject)
                    && memchr::memchr2(b'*', b'>', &self.payload).is_none();
                is_get || self.subject.starts_with(MESSAGE_NEXT_PREFIX.as_bytes())
            }
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            touched: Vec::new(),
            ingests: Vec::new(),
            spent: Vec::new(),
            stalled: None,
            entropy: Entropy::new(),
            messages_in: 0,
            bytes_in: 0,
            messages_out: 0,
            bytes_out: 0,
        }
    }
}

impl Batch {
    /// Writes to all receivers what was queued for them.
    pub(crate) fn flush(&mut self, counters: &Counters) {
        for client in self.touched.drain(..) {
            client.flush();
        }
        if self.messages_in > 0 {
            counters
                .messages_in
                .add(std::mem::take(&mut self.messages_in));
            counters.bytes_in.add(std::mem::take(&mut self.bytes_in));
        }
        if self.messages_out > 0 {
            counters
                .messages_out
                .add(std::mem::take(&mut self.messages_out));
            counters.bytes_out.add(std::mem::take(&mut self.bytes_out));
        }
    }

    /// Messages for the broker itself, in the order they were published.
    pub(crate) fn take_ingests(&mut self) -> Vec<Ingest> {
        std::mem::take(&mut self.ingests)
    }

    /// A receiver that is far behind, for which the publisher had better wait a little.
    pub(crate) fn take_stalled(&mut self) -> Option<Arc<Client>> {
        self.stalled.take()
    }

    /// Counts a message of a client.
    pub(crate) fn count_in(&mut self, len: usize) {
        self.messages_in += 1;
        self.bytes_in += len as u64;
    }

    /// Counts a message to a client.
    pub(crate) fn count_out(&mut self, len: usize) {
        self.messages_out += 1;
        self.bytes_out += len as u64;
    }

    pub(crate) fn touch(&mut self, client: &Arc<Client>) {
        self.touched.push(Arc::clone(client));
    }

    pub(crate) fn stall_for(&mut self, client: &Arc<Client>) {
        self.stalled = Some(Arc::clone(client));
    }

    pub(super) fn ingest(&mut self, target: Internal, message: &Message<'_>) {
        let header_len = message.header_len.unwrap_or(0);
        let ingest = match &message.payload {
            Payload::Borrowed(payload) => {
                let reply = message.reply.unwrap_or_default();
                // One allocation for all that is to be kept.
                let mut whole =
                    BytesMut::with_capacity(payload.len() + message.subject.len() + reply.len());
                whole.extend_from_slice(payload);
                whole.extend_from_slice(message.subject);
                whole.extend_from_slice(reply);
                let mut payload_part = whole.freeze();
                let mut subject = payload_part.split_off(payload.len());
                let reply = message
                    .reply
                    .map(|_| subject.split_off(message.subject.len()));
                Ingest {
                    target,
                    subject,
                    reply,
                    header_len,
                    payload: payload_part,
                }
            }
            Payload::Shared(payload) => Ingest {
                target,
                subject: Bytes::copy_from_slice(message.subject),
                reply: message.reply.map(Bytes::copy_from_slice),
                header_len,
                payload: payload.clone(),
            },
        };
        self.ingests.push(ingest);
    }

    pub(super) fn spend(&mut self, subscription: &Arc<Subscription>) {
        self.spent.push(Arc::clone(subscription));
    }

    pub(super) fn has_spent(&self) -> bool {
        !self.spent.is_empty()
    }

    pub(super) fn take_spent(&mut self) -> Vec<Arc<Subscription>> {
        std::mem::take(&mut self.spent)
    }
}
