//! Secrets, which come from files or standard input: a command line is seen by everybody on the machine. Those that are
//! given by themselves come from the environment of a wasmCloud 1.9 host.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str;

use weft_lattice::Secret;
use weft_model::problem::Coded;

use crate::console::Console;
use crate::failure::Failure;
use crate::status::Status;

/// Bytes of a secret that are read: a JWT lists what its user may do.
const BYTES_MAX: u64 = 64 << 10;
/// How standard input is named.
const INPUT: &str = "-";

/// Where a secret is: its first line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SecretFile {
    /// On standard input; somebody at a terminal is asked.
    Input,
    /// In a file.
    File(PathBuf),
    /// Here.
    Given(Secret),
}

/// Why there is no secret. None holds a part of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the {what} from `{}`", path.display())]
    File {
        /// What it would be.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("cannot read the {what} from standard input")]
    Input {
        /// What it would be.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Standard input was read for something else.
    #[error("standard input was read already, and has no {what} left")]
    InputTwice {
        /// What it would be.
        what: &'static str,
    },
    /// It is empty, too long, or not text.
    #[error("the {what} has to be a line of text, of 1 to {BYTES_MAX} bytes")]
    Form {
        /// What it would be.
        what: &'static str,
    },
    /// Whoever was asked interrupted.
    #[error("the {what} was not given")]
    Interrupted {
        /// What it would be.
        what: &'static str,
    },
}

// ===== impl SecretFile =====

impl SecretFile {
    /// What `path` names; relative ones count from `directory`.
    pub(crate) fn at(path: &Path, directory: &Path) -> Self {
        if path == Path::new(INPUT) {
            Self::Input
        } else {
            Self::File(directory.join(path))
        }
    }

    /// The secret, which is `what` to people.
    ///
    /// # Errors
    ///
    /// [`SecretError`] when it cannot be read, or is none.
    pub(crate) async fn read(
        &self,
        what: &'static str,
        console: &mut Console,
    ) -> Result<String, SecretError> {
        let bytes = match self {
            Self::Given(secret) => return Ok(secret.reveal().to_owned()),
            Self::File(path) => read_file(path).map_err(|source| SecretError::File {
                what,
                path: path.clone(),
                source,
            })?,
            Self::Input if console.is_attended() => {
                let line = console.ask_secret(what).await;
                line.ok_or(SecretError::Interrupted { what })?.into_bytes()
            }
            Self::Input => console
                .read_input(BYTES_MAX)
                .ok_or(SecretError::InputTwice { what })?
                .map_err(|source| SecretError::Input { what, source })?,
        };
        first_line(&bytes).ok_or(SecretError::Form { what })
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first line of `bytes`; `None` when it is empty, not text, or may have been cut.
fn first_line(bytes: &[u8]) -> Option<String> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > BYTES_MAX) {
        return None;
    }
    let line = str::from_utf8(bytes).ok()?.lines().next()?;
    (!line.is_empty()).then(|| line.to_owned())
}

// ===== impl SecretError =====

impl Coded for SecretError {
    fn code(&self) -> &'static str {
        "CLI022"
    }

    fn subject(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Input { what, .. }
            | Self::InputTwice { what }
            | Self::Form { what }
            | Self::Interrupted { what } => (*what).to_owned(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::File { .. } => "name a file that you may read, or `-` for standard input",
            Self::Input { .. } | Self::InputTwice { .. } => "name a file instead",
            Self::Form { .. } => "write it into the first line, without anything else",
            Self::Interrupted { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        let status = match &error {
            SecretError::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Status::NotFound
            }
            SecretError::File { .. } | SecretError::Input { .. } => Status::Rejected,
            SecretError::InputTwice { .. } | SecretError::Form { .. } => Status::Usage,
            SecretError::Interrupted { .. } => Status::Interrupted,
        };
        Self::new(status, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_first_line() {
        let check = |bytes: &[u8], expected: Option<&str>| {
            assert_eq!(first_line(bytes).as_deref(), expected);
        };
        check(b"s3cret\n", Some("s3cret"));
        check(b" with blanks \r\nmore", Some(" with blanks "));
        check(b"", None);
        check(b"\nsecond", None);
        check(b"\xff\n", None);
        check(&[b'a'; (64 << 10) + 1], None);
    }
}
