//! Why an artifact cannot be had.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use weft_model::digest::Digest;
use weft_model::problem::Coded;

use crate::claims::ClaimsError;
use crate::par::ArchiveError;
use crate::registry::RegistryError;

/// Why an artifact cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// There is no such file.
    #[error("there is no file `{path}`", path = path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read `{path}`", path = path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// The path leads to a directory, a device or the like.
    #[error("`{path}` is not a file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is larger than artifacts may be.
    #[error("`{path}` has {bytes} bytes, at most {bytes_max} are allowed", path = path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// The path is relative: a host has no directory that it could be relative to.
    #[error("`file://{path}` is not an absolute path")]
    Relative {
        /// The path as written.
        path: String,
    },
    /// The content is not what it is said to be.
    #[error("`{reference}` has the digest {found}, but {expected} was asked for")]
    Changed {
        /// The reference.
        reference: String,
        /// The digest asked for.
        expected: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// The reference is to something built in, which has no bytes.
    #[error("`{reference}` is built into the host and is no artifact")]
    Builtin {
        /// The reference.
        reference: String,
    },
    /// It cannot be had from its registry.
    #[error(transparent)]
    Pull(#[from] RegistryError),
    /// It is not a provider archive that can be used.
    #[error("cannot use `{reference}` as a provider")]
    Archive {
        /// The reference.
        reference: String,
        /// What is wrong.
        #[source]
        source: ArchiveError,
    },
    /// Its claims are no good.
    #[error("cannot trust `{reference}`")]
    Claims {
        /// The reference.
        reference: String,
        /// What is wrong.
        #[source]
        source: ClaimsError,
    },
    /// Reading was given up because the process shuts down.
    #[error("reading was interrupted by shutdown")]
    Interrupted,
}

impl Coded for FetchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "ART001",
            Self::Unreadable { .. } | Self::NotAFile { .. } => "ART002",
            Self::TooLarge { .. } => "ART003",
            Self::Relative { .. } => "ART004",
            Self::Changed { .. } => "ART005",
            Self::Builtin { .. } => "ART007",
            Self::Interrupted => "ART008",
            Self::Pull(error) => error.code(),
            Self::Archive { source, .. } => source.code(),
            Self::Claims { source, .. } => source.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Missing { path }
            | Self::Unreadable { path, .. }
            | Self::NotAFile { path }
            | Self::TooLarge { path, .. } => path.display().to_string(),
            Self::Relative { path } => path.clone(),
            Self::Changed { reference, .. }
            | Self::Builtin { reference }
            | Self::Archive { reference, .. }
            | Self::Claims { reference, .. } => reference.clone(),
            Self::Pull(error) => error.subject(),
            Self::Interrupted => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Missing { .. } => "build the component, or correct the path in the manifest",
            Self::Unreadable { .. } | Self::NotAFile { .. } => {
                "check that the host may read the file"
            }
            Self::TooLarge { .. } => "strip debug information from the component",
            Self::Relative { .. } => "write the whole path: `file:///...`",
            Self::Changed { .. } => {
                "deploy the application again to make a revision of the file as it is now"
            }
            Self::Builtin { .. } => "use `type: capability` for it",
            Self::Pull(error) => return error.hints(),
            Self::Archive { source, .. } => return source.hints(),
            Self::Claims { source, .. } => return source.hints(),
            Self::Interrupted => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
