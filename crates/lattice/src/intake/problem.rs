//! Why a request is not taken in.

use weft_model::problem::Coded;
use weft_protocol::json::PAYLOAD_BYTES_MAX;
use weft_protocol::subject::SubjectError;

/// Why a request is not taken in; told to whoever asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeProblem {
    /// Too many requests wait already.
    #[error("overloaded: {waiting} requests wait already")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// The subject names no operation; the text is that of the dialect.
    #[error(transparent)]
    Subject(SubjectError),
    /// The body is larger than anything that is served.
    #[error("the request has {bytes} bytes, at most {PAYLOAD_BYTES_MAX} are served")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

// ===== impl IntakeProblem =====

impl Coded for IntakeProblem {
    fn code(&self) -> &'static str {
        match self {
            Self::Overloaded { .. } => "LAT003",
            Self::Subject(_) => "LAT005",
            Self::TooLarge { .. } => "LAT006",
        }
    }

    fn subject(&self) -> String {
        "request".to_owned()
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Overloaded { .. } => vec!["ask again later".to_owned()],
            Self::Subject(_) | Self::TooLarge { .. } => Vec::new(),
        }
    }
}
