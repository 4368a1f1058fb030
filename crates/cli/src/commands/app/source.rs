//! Where manifests come from.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use weft_manifest::TEXT_BYTES_MAX;
use weft_model::id::ApplicationName;
use weft_model::problem::Coded;

use crate::context::Context;
use crate::failure::Failure;
use crate::status::Status;

/// What is written for standard input.
const INPUT: &str = "-";

/// The bytes of a manifest, and where they come from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What messages call it.
    pub(crate) name: String,
    /// What is in it; at most [`TEXT_BYTES_MAX`].
    pub(crate) bytes: Vec<u8>,
    /// The directory that relative paths in it count from; absolute.
    pub(crate) base: PathBuf,
}

/// What `FILE|NAME` means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum FileOrName {
    /// A manifest to read.
    File(String),
    /// An application whose manifest was put before.
    Name(ApplicationName),
}

/// Why a manifest, or another file that is named, cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// There is no such file.
    #[error("there is no file `{}`", path.display())]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot read `{name}`")]
    Unreadable {
        /// What is read.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// It is larger than manifests may be.
    #[error("`{name}` is larger than {TEXT_BYTES_MAX} bytes")]
    TooLarge {
        /// What is read.
        name: String,
    },
    /// Standard input was named twice.
    #[error("standard input can be read once, but is named several times")]
    InputTwice,
}

/// Reads the manifest that `path` names, `-` being standard input.
///
/// # Errors
///
/// [`SourceError`].
pub(crate) fn read_source(context: &mut Context, path: &str) -> Result<Source, SourceError> {
    let bytes_max = TEXT_BYTES_MAX as u64;
    let (name, read, base) = if path == INPUT {
        let read = context
            .console
            .read_input(bytes_max)
            .ok_or(SourceError::InputTwice)?;
        ("stdin".to_owned(), read, context.directory.clone())
    } else {
        let whole = context.directory.join(path);
        let base = whole.parent().unwrap_or(&whole).to_path_buf();
        (path.to_owned(), read_file(&whole, bytes_max), base)
    };
    let bytes = read.map_err(|source| SourceError::of(&name, source))?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(SourceError::TooLarge { name });
    }
    Ok(Source { name, bytes, base })
}

fn read_file(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

// ===== impl FileOrName =====

impl FileOrName {
    /// What `text` means: what can be the name of an application is one, everything else a file.
    pub(crate) fn of(text: &str) -> Self {
        match text.parse() {
            Ok(name) if text != INPUT => Self::Name(name),
            _ => Self::File(text.to_owned()),
        }
    }
}

// ===== impl SourceError =====

impl SourceError {
    /// What keeps the file `name`, which is its path as it was given, from being read.
    pub(crate) fn of(name: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path: name.into() },
            _ => Self::Unreadable {
                name: name.to_owned(),
                source,
            },
        }
    }
}

impl Coded for SourceError {
    fn code(&self) -> &'static str {
        "CLI007"
    }

    fn subject(&self) -> String {
        match self {
            Self::Missing { path } => path.display().to_string(),
            Self::Unreadable { name, .. } | Self::TooLarge { name } => name.clone(),
            Self::InputTwice => INPUT.to_owned(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Missing { .. } => "check the path; it counts from the current directory",
            Self::Unreadable { .. } => "check that it is a file, and that you may read it",
            Self::TooLarge { .. } => "name the manifest, not a component",
            Self::InputTwice => "name files instead",
        };
        vec![hint.to_owned()]
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let status = match error {
            SourceError::Missing { .. } => Status::NotFound,
            SourceError::Unreadable { .. } | SourceError::TooLarge { .. } => Status::Rejected,
            SourceError::InputTwice => Status::Usage,
        };
        Self::new(status, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_a_name_is_a_name() {
        let check = |text: &str, is_name: bool| {
            let meaning = FileOrName::of(text);
            assert_eq!(matches!(meaning, FileOrName::Name(_)), is_name, "{text}");
        };
        check("guestbook", true);
        check("my-app_2", true);
        check("-", false);
        check("weft.yaml", false);
        check("./guestbook", false);
        check("dir/manifest", false);
    }
}
