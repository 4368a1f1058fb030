//! Why nothing was stopped.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use weft_model::problem::Coded;
use weft_node::run_file::RunFileError;

use crate::failure::Failure;
use crate::status::Status;
use crate::ui::render_elapsed;

/// Why nothing was stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum DownError {
    /// Nothing runs there.
    #[error("no `weft up` runs with the data directory `{}`", path.display())]
    Nothing {
        /// The data directory.
        path: PathBuf,
    },
    /// Nothing runs there any more.
    #[error(
        "no `weft up` runs with the data directory `{}`: process {pid} ended without stopping",
        path.display()
    )]
    Left {
        /// The data directory.
        path: PathBuf,
        /// The process that ran.
        pid: u32,
    },
    /// Something runs there that does not tell what it is.
    #[error(
        "the `weft up` with the data directory `{}` is starting or stopping just now",
        path.display()
    )]
    NotReady {
        /// The data directory.
        path: PathBuf,
    },
    /// The process cannot be asked to end.
    #[error("cannot ask process {pid} to stop")]
    Signal {
        /// The process.
        pid: u32,
        /// Why not.
        source: io::Error,
    },
    /// It takes longer than was to be waited.
    #[error("process {pid} has not stopped after {}, it goes on stopping", render_elapsed(*timeout))]
    NotStopped {
        /// The process.
        pid: u32,
        /// How long was waited.
        timeout: Duration,
    },
    /// Somebody interrupted the waiting.
    #[error("the waiting was interrupted, process {pid} goes on stopping")]
    Interrupted {
        /// The process.
        pid: u32,
    },
    /// The run file or lock cannot be used.
    #[error(transparent)]
    RunFile(RunFileError),
}

// ===== impl DownError =====

impl Coded for DownError {
    fn code(&self) -> &'static str {
        match self {
            Self::Nothing { .. } | Self::Left { .. } => "CLI001",
            Self::NotReady { .. } | Self::Signal { .. } => "CLI003",
            Self::NotStopped { .. } => "CLI009",
            Self::Interrupted { .. } => "CLI017",
            Self::RunFile(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Nothing { path } | Self::Left { path, .. } | Self::NotReady { path } => {
                path.display().to_string()
            }
            Self::Signal { pid, .. } | Self::NotStopped { pid, .. } | Self::Interrupted { pid } => {
                pid.to_string()
            }
            Self::RunFile(error) => error.subject(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Nothing { .. } => "name the data directory of another with `--data-dir`",
            Self::Left { .. } => "start it again with `weft up`; what it kept is there",
            Self::NotReady { .. } => "try again in a moment",
            Self::Signal { .. } => "stop it as the user who started it",
            Self::NotStopped { .. } => "wait longer with `--timeout`, or end the process by hand",
            Self::Interrupted { .. } => "see with `weft down` whether it has stopped",
            Self::RunFile(error) => return error.hints(),
        };
        vec![hint.to_owned()]
    }
}

impl From<DownError> for Failure {
    fn from(error: DownError) -> Self {
        let status = match error {
            DownError::Nothing { .. } | DownError::Left { .. } => Status::NotFound,
            DownError::NotReady { .. } | DownError::Signal { .. } => Status::Rejected,
            DownError::NotStopped { .. } => Status::Deadline,
            DownError::Interrupted { .. } => Status::Interrupted,
            DownError::RunFile(_) => Status::Unforeseen,
        };
        Self::new(status, &error)
    }
}
