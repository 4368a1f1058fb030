//! What a consumer says is to be done.

use bytes::Bytes;

use crate::jetstream::ApiError;

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    Deliver(Delivery),
    /// Send a header block without a body.
    Status {
        to: Bytes,
        reply: Option<Bytes>,
        block: Vec<u8>,
    },
    /// Confirm an acknowledgement.
    Confirm {
        to: Bytes,
    },
    /// Tell about interest in a subject from now on.
    Watch {
        subject: Bytes,
    },
    Unwatch {
        subject: Bytes,
    },
    /// A message needs no further delivery by this consumer: it was acknowledged, or need not be.
    Settled {
        seq: u64,
    },
    /// Poll again soon.
    Ready,
    /// What is to survive a restart has changed.
    Save,
    /// Nobody uses the consumer any more: remove it.
    Expire,
    Notice(Notice),
    /// The update was refused.
    Refused(ApiError),
}

/// A message on its way to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) to: Bytes,
    pub(crate) seq: u64,
    /// Where to acknowledge it; its parts tell what it is.
    pub(crate) reply: String,
    pub(crate) headers_only: bool,
}

/// Something that is announced to whoever listens for advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    MaxDeliveries {
        stream_seq: u64,
        deliveries: u64,
    },
    Naked {
        stream_seq: u64,
        consumer_seq: u64,
        deliveries: u64,
    },
    Terminated {
        stream_seq: u64,
        consumer_seq: u64,
        deliveries: u64,
        reason: String,
    },
}
