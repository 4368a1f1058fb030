//! Why a call cannot be made.

use weft_artifact::FetchError;
use weft_engine::CallError as HostCallError;
use weft_model::id::ParseIdError;
use weft_model::problem::Coded;
use weft_wrpc::subject::SubjectError;
use weft_wrpc::{CallError, CallProblem, ConnectError, FailureCode};

use crate::failure::Failure;
use crate::status::Status;

/// Why a call cannot be made, or failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallFailure {
    /// The target is no id.
    #[error("`{target}` is no id of a component or provider")]
    Target {
        /// What was given.
        target: String,
        /// Why not.
        source: ParseIdError,
    },
    /// A name is no part of a subject.
    #[error("`{function}` has no subject of NATS")]
    Subject {
        /// The function.
        function: String,
        /// Why not.
        source: SubjectError,
    },
    /// The connection does not carry calls.
    #[error("cannot call over this connection")]
    Connect(#[source] ConnectError),
    /// Nothing tells the types of the component.
    #[error("the types of `{component}` are not known: {why}")]
    NoWit {
        /// The component.
        component: String,
        /// Why not.
        why: &'static str,
    },
    /// What the component was started from cannot be read from here.
    #[error("cannot read the types of `{component}` from `{image}`")]
    Fetch {
        /// The component.
        component: String,
        /// What it was started from.
        image: String,
        /// Why not.
        source: Box<FetchError>,
    },
    /// Options for HTTP were given for another function, or such that make no request.
    #[error("{0}")]
    Http(String),
    /// The call failed.
    #[error(transparent)]
    Call(CallProblem),
    /// The call of an HTTP handler failed.
    #[error(transparent)]
    Handler(HostCallError),
}

// ===== impl CallFailure =====

impl CallFailure {
    fn status(&self) -> Status {
        match self {
            Self::Target { .. } | Self::Subject { .. } | Self::Http(_) => Status::Usage,
            Self::Connect(_) => Status::Unreachable,
            Self::NoWit { .. } => Status::NotFound,
            Self::Fetch { .. } => Status::Rejected,
            Self::Call(problem) => match &problem.error {
                CallError::NoResponders => Status::NotFound,
                CallError::Deadline => Status::Deadline,
                CallError::Connection | CallError::Status { .. } => Status::Unreachable,
                CallError::Failed(failure) => match failure.code {
                    FailureCode::Deadline => Status::Deadline,
                    FailureCode::NoSuchFunction => Status::NotFound,
                    _ => Status::Rejected,
                },
                _ => Status::Rejected,
            },
            Self::Handler(HostCallError::Deadline) => Status::Deadline,
            Self::Handler(error) if error.code() == "CAL010" => Status::NotFound,
            Self::Handler(_) => Status::Rejected,
        }
    }
}

impl Coded for CallFailure {
    fn code(&self) -> &'static str {
        match self {
            Self::Target { .. } | Self::Subject { .. } => "CLI040",
            Self::Connect(_) => "RPC007",
            Self::NoWit { .. } => "CLI044",
            Self::Fetch { source, .. } => source.code(),
            Self::Http(_) => "CLI045",
            Self::Call(problem) => problem.code(),
            Self::Handler(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Target { target, .. } => target.clone(),
            Self::Subject { function, .. } => function.clone(),
            Self::Connect(_) | Self::Http(_) => String::new(),
            Self::NoWit { component, .. } | Self::Fetch { component, .. } => component.clone(),
            Self::Call(problem) => problem.subject(),
            Self::Handler(error) => error.subject(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoWit { .. } => vec![
                "give the WIT with `--wit FILE` or `--wit DIRECTORY`".to_owned(),
                "see with `weft get inventory` what runs".to_owned(),
            ],
            Self::Fetch { .. } => vec!["give the WIT with `--wit FILE`".to_owned()],
            Self::Http(_) => {
                vec!["`--method`, `--path`, `-H` and `-d` are for `wasi:http/incoming-handler.handle`".to_owned()]
            }
            Self::Call(problem) => match &problem.error {
                CallError::NoResponders => {
                    vec!["see with `weft get inventory` what runs, and where".to_owned()]
                }
                CallError::Deadline => vec!["allow more time with `--timeout`".to_owned()],
                _ => problem.hints(),
            },
            Self::Handler(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

impl From<CallFailure> for Failure {
    fn from(error: CallFailure) -> Self {
        Self::new(error.status(), &error)
    }
}
