//! What a consumer is told.

use super::{Ack, Pull};
use crate::jetstream::config::ConsumerConfig;

/// What happens to a consumer.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// Deliver what can be delivered, up to a portion.
    Poll,
    /// A message with a matching subject was stored.
    Stored,
    /// A message with a matching subject was removed.
    Removed {
        seq: u64,
    },
    /// Many messages were removed.
    Purged,
    Ack(Ack),
    Pull(Pull),
    /// Someone answered the flow control request with this subject.
    FlowControl {
        subject: &'a [u8],
    },
    /// Whether anyone listens on a watched subject.
    Interest {
        subject: &'a [u8],
        is_present: bool,
    },
    Update(Box<ConsumerConfig>),
    /// Time has passed: see [`super::Consumer::deadline`].
    Tick,
}
