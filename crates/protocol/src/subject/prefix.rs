//! Configurable beginnings of subjects.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::wire;

/// The longest prefix that is accepted, in bytes.
const PREFIX_BYTES_MAX: usize = 256;

/// The first tokens of a family of subjects: one or more tokens joined by dots, without wildcards. Cheap to clone.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct SubjectPrefix(Arc<str>);

/// A text cannot begin a subject.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is not a subject prefix: tokens of visible characters joined by dots, at most {PREFIX_BYTES_MAX} bytes"
)]
pub struct ParsePrefixError {
    text: String,
}

// ===== impl SubjectPrefix =====

impl SubjectPrefix {
    /// The prefix of control subjects unless settings say otherwise: [`wire::CONTROL_PREFIX`].
    pub fn control() -> Self {
        Self(wire::CONTROL_PREFIX.into())
    }

    /// The prefix of the application API unless settings say otherwise: [`wire::APPLICATION_PREFIX`].
    pub fn application() -> Self {
        Self(wire::APPLICATION_PREFIX.into())
    }

    /// The prefix as text, without a dot at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubjectPrefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let is_token = |token: &str| {
            !token.is_empty()
                && !token.contains(|c: char| {
                    matches!(c, '*' | '>') || c.is_whitespace() || c.is_control()
                })
        };
        if text.len() <= PREFIX_BYTES_MAX && text.split('.').all(is_token) {
            Ok(Self(text.into()))
        } else {
            Err(ParsePrefixError {
                text: text.chars().take(PREFIX_BYTES_MAX).collect(),
            })
        }
    }
}

impl fmt::Display for SubjectPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_tokens_without_wildcards() {
        for good in ["wasmbus.ctl", "acme.wadm.api", "x"] {
            assert_eq!(good.parse::<SubjectPrefix>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "a.", "a..b", "a.*", ">", "a b"] {
            assert!(
                bad.parse::<SubjectPrefix>().is_err(),
                "{bad:?} was accepted"
            );
        }
    }
}
