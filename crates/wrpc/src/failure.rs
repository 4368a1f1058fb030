//! Why a callee gave no results, as it is told to callers that understand it.

use std::fmt;

/// The longest message of a failure, in bytes; longer ones are cut.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4096;

/// A failed call, as the callee tells it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// What happened.
    pub code: FailureCode,
    /// What the callee says about it; at most 4 KiB.
    pub message: String,
    /// Whether the call had no effect and may succeed when it is made again.
    pub is_retriable: bool,
}

/// What made a call fail at the callee.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FailureCode {
    /// The callee's code trapped or panicked.
    Trap,
    /// A policy forbids the call.
    Denied,
    /// The callee ran out of the time that it was given.
    Deadline,
    /// The callee has as many calls as it takes.
    Overloaded,
    /// The callee has no such function.
    NoSuchFunction,
    /// The callee could not decode the parameters, or not encode the results.
    Codec,
    /// The call was given up by the caller, or by the callee as it shut down.
    Cancelled,
    /// A code of another version.
    Unknown(String),
}

// ===== impl Failure =====

impl Failure {
    /// A failure; the message is cut to what the wire carries.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            let end = (0..=MESSAGE_BYTES_MAX).rev();
            let end = end.into_iter().find(|end| message.is_char_boundary(*end));
            message.truncate(end.unwrap_or(0));
        }
        let is_retriable = matches!(code, FailureCode::Overloaded);
        Self {
            code,
            message,
            is_retriable,
        }
    }
}

// ===== impl FailureCode =====

impl FailureCode {
    /// The code on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Trap => "trap",
            Self::Denied => "denied",
            Self::Deadline => "deadline",
            Self::Overloaded => "overloaded",
            Self::NoSuchFunction => "no-function",
            Self::Codec => "codec",
            Self::Cancelled => "cancelled",
            Self::Unknown(code) => code,
        }
    }

    /// Reads a code off the wire.
    pub fn parse(code: &str) -> Self {
        match code {
            "trap" => Self::Trap,
            "denied" => Self::Denied,
            "deadline" => Self::Deadline,
            "overloaded" => Self::Overloaded,
            "no-function" => Self::NoSuchFunction,
            "codec" => Self::Codec,
            "cancelled" => Self::Cancelled,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trap => "the callee trapped",
            Self::Denied => "the callee denied the call",
            Self::Deadline => "the callee ran out of time",
            Self::Overloaded => "the callee is overloaded",
            Self::NoSuchFunction => "the callee has no such function",
            Self::Codec => "the callee could not decode or encode",
            Self::Cancelled => "the callee gave the call up",
            Self::Unknown(code) => return write!(f, "the callee failed with `{code}`"),
        })
    }
}
