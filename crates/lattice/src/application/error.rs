//! Why a manager did not do what it was asked.

use weft_model::problem::{Coded, Problem};
use weft_protocol::json::DecodeError;
use weft_protocol::subject::ApplicationOperation;

use crate::request::RequestError;

/// Why a request to the application API did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicationError {
    /// The request was not answered.
    #[error("`{operation}` was not answered")]
    Request {
        /// What was asked.
        operation: ApplicationOperation,
        /// Why not.
        source: RequestError,
    },
    /// The manager refused.
    #[error("`{operation}` was refused: {message}")]
    Refused {
        /// What was asked.
        operation: ApplicationOperation,
        /// What the manager says.
        message: String,
        /// All problems, where the manager is a Weft.
        problems: Vec<Problem>,
    },
    /// There is no such application or version.
    #[error("`{operation}` found nothing: {message}")]
    NotFound {
        /// What was asked.
        operation: ApplicationOperation,
        /// What the manager says.
        message: String,
    },
    /// The answer is not understood.
    #[error("the answer to `{operation}` is not understood")]
    Decode {
        /// What was asked.
        operation: ApplicationOperation,
        /// Why not.
        source: DecodeError,
    },
}

// ===== impl ApplicationError =====

impl Coded for ApplicationError {
    fn code(&self) -> &'static str {
        match self {
            Self::Request { source, .. } => source.code(),
            Self::Refused { .. } => "LAT001",
            Self::Decode { .. } => "LAT002",
            Self::NotFound { .. } => "LAT004",
        }
    }

    fn subject(&self) -> String {
        let (Self::Request { operation, .. }
        | Self::Refused { operation, .. }
        | Self::NotFound { operation, .. }
        | Self::Decode { operation, .. }) = self;
        operation
            .application()
            .map_or_else(|| operation.to_string(), ToString::to_string)
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Request { source, .. } => source.hints(),
            Self::Refused { problems, .. } => {
                let mut hints: Vec<String> = problems
                    .iter()
                    .flat_map(|problem| problem.hints.clone())
                    .collect();
                hints.truncate(2);
                hints
            }
            Self::NotFound { .. } => vec!["list what is there with `weft app list`".to_owned()],
            Self::Decode { .. } => vec!["check the version of the manager".to_owned()],
        }
    }
}
