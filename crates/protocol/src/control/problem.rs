//! Problems inside of replies and events: optional fields beside the text of the dialect.

use std::borrow::Cow;

use weft_model::problem::Problem;

/// The parts of a [`Problem`] that travel in fields `weft_code`, `weft_subject` and `weft_hints`; its message is the
/// text that the dialect has anyway.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProblemFields {
    /// See [`Problem::code`].
    pub code: Option<String>,
    /// See [`Problem::subject`].
    pub subject: Option<String>,
    /// See [`Problem::hints`].
    pub hints: Vec<String>,
}

// ===== impl ProblemFields =====

impl ProblemFields {
    /// The parts of `problem` without its message.
    pub fn new(problem: &Problem) -> Self {
        Self {
            code: Some(problem.code.clone().into_owned()),
            subject: Some(problem.subject.clone()),
            hints: problem.hints.clone(),
        }
    }

    /// Joins the parts with `message`; `None` when there is no code: the other side is no Weft.
    pub fn into_problem(self, message: String) -> Option<Problem> {
        Some(Problem {
            code: Cow::Owned(self.code?),
            subject: self.subject.unwrap_or_default(),
            message,
            hints: self.hints,
        })
    }
}
