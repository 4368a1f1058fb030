//! Why nothing more was copied.

use weft_lattice::{CopyError, RequestError};
use weft_model::problem::Coded;

use crate::failure::Failure;
use crate::status::Status;

/// Why nothing more was copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyFailure {
    /// Both are one server.
    #[error("`{url}` is the server to copy from")]
    Same {
        /// The server.
        url: String,
    },
    /// A server does not answer.
    #[error(transparent)]
    Server(RequestError),
    /// The copy failed.
    #[error(transparent)]
    Copy(CopyError),
    /// Interrupted from the terminal.
    #[error("interrupted; what was copied stays")]
    Interrupted,
}

// ===== impl CopyFailure =====

impl CopyFailure {
    fn status(&self) -> Status {
        match self {
            Self::Same { .. } => Status::Usage,
            Self::Server(_)
            | Self::Copy(
                CopyError::Request { .. }
                | CopyError::NoJetstream { .. }
                | CopyError::Unconfirmed { .. },
            ) => Status::Unreachable,
            Self::Copy(CopyError::NoStream { .. }) => Status::NotFound,
            Self::Copy(
                CopyError::Refused { .. }
                | CopyError::Different { .. }
                | CopyError::TooLarge { .. },
            ) => Status::Rejected,
            Self::Copy(_) => Status::Unforeseen,
            Self::Interrupted => Status::Interrupted,
        }
    }
}

impl Coded for CopyFailure {
    fn code(&self) -> &'static str {
        match self {
            Self::Same { .. } => "CLI020",
            Self::Server(error) => error.code(),
            Self::Copy(error) => error.code(),
            Self::Interrupted => "CLI017",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Same { url } => url.clone(),
            Self::Server(error) => error.subject(),
            Self::Copy(error) => error.subject(),
            Self::Interrupted => "copy".to_owned(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Same { .. } => vec!["name another server with `--to`".to_owned()],
            Self::Server(error) => error.hints(),
            Self::Copy(error) => error.hints(),
            Self::Interrupted => {
                vec!["run it again: it continues where it stopped".to_owned()]
            }
        }
    }
}

impl From<CopyFailure> for Failure {
    fn from(failure: CopyFailure) -> Self {
        Self::new(failure.status(), &failure)
    }
}
