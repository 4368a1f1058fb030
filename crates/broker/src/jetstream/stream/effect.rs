//! What a stream says is to be done.

use super::{Remains, Subject};
use crate::jetstream::ApiError;
use crate::jetstream::clock::WallTime;

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Keep the message that was just published.
    Store(Stored),
    /// The sequence of the message that was just published is used, but nobody waits for it: keep nothing.
    Skip,
    /// Forget one message.
    Forget { seq: u64, remains: Remains },
    /// Forget all messages before `seq`; there is none left.
    ForgetAll { below: u64 },
    /// The outcome for whoever asked; always the last effect, and none follows a tick or a release.
    Outcome(Outcome),
}

/// A message that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) seq: u64,
    pub(crate) subject: Subject,
    pub(crate) time: WallTime,
    pub(crate) header_len: u32,
    pub(crate) body_len: u32,
    pub(crate) msg_id: Option<Box<[u8]>>,
    pub(crate) expiry: Expiry,
}

/// When a message goes by itself, apart from the age limit of its stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// The stream's age limit applies.
    #[default]
    Stream,
    /// It goes at this time, or earlier by the stream's age limit.
    At(WallTime),
    /// It stays, whatever the stream's age limit.
    Never,
}

/// How a request to a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stored {
        seq: u64,
    },
    /// The message id was seen before, with the message `seq`.
    Duplicate {
        seq: u64,
    },
    Refused(ApiError),
    /// Nothing was done.
    Ignored,
    Removed {
        existed: bool,
    },
    Purged {
        count: u64,
    },
    Updated,
}
