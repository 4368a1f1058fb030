//! Streams and futures, as those read and write them who take part in a call.

mod reader;
mod writer;

use crate::codec;
use crate::endpoint::Break;
use crate::failure::Failure;

pub use reader::{Elements, FutureReader, StreamReader};
pub(crate) use writer::{Connector, Link};
pub use writer::{FutureWriter, Outgoing, StreamWriter, future, stream};

/// Why a stream or future gives or takes no more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The other end says that it failed.
    #[error("the stream was broken off")]
    Failed(#[source] Failure),
    /// Nothing moved for [`crate::Options::stream_idle_timeout`].
    #[error("the stream stood still for too long")]
    Idle,
    /// Messages were lost on the way.
    #[error("messages of the stream were lost")]
    Lost,
    /// It ended within a value, as it does when a callee of 1.9 fails.
    #[error("the stream ended within a value")]
    Truncated,
    /// More came than the call may take; 1.9 has no means to slow a sender down.
    #[error("the stream was faster than its reader, and its buffer is full")]
    Overflow,
    /// The other end reads no more, or the call never came to be.
    #[error("nobody reads the stream")]
    Closed,
    /// The connection was closed.
    #[error("the connection was closed")]
    Connection,
    /// The other end is gone: its process or its connection has ended.
    #[error("the other end is gone")]
    Gone,
    /// What came is no value of the type.
    #[error("the stream holds something else than its type")]
    Codec(#[source] codec::Error),
}

impl From<Break> for StreamError {
    fn from(reason: Break) -> Self {
        match reason {
            Break::Failure(failure) => Self::Failed(failure),
            Break::Overflow => Self::Overflow,
            Break::Connection => Self::Connection,
            Break::Gone => Self::Gone,
        }
    }
}
