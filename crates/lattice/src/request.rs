//! Why a request was not answered.

use std::error::Error;
use std::time::Duration;

use weft_model::problem::Coded;

/// Why a message was not sent, or a request not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Nobody listens on the subject.
    #[error("nobody answers on `{subject}`")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// Somebody listens, but did not answer in time. Whether the request was acted upon is not known.
    #[error("no answer on `{subject}` within {} ms", timeout.as_millis())]
    TimedOut {
        /// The subject.
        subject: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// NATS is unreachable; the request was not sent.
    #[error("NATS is unreachable, nothing was sent to `{subject}`")]
    Disconnected {
        /// The subject.
        subject: String,
    },
    /// The message is larger than the server takes.
    #[error("the message to `{subject}` has {bytes} bytes, the server takes at most {bytes_max}")]
    TooLarge {
        /// The subject.
        subject: String,
        /// The size of the body.
        bytes: usize,
        /// The largest message that the server takes.
        bytes_max: usize,
    },
    /// The text is no subject or queue group.
    #[error("`{subject}` is not a subject")]
    Subject {
        /// The text.
        subject: String,
    },
    /// The connection failed underneath.
    #[error("cannot send to `{subject}`")]
    Failed {
        /// The subject.
        subject: String,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
}

// ===== impl RequestError =====

impl Coded for RequestError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoResponders { .. } => "NET010",
            Self::TimedOut { .. } => "NET011",
            Self::Disconnected { .. } => "NET012",
            Self::TooLarge { .. } => "NET013",
            Self::Subject { .. } => "NET014",
            Self::Failed { .. } => "NET015",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::NoResponders { subject }
            | Self::TimedOut { subject, .. }
            | Self::Disconnected { subject }
            | Self::TooLarge { subject, .. }
            | Self::Subject { subject }
            | Self::Failed { subject, .. } => subject.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::NoResponders { .. } => {
                &["check that the host or manager runs, and is in this lattice"]
            }
            Self::TimedOut { .. } => &["ask again, or give it more time with `--timeout`"],
            Self::Disconnected { .. } => &["check that the NATS server runs"],
            Self::TooLarge { .. } => &["raise `max_payload` of the NATS server"],
            Self::Subject { .. } | Self::Failed { .. } => &[],
        };
        hints.iter().map(|&hint| hint.to_owned()).collect()
    }
}
