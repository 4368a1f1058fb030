//! Problems as they are told to people: a code, a subject, a message and advice.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// An error that a person may have to act on.
///
/// The message is the error's `Display` and never includes advice or source; the code has a page in `docs/errors`.
pub trait Coded: Error {
    /// The stable code: three capital letters and three digits, such as `APP001`.
    fn code(&self) -> &'static str;

    /// What the error is about: a path, a reference, an id.
    fn subject(&self) -> String;

    /// What to do about it: at most two, each an action, as a full clause without final period.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A [`Coded`] error as a value, fit to be carried over the lattice: from a host through its events to the manager, and
/// from there to whoever asks for the status.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// See [`Coded::code`]. Codes of other versions survive a round trip.
    pub code: Cow<'static, str>,
    /// See [`Coded::subject`].
    pub subject: String,
    /// What failed, with its causes, in one line.
    pub message: String,
    /// See [`Coded::hints`].
    pub hints: Vec<String>,
}

// ===== impl Problem =====

impl Problem {
    /// Renders `error` and the chain of its causes.
    pub fn new(error: &dyn Coded) -> Self {
        Self {
            code: Cow::Borrowed(error.code()),
            subject: error.subject(),
            message: render_chain(error),
            hints: error.hints(),
        }
    }
}

/// `error` and the chain of its causes in one line.
pub fn render_chain<E: Error + ?Sized>(error: &E) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `{0}`")]
    struct Unreadable(&'static str, #[source] std::num::ParseIntError);

    impl Coded for Unreadable {
        fn code(&self) -> &'static str {
            "TST001"
        }

        fn subject(&self) -> String {
            self.0.to_owned()
        }
    }

    #[test]
    fn a_problem_tells_the_whole_chain_in_one_line() {
        let problem = Problem::new(&Unreadable("a.txt", "x".parse::<u8>().unwrap_err()));
        assert_eq!(
            problem.message,
            "cannot read `a.txt`: invalid digit found in string"
        );
        assert_eq!(
            (problem.code.as_ref(), problem.subject.as_str()),
            ("TST001", "a.txt")
        );
        assert!(problem.hints.is_empty());
    }
}
