//! Why a command cannot begin.

use std::path::PathBuf;

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
    /// Nothing runs with the data directory that was named.
    #[error("no `weft up` runs with the data directory `{}`", path.display())]
    NotRunning {
        /// The data directory.
        path: PathBuf,
    },
    /// What runs with the data directory that was named does not tell yet, or any more, where its lattice is.
    #[error(
        "the `weft up` with the data directory `{}` is starting or stopping just now",
        path.display()
    )]
    NotReady {
        /// The data directory.
        path: PathBuf,
    },
    /// There is no connection to the lattice.
    #[error(transparent)]
    Connect(ConnectError),
    /// There is no connection to the server that an option of the command names.
    #[error("{source}")]
    Elsewhere {
        /// The option.
        option: &'static str,
        /// Why not.
        source: ConnectError,
    },
    /// The server does not answer.
    #[error(transparent)]
    Request(RequestError),
}

// ===== impl ContextError =====

impl Coded for ContextError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoDataDir => "CLI014",
            Self::NotRunning { .. } => "CLI001",
            Self::NotReady { .. } => "CLI003",
            Self::Connect(error) | Self::Elsewhere { source: error, .. } => error.code(),
            Self::Request(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::NoDataDir => "data directory".to_owned(),
            Self::NotRunning { path } | Self::NotReady { path } => path.display().to_string(),
            Self::Connect(error) | Self::Elsewhere { source: error, .. } => error.subject(),
            Self::Request(error) => error.subject(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoDataDir => vec!["name a directory with `--data-dir`".to_owned()],
            Self::NotRunning { .. } => vec![
                "check `--data-dir`, and the variable `WEFT_DATA_DIR`, which counts too".to_owned(),
                "name the server of a lattice elsewhere with `--nats-url`".to_owned(),
            ],
            Self::NotReady { .. } => vec!["try again in a moment".to_owned()],
            Self::Connect(ConnectError::Unreachable { .. }) => vec![
                "start a lattice on this machine with `weft up`".to_owned(),
                "name another server with `--nats-url`".to_owned(),
            ],
            Self::Elsewhere {
                option,
                source: ConnectError::Unreachable { .. },
            } => vec![format!("name another server with `{option}`")],
            Self::Connect(error) | Self::Elsewhere { source: error, .. } => error.hints(),
            Self::Request(error) => error.hints(),
        }
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        let status = match &error {
            ContextError::NoDataDir => Status::Usage,
            ContextError::NotRunning { .. } => Status::NotFound,
            ContextError::NotReady { .. } => Status::Rejected,
            ContextError::Connect(error) | ContextError::Elsewhere { source: error, .. } => {
                connect_status(error)
            }
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
