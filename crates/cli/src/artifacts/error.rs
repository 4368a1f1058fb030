//! What can go wrong with artifacts, beyond what their library tells.

use std::io;
use std::path::PathBuf;

use weft_artifact::FetchError;
use weft_artifact::claims::ClaimsError;
use weft_artifact::par::ArchiveError;
use weft_model::problem::Coded;
use weft_model::reference::ParseReferenceError;
use weft_node::StartError;

use crate::failure::Failure;
use crate::status::Status;

/// Why a command about artifacts does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactError {
    /// Fetching, pushing or reading failed.
    #[error(transparent)]
    Fetch(FetchError),
    /// An archive cannot be read or written.
    #[error("`{}` is no provider archive that can be used", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ArchiveError,
    },
    /// Claims cannot be read or made.
    #[error("the claims of `{}` cannot be used", path.display())]
    Claims {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ClaimsError,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(Box<StartError>),
    /// A text is no reference.
    #[error("`{text}` is no reference to an image")]
    Reference {
        /// The text.
        text: String,
        /// Why not.
        source: ParseReferenceError,
    },
    /// A reference that is not to a registry.
    #[error("`{reference}` is in no registry")]
    NotPulled {
        /// The reference.
        reference: String,
    },
    /// The arguments were given the other way round.
    #[error("`{first}` is no file, but `{second}` is")]
    Swapped {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// A user without a password.
    #[error("`--user` needs a password")]
    PasswordMissing,
    /// The file is something else.
    #[error("`{}` is not {wanted}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it would have to be.
        wanted: &'static str,
    },
    /// The file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something is there already.
    #[error("`{}` is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Whoever waited interrupted.
    #[error("interrupted while transferring {what}")]
    Interrupted {
        /// What was under way.
        what: String,
    },
}

// ===== impl ArtifactError =====

impl ArtifactError {
    fn status(&self) -> Status {
        match self {
            Self::Fetch(error) => fetch_status(error),
            Self::Archive { .. }
            | Self::Claims { .. }
            | Self::DataDir(_)
            | Self::Content { .. }
            | Self::Exists { .. } => Status::Rejected,
            Self::Reference { .. }
            | Self::NotPulled { .. }
            | Self::Swapped { .. }
            | Self::PasswordMissing => Status::Usage,
            Self::Write { .. } => Status::Unforeseen,
            Self::Interrupted { .. } => Status::Interrupted,
        }
    }
}

/// The exit status that a failure to fetch leads to.
fn fetch_status(error: &FetchError) -> Status {
    match error {
        FetchError::Missing { .. } => Status::NotFound,
        FetchError::Pull(error) if error.is_not_found() => Status::NotFound,
        FetchError::Pull(error) if error.is_outage() => Status::Unreachable,
        _ => Status::Rejected,
    }
}

impl Coded for ArtifactError {
    fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Archive { source, .. } => source.code(),
            Self::Claims { source, .. } => source.code(),
            Self::DataDir(error) => error.code(),
            Self::Reference { .. } | Self::NotPulled { .. } => "ART009",
            Self::Swapped { .. } | Self::PasswordMissing => "CLI012",
            Self::Content { .. } => "ART017",
            Self::Write { .. } => "CLI032",
            Self::Exists { .. } => "CLI031",
            Self::Interrupted { .. } => "CLI017",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Fetch(error) => error.subject(),
            Self::DataDir(error) => error.subject(),
            Self::Archive { path, .. }
            | Self::Claims { path, .. }
            | Self::Content { path, .. }
            | Self::Write { path, .. }
            | Self::Exists { path } => path.display().to_string(),
            Self::Reference { text, .. } => text.clone(),
            Self::NotPulled { reference } => reference.clone(),
            Self::Swapped { first, .. } => first.clone(),
            Self::PasswordMissing => "--user".to_owned(),
            Self::Interrupted { what } => what.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Fetch(error) => return error.hints(),
            Self::Archive { source, .. } => return source.hints(),
            Self::Claims { source, .. } => return source.hints(),
            Self::DataDir(error) => return error.hints(),
            Self::Reference { .. } | Self::NotPulled { .. } => {
                "write it as `registry/path/name:tag`".to_owned()
            }
            Self::Swapped { first, second } => {
                format!("the file comes first: `weft push {second} {first}`")
            }
            Self::PasswordMissing => "name a file with it: `--password-file FILE`".to_owned(),
            Self::Content { .. } => "`weft inspect` tells what it is".to_owned(),
            Self::Exists { .. } => "name another file, or replace it with `--force`".to_owned(),
            Self::Interrupted { .. } => "do it again: a download goes on where it ended".to_owned(),
            Self::Write { .. } => {
                "check that the directory is there and that you may write to it".to_owned()
            }
        };
        vec![hint]
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        Self::new(error.status(), &error)
    }
}
