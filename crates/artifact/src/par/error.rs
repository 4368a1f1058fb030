//! What is wrong with an archive.

use std::io;
use std::sync::Arc;

use weft_model::problem::Coded;

use super::Target;
use crate::claims::ClaimsError;

/// What is wrong with an archive.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is not a tar, or its compression is broken.
    #[error("this is not a provider archive")]
    Malformed {
        /// What reading says.
        #[source]
        source: Arc<io::Error>,
    },
    /// Unpacked it is larger than archives may be.
    #[error("the provider archive has more than {bytes_max} bytes when it is unpacked")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// One entry is larger than entries may be.
    #[error("`{entry}` in the provider archive has {bytes} bytes, at most {bytes_max} are allowed")]
    EntryTooLarge {
        /// Its name.
        entry: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// There are more entries than there may be.
    #[error("the provider archive has more than {entries_max} entries")]
    TooMany {
        /// The bound.
        entries_max: usize,
    },
    /// There are two entries of one name, of which only one could be the signed one.
    #[error("the provider archive has `{entry}` twice")]
    Duplicate {
        /// The name.
        entry: String,
    },
    /// There is no token.
    #[error("the provider archive has no `claims.jwt`")]
    Unsigned,
    /// The token is no good, or the content is not what was signed.
    #[error("the provider archive is not what was signed")]
    Claims {
        /// What is wrong.
        #[source]
        source: ClaimsError,
    },
    /// An entry has no hash in the claims.
    #[error("the claims of the provider archive have no hash for `{entry}`")]
    Unlisted {
        /// Its name.
        entry: String,
    },
    /// There is no executable for this target.
    #[error(
        "the provider archive has no executable for `{target}`, only for {}",
        list(found)
    )]
    NoExecutable {
        /// The target.
        target: Target,
        /// The targets that there are executables for.
        found: Vec<Target>,
    },
    /// The unpacked executable, or the archive, cannot be written.
    #[error("cannot write what is unpacked from or packed into a provider archive")]
    Write {
        /// What the operating system says.
        #[source]
        source: Arc<io::Error>,
    },
}

fn list(targets: &[Target]) -> String {
    if targets.is_empty() {
        return "no other either".to_owned();
    }
    let names: Vec<String> = targets.iter().map(|target| format!("`{target}`")).collect();
    names.join(", ")
}

impl Coded for ArchiveError {
    fn code(&self) -> &'static str {
        match self {
            Self::Claims { source } => source.code(),
            Self::NoExecutable { .. } => "ART028",
            Self::Write { .. } => "ART020",
            Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::EntryTooLarge { .. }
            | Self::TooMany { .. }
            | Self::Duplicate { .. }
            | Self::Unsigned
            | Self::Unlisted { .. } => "ART027",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::EntryTooLarge { entry, .. }
            | Self::Duplicate { entry }
            | Self::Unlisted { entry } => entry.clone(),
            Self::NoExecutable { target, .. } => target.to_string(),
            Self::Claims { source } => source.subject(),
            _ => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Claims { source } => return source.hints(),
            Self::NoExecutable { .. } => {
                "build the provider for this platform, or place it on a host of another with labels"
            }
            Self::Write { .. } => "check that there is room on the disk",
            Self::TooLarge { .. } | Self::EntryTooLarge { .. } => {
                "strip debug information from the executables, or make an archive for each target"
            }
            _ => "make the archive again",
        };
        vec![hint.to_owned()]
    }
}
