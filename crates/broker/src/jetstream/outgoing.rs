//! Messages from the streams and the API to clients.

use std::sync::Arc;

use bytes::Bytes;

use super::Mailbox;
use crate::router::{Batch, Origin, Router};
use crate::wire::message::{Message, Payload};

/// A message that the broker itself sends.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// Who receives it.
    route: Bytes,
    /// The subject that receivers see, where it is not the route.
    subject: Option<Bytes>,
    reply: Option<Bytes>,
    header_len: Option<usize>,
    payload: Bytes,
}

/// Sends messages of the broker. Each thread that does so has its own.
pub(crate) struct Courier {
    router: Arc<Router>,
    mailbox: Arc<Mailbox>,
    batch: Batch,
}

// ---------------------------------------------------------------------------------------------------------

impl Outgoing {
    /// A message without headers.
    pub(crate) fn plain(to: Bytes, body: impl Into<Bytes>) -> Self {
        Self {
            route: to,
            subject: None,
            reply: None,
            header_len: None,
            payload: body.into(),
        }
    }

    /// A header block without a body.
    pub(crate) fn status(to: Bytes, reply: Option<Bytes>, block: Vec<u8>) -> Self {
        Self {
            route: to,
            subject: None,
            reply,
            header_len: Some(block.len()),
            payload: block.into(),
        }
    }

    /// What a requester hears where nobody listens.
    pub(crate) fn no_responders(to: Bytes) -> Self {
        Self::status(to, None, b"NATS/1.0 503\r\n\r\n".to_vec())
    }

    /// Headers and body in one piece.
    pub(crate) fn with_headers(to: Bytes, header_len: usize, payload: Bytes) -> Self {
        Self {
            route: to,
            subject: None,
            reply: None,
            header_len: Some(header_len),
            payload,
        }
    }

    /// A stored message, under its own subject.
    pub(crate) fn delivery(
        to: Bytes,
        subject: Bytes,
        reply: Bytes,
        header_len: usize,
        payload: Bytes,
    ) -> Self {
        Self {
            route: to,
            subject: Some(subject),
            reply: Some(reply),
            header_len: Some(header_len).filter(|len| *len > 0),
            payload,
        }
    }
}

impl Courier {
    pub(crate) fn new(router: Arc<Router>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            router,
            mailbox,
            batch: Batch::default(),
        }
    }

    /// A second one, for another thread.
    pub(crate) fn another(&self) -> Self {
        Self::new(Arc::clone(&self.router), Arc::clone(&self.mailbox))
    }

    /// Sends messages in order, and writes them out.
    pub(crate) fn send(&mut self, outgoing: impl IntoIterator<Item = Outgoing>) {
        for outgoing in outgoing {
            let message = Message {
                subject: outgoing.subject.as_ref().unwrap_or(&outgoing.route),
                reply: outgoing.reply.as_deref(),
                header_len: outgoing.header_len,
                payload: Payload::Shared(outgoing.payload.clone()),
            };
            self.router
                .publish(Origin::Internal, &outgoing.route, &message, &mut self.batch);
        }
        self.batch.flush(&self.router.counters);
        // Consumers are slowed down by looking at their receivers' backlog instead.
        self.batch.take_stalled();
        let ingests = self.batch.take_ingests();
        if !ingests.is_empty() {
            let dropped = self.mailbox.submit_now(ingests);
            self.router.counters.dropped.add(dropped);
        }
    }
}
