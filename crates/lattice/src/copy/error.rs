//! Why streams could not be copied.

use std::error::Error;

use weft_model::problem::Coded;

use crate::request::RequestError;

/// Why streams could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A server does not answer.
    #[error("the {side} does not answer about stream `{stream}`")]
    Request {
        /// `source` or `target`.
        side: &'static str,
        /// The stream; empty when it is about all.
        stream: String,
        /// Why not.
        source: RequestError,
    },
    /// A server has no JetStream, or not for this account or domain.
    #[error("the {side} has no JetStream")]
    NoJetstream {
        /// `source` or `target`.
        side: &'static str,
    },
    /// A server refuses.
    #[error("the {side} refuses a request about stream `{stream}`: {description} ({code})")]
    Refused {
        /// `source` or `target`.
        side: &'static str,
        /// The stream.
        stream: String,
        /// JetStream's number of the error.
        code: u64,
        /// What the server says.
        description: String,
    },
    /// The answer of a server is not understood.
    #[error("an answer of the {side} about stream `{stream}` is not understood")]
    Answer {
        /// `source` or `target`.
        side: &'static str,
        /// The stream.
        stream: String,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The source has no such stream.
    #[error("the source has no stream `{stream}`")]
    NoStream {
        /// The stream.
        stream: String,
    },
    /// The target has a stream of the same name that holds something else.
    #[error("stream `{stream}` of the target is not a copy of the source's: {difference}")]
    Different {
        /// The stream.
        stream: String,
        /// What differs.
        difference: Difference,
    },
    /// A message is larger than the target takes.
    #[error(
        "message {sequence} of stream `{stream}` has {bytes} bytes, the target takes at most {bytes_max}"
    )]
    TooLarge {
        /// The stream.
        stream: String,
        /// The number of the message.
        sequence: u64,
        /// Its size, headers included.
        bytes: usize,
        /// The largest size.
        bytes_max: usize,
    },
    /// The target did not confirm a message in time.
    #[error("the target does not confirm message {sequence} of stream `{stream}`")]
    Unconfirmed {
        /// The stream.
        stream: String,
        /// The number of the message.
        sequence: u64,
    },
}

/// How a stream of the target differs from that of the source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// A message is another.
    #[error("message {0} is another")]
    Other(u64),
    /// It has been written to: the source has no such messages yet.
    #[error("it has messages up to {0}, which the source does not")]
    Ahead(u64),
    /// A message is missing, and a later one is there.
    #[error("message {0} is missing")]
    Missing(u64),
    /// A message that the source has no more cannot be removed.
    #[error("message {0} is not in the source any more and cannot be removed")]
    Left(u64),
    /// A message got another number: somebody else writes to the target.
    #[error("somebody else writes to it, at message {0}")]
    Written(u64),
    /// It keeps messages in another way, which cannot be changed.
    #[error("its storage or retention is another")]
    Kind,
}

// ===== impl CopyError =====

impl Coded for CopyError {
    fn code(&self) -> &'static str {
        match self {
            Self::Request { source, .. } => source.code(),
            Self::NoJetstream { .. } => "LAT012",
            Self::Refused { .. } | Self::TooLarge { .. } => "LAT020",
            Self::Answer { .. } | Self::Unconfirmed { .. } => "LAT021",
            Self::NoStream { .. } => "LAT022",
            Self::Different { .. } => "LAT023",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::NoJetstream { side } => (*side).to_owned(),
            Self::Request { stream, side, .. } if stream.is_empty() => (*side).to_owned(),
            Self::Request { stream, .. }
            | Self::Refused { stream, .. }
            | Self::Answer { stream, .. }
            | Self::NoStream { stream }
            | Self::Different { stream, .. }
            | Self::TooLarge { stream, .. }
            | Self::Unconfirmed { stream, .. } => stream.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Request { source, .. } => return source.hints(),
            Self::NoJetstream { .. } => {
                "start the NATS server with `-js`, or name the JetStream domain"
            }
            Self::NoStream { .. } => "a bucket is the stream `KV_` and its name",
            Self::Different {
                difference: Difference::Ahead(_) | Difference::Written(_),
                ..
            } => "copy before anything writes to the target",
            Self::Different { .. } => {
                "remove the stream from the target and copy again, or copy to another server"
            }
            Self::TooLarge { .. } => "raise `max_payload` of the target",
            Self::Unconfirmed { .. } => "run it again: it continues where it stopped",
            Self::Refused { .. } | Self::Answer { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
