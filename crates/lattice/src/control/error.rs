//! Why a host did not do what it was asked.

use weft_model::problem::{Coded, Problem};
use weft_protocol::ConvertError;
use weft_protocol::json::DecodeError;
use weft_protocol::subject::Operation;

use crate::request::RequestError;

/// Why a control request did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The request was not answered.
    #[error("`{operation}` was not answered")]
    Request {
        /// What was asked.
        operation: Operation,
        /// Why not.
        source: RequestError,
    },
    /// The host refused.
    #[error("`{operation}` was refused: {message}")]
    Refused {
        /// What was asked.
        operation: Operation,
        /// What the host says.
        message: String,
        /// The problem, where the host is one of Weft.
        problem: Option<Box<Problem>>,
    },
    /// The answer is not understood.
    #[error("the answer to `{operation}` is not understood")]
    Decode {
        /// What was asked.
        operation: Operation,
        /// Why not.
        source: DecodeError,
    },
    /// The answer has a value that is not valid.
    #[error("the answer to `{operation}` is not valid")]
    Convert {
        /// What was asked.
        operation: Operation,
        /// Why not.
        source: ConvertError,
    },
    /// The answer lacks the data.
    #[error("the answer to `{operation}` has no data")]
    NoData {
        /// What was asked.
        operation: Operation,
    },
}

// ===== impl ControlError =====

impl ControlError {
    /// The problem as the host tells it, where it is one of Weft.
    pub fn remote_problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } => problem.as_deref(),
            _ => None,
        }
    }
}

impl Coded for ControlError {
    fn code(&self) -> &'static str {
        match self {
            Self::Request { source, .. } => source.code(),
            Self::Refused { .. } => "LAT001",
            Self::Decode { .. } | Self::Convert { .. } | Self::NoData { .. } => "LAT002",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Request { operation, .. }
            | Self::Refused { operation, .. }
            | Self::Decode { operation, .. }
            | Self::Convert { operation, .. }
            | Self::NoData { operation } => operation.to_string(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Request { source, .. } => source.hints(),
            Self::Refused { problem, .. } => problem
                .as_ref()
                .map(|problem| problem.hints.clone())
                .unwrap_or_default(),
            Self::Decode { .. } | Self::Convert { .. } | Self::NoData { .. } => {
                vec!["check the version of the host".to_owned()]
            }
        }
    }
}
