//! Why a command cannot begin.

use weft_lattice::{ConnectError, RequestError};
use weft_model::problem::Coded;

use crate::failure::Failure;
use crate::status::Status;

/// Why a command cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    /// Neither the arguments nor the environment name a directory for data.
    #[error("there is no data directory: neither `--data-dir` nor `HOME` is set")]
    NoDataDir,
    /// There is no connection to the lattice.
    #[error(transparent)]
    Connect(ConnectError),
    /// The server does not answer.
    #[error(transparent)]
    Request(RequestError),
}

// ===== impl ContextError =====

impl Coded for ContextError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoDataDir => "CLI014",
            Self::Connect(error) => error.code(),
            Self::Request(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::NoDataDir => "data directory".to_owned(),
            Self::Connect(error) => error.subject(),
            Self::Request(error) => error.subject(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoDataDir => vec!["name a directory with `--data-dir`".to_owned()],
            Self::Connect(ConnectError::Unreachable { .. }) => vec![
                "start a lattice on this machine with `weft up`".to_owned(),
                "name another server with `--nats-url`".to_owned(),
            ],
            Self::Connect(error) => error.hints(),
            Self::Request(error) => error.hints(),
        }
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        let status = match &error {
            ContextError::NoDataDir => Status::Usage,
            ContextError::Connect(error) => connect_status(error),
            ContextError::Request(_) => Status::Unreachable,
        };
        Self::new(status, &error)
    }
}

/// The exit status of a connection that is not there.
pub(crate) fn connect_status(error: &ConnectError) -> Status {
    match error {
        ConnectError::Url { .. } | ConnectError::NoUrl => Status::Usage,
        ConnectError::Credentials { .. } => Status::NotFound,
        ConnectError::Refused { .. } => Status::Rejected,
        _ => Status::Unreachable,
    }
}
