//! The values of a config, from arguments and files.

use std::io::{self, Read};
use std::path::Path;

use weft_lattice::protocol::json::{self, DecodeError};
use weft_model::application::Config;
use weft_model::problem::Coded;

use crate::context::Context;
use crate::failure::Failure;
use crate::status::Status;

/// Bytes of a file with values: NATS takes messages of 1 MiB by default.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// What is written for standard input.
const INPUT: &str = "-";

/// Why there are no values.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValuesError {
    /// A file cannot be read.
    #[error("cannot read `{name}`")]
    Unreadable {
        /// What is read.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// A file is larger than a config may be.
    #[error("`{name}` is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// What is read.
        name: String,
    },
    /// Standard input was named twice.
    #[error("standard input can be read once, but is named several times")]
    InputTwice,
    /// A file is not UTF-8.
    #[error("`{name}` is not UTF-8")]
    Encoding {
        /// What is read.
        name: String,
    },
    /// A file begins as JSON, and is no object of texts.
    #[error("`{name}` is no JSON object whose values are texts")]
    Json {
        /// What is read.
        name: String,
        /// Why not.
        source: DecodeError,
    },
    /// A line is not of the form `KEY=VALUE`.
    #[error("line {line} of `{name}` is not `KEY=VALUE`")]
    Line {
        /// What is read.
        name: String,
        /// Which line, from 1.
        line: usize,
    },
}

/// The values in `files`, then those of `pairs`; later ones win.
///
/// # Errors
///
/// [`ValuesError`].
pub(super) fn read_values(
    context: &mut Context,
    files: &[String],
    pairs: &[(String, String)],
) -> Result<Config, ValuesError> {
    let mut values = Config::new();
    for file in files {
        let text = read_text(context, file)?;
        values.extend(parse_values(file, &text)?);
    }
    values.extend(pairs.iter().cloned());
    Ok(values)
}

fn read_text(context: &mut Context, file: &str) -> Result<String, ValuesError> {
    let read = if file == INPUT {
        let read = context.console.read_input(FILE_BYTES_MAX);
        read.ok_or(ValuesError::InputTwice)?
    } else {
        read_file(&context.directory.join(file))
    };
    let name = || match file {
        INPUT => "stdin".to_owned(),
        file => file.to_owned(),
    };
    let bytes = read.map_err(|source| ValuesError::Unreadable {
        name: name(),
        source,
    })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ValuesError::TooLarge { name: name() });
    }
    String::from_utf8(bytes).map_err(|_| ValuesError::Encoding { name: name() })
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Values as an object of JSON, or as lines of `KEY=VALUE`; lines that are empty or begin with `#` are none.
fn parse_values(name: &str, text: &str) -> Result<Config, ValuesError> {
    if text.trim_start().starts_with('{') {
        return json::decode(text.as_bytes()).map_err(|source| ValuesError::Json {
            name: name.to_owned(),
            source,
        });
    }
    let mut values = Config::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let pair = line.split_once('=');
        let (key, value) = pair
            .filter(|(key, _)| !key.trim().is_empty())
            .ok_or_else(|| ValuesError::Line {
                name: name.to_owned(),
                line: index + 1,
            })?;
        values.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(values)
}

// ===== impl ValuesError =====

impl Coded for ValuesError {
    fn code(&self) -> &'static str {
        "CTL007"
    }

    fn subject(&self) -> String {
        match self {
            Self::Unreadable { name, .. }
            | Self::TooLarge { name }
            | Self::Encoding { name }
            | Self::Json { name, .. }
            | Self::Line { name, .. } => name.clone(),
            Self::InputTwice => INPUT.to_owned(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Unreadable { .. } => "check the path; it counts from the current directory",
            Self::InputTwice => "name files instead",
            Self::Json { .. } => "write numbers as texts too: `{\"port\": \"8080\"}`",
            Self::Line { .. } => "write a pair in each line, or an object of JSON",
            Self::TooLarge { .. } | Self::Encoding { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

impl From<ValuesError> for Failure {
    fn from(error: ValuesError) -> Self {
        let status = match &error {
            ValuesError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Status::NotFound
            }
            ValuesError::InputTwice => Status::Usage,
            _ => Status::Rejected,
        };
        Self::new(status, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let values = parse_values("x", text).unwrap();
        let values: Vec<(&str, &str)> = values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(values, expected, "{text}");
    }

    #[test]
    fn values_are_lines_or_json() {
        check(
            "# words\n\n greeting = Hi=there \ncolor=\n",
            &[("color", ""), ("greeting", "Hi=there")],
        );
        check(" {\"port\": \"8080\"}", &[("port", "8080")]);
        check("", &[]);
    }

    #[test]
    fn what_is_neither_is_told_with_its_line() {
        assert!(matches!(
            parse_values("x", "a=1\nb\n"),
            Err(ValuesError::Line { line: 2, .. })
        ));
        assert!(matches!(
            parse_values("x", "=1"),
            Err(ValuesError::Line { line: 1, .. })
        ));
        assert!(matches!(
            parse_values("x", "{\"port\": 8080}"),
            Err(ValuesError::Json { .. })
        ));
    }
}
