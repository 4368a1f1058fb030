//! Rules that give messages other subjects.
//!
//! A rule has a filter and a destination, whose tokens may be functions of the tokens that the wildcards of the
//! filter stand for. Both may end with `>`, and then the rest of the subject is kept.

mod parse;
#[cfg(test)]
mod tests;

use crate::subject;

/// Longest subject that a rule makes, in bytes; a longer one leaves the message as it is.
const SUBJECT_LEN_MAX: usize = 4096;

/// A rule that was found to make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transform {
    source: Box<[u8]>,
    parts: Vec<Part>,
    /// Tokens of the source that stand before its final `>`, if it has one.
    rest_from: Option<usize>,
}

/// One token of the destination. Numbers are positions of tokens in the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<[u8]>),
    Wildcard(usize),
    /// The number of a partition, out of `count`, that these tokens fall into.
    Partition {
        count: u32,
        of: Vec<usize>,
    },
    Cut {
        token: usize,
        how: Cut,
        len: usize,
    },
    /// A token whose parts between delimiters become tokens.
    Split {
        token: usize,
        delimiter: Box<[u8]>,
    },
}

/// What becomes of a token that is longer than a length. Shorter ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    SplitFromLeft,
    SplitFromRight,
    SliceFromLeft,
    SliceFromRight,
    Left,
    Right,
}

/// Why a rule makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransformError {
    #[error("invalid subject {0}")]
    Source(String),
    #[error("invalid subject")]
    Destination,
    #[error("invalid mapping destination: {what} in {token}")]
    Token { what: Mistake, token: String },
}

/// What is wrong with a token of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mistake {
    #[error("unknown function")]
    Function,
    #[error("wildcard index out of range")]
    Index,
    #[error("not enough arguments passed to the function")]
    TooFew,
    #[error("too many arguments passed to the function")]
    TooMany,
    #[error("function argument is invalid or in the wrong format")]
    Argument,
}

// ---------------------------------------------------------------------------------------------------------

impl Transform {
    /// The subject that a message gets. None if the rule is not about `subject`, or would make no valid subject
    /// of it.
    pub(crate) fn apply(&self, subject: &[u8]) -> Option<Vec<u8>> {
        if !subject::matches(subject, &self.source) {
            return None;
        }
        let tokens: Vec<&[u8]> = subject::tokens(subject).collect();
        let mut made = Vec::new();
        for part in &self.parts {
            if !made.is_empty() {
                made.push(b'.');
            }
            part.write(&tokens, &mut made)?;
            if made.len() > SUBJECT_LEN_MAX {
                return None;
            }
        }
        for token in self.rest_from.into_iter().flat_map(|from| &tokens[from..]) {
            if !made.is_empty() {
                made.push(b'.');
            }
            made.extend_from_slice(token);
        }
        let is_good = made.len() <= SUBJECT_LEN_MAX && subject::is_valid_literal(&made);
        is_good.then_some(made)
    }
}

impl Part {
    fn write(&self, tokens: &[&[u8]], made: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Literal(text) => made.extend_from_slice(text),
            Self::Wildcard(token) => made.extend_from_slice(tokens.get(*token)?),
            Self::Partition { count, of } => {
                let mut key = Vec::new();
                for token in of {
                    key.extend_from_slice(tokens.get(*token)?);
                }
                let number = fnv1a(&key) % count;
                made.extend_from_slice(number.to_string().as_bytes());
            }
            Self::Cut { token, how, len } => {
                let token = tokens.get(*token)?;
                let pieces = how.pieces(token, *len);
                made.extend_from_slice(&pieces.join(&b'.'));
            }
            Self::Split { token, delimiter } => {
                let token = tokens.get(*token)?;
                made.extend_from_slice(&split(token, delimiter).join(&b'.'));
            }
        }
        Some(())
    }
}

impl Cut {
    fn pieces(self, token: &[u8], len: usize) -> Vec<&[u8]> {
        if len == 0 || len >= token.len() {
            return vec![token];
        }
        let two = |at: usize| vec![&token[..at], &token[at..]];
        match self {
            Self::SplitFromLeft => two(len),
            Self::SplitFromRight => two(token.len() - len),
            Self::SliceFromLeft => token.chunks(len).collect(),
            Self::SliceFromRight => {
                let (odd, even) = token.split_at(token.len() % len);
                Some(odd)
                    .filter(|odd| !odd.is_empty())
                    .into_iter()
                    .chain(even.chunks(len))
                    .collect()
            }
            Self::Left => vec![&token[..len]],
            Self::Right => vec![&token[token.len() - len..]],
        }
    }
}

/// The parts of a token between delimiters, without empty ones.
fn split<'a>(token: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = token;
    while let Some(at) = memchr::memmem::find(rest, delimiter) {
        parts.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    parts.push(rest);
    parts.retain(|part| !part.is_empty());
    parts
}

/// The hash that the reference server numbers partitions with.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811C_9DC5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
