//! What can go wrong with keys.

use std::io;
use std::path::PathBuf;

use weft_model::problem::Coded;

use super::kind::Kind;
use crate::failure::Failure;
use crate::status::Status;

/// Why there is no key. None holds a part of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// There is no such file.
    #[error("there is no key in `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is a key already.
    #[error("there is a key in `{}` already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no seed.
    #[error("`{}` holds no seed of a key", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The text cannot be a name.
    #[error("`{name}` cannot be the name of a key")]
    Name {
        /// The text.
        name: String,
    },
    /// The key is of another kind.
    #[error("`{name}` is the key of {}, but that of {} is needed", a(*found), a(*wanted))]
    Kind {
        /// The key as it was named.
        name: String,
        /// What it has to be.
        wanted: Kind,
        /// What it is.
        found: Kind,
    },
}

fn a(kind: Kind) -> String {
    let article = match kind {
        Kind::Account | Kind::Operator => "an",
        _ => "a",
    };
    format!("{article} {}", kind.word())
}

// ===== impl KeyError =====

impl Coded for KeyError {
    fn code(&self) -> &'static str {
        "CLI033"
    }

    fn subject(&self) -> String {
        match self {
            Self::Missing { path }
            | Self::Unreadable { path, .. }
            | Self::Unwritable { path, .. }
            | Self::Exists { path }
            | Self::Malformed { path } => path.display().to_string(),
            Self::Name { name } | Self::Kind { name, .. } => name.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Missing { .. } => {
                "see which there are with `weft keys list`, or make one with `weft keys gen`"
                    .to_owned()
            }
            Self::Exists { .. } => {
                "name another one, or replace it with `--force`; what it signed stays signed"
                    .to_owned()
            }
            Self::Malformed { .. } => {
                "a file with a key has one line, which begins with `S`".to_owned()
            }
            Self::Name { .. } => "use letters, digits, `-`, `_` and `.`".to_owned(),
            Self::Kind { wanted, .. } => format!("make one with `weft keys gen {}`", wanted.word()),
            Self::Unreadable { .. } | Self::Unwritable { .. } => return Vec::new(),
        };
        vec![hint]
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let status = match &error {
            KeyError::Missing { .. } => Status::NotFound,
            KeyError::Name { .. } => Status::Usage,
            KeyError::Unreadable { .. } | KeyError::Unwritable { .. } => Status::Unforeseen,
            KeyError::Exists { .. } | KeyError::Malformed { .. } | KeyError::Kind { .. } => {
                Status::Rejected
            }
        };
        Self::new(status, &error)
    }
}
