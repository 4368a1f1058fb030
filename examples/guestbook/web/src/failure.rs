//! What the page depends on and what can fail about it.

use std::fmt;

use crate::bindings::guestbook::greeting::greeter::Problem;
use crate::bindings::wasi::keyvalue::store;

/// Why the page cannot be made: something that it depends on failed.
pub(crate) enum Failure {
    /// The key-value store refused an operation.
    KeyValue {
        /// What was asked of it.
        operation: &'static str,
        /// What it answered.
        error: store::Error,
    },
    /// The greeter has no greeting.
    Greeter(Problem),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyValue { operation, error } => {
                write!(f, "key-value could not {operation}: ")?;
                match error {
                    store::Error::NoSuchStore => f.write_str("there is no such store"),
                    store::Error::AccessDenied => f.write_str("access is denied"),
                    store::Error::Other(text) => f.write_str(text),
                }
            }
            Self::Greeter(Problem::Config(text)) => {
                write!(f, "the greeter could not read its config: {text}")
            }
            Self::Greeter(Problem::TooMany(most)) => {
                write!(f, "the greeter remarks upon {most} names at most")
            }
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Greeter(problem)
    }
}
