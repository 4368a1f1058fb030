//! Failures as they are told to whoever ran the command.

mod render;

pub(crate) use render::{render, render_problem};

use weft_model::problem::{Coded, Problem};

use crate::status::Status;

/// Causes that are told of one failure; a longer chain is cut.
const CAUSES_MAX: usize = 16;

/// Why a command did not do what it was asked: everything that is printed about it, and the exit status.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    // Boxed, as it is the error of nearly every function.
    told: Box<Told>,
}

/// What is told of a failure.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Told {
    status: Status,
    message: String,
    causes: Vec<String>,
    problems: Vec<Problem>,
    hints: Vec<String>,
    code: &'static str,
}

// ===== impl Failure =====

impl Failure {
    /// The failure that `error` is, with the chain of its causes.
    pub fn new(status: Status, error: &dyn Coded) -> Self {
        let message = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            if causes.len() == CAUSES_MAX {
                break;
            }
            let text = error.to_string();
            // Errors of others often include their cause; it is told once.
            let before = causes.last().unwrap_or(&message);
            if !before.ends_with(&text) {
                causes.push(text);
            }
            cause = error.source();
        }
        let told = Told {
            status,
            message,
            causes,
            problems: Vec::new(),
            hints: error.hints(),
            code: error.code(),
        };
        Self {
            told: Box::new(told),
        }
    }

    /// This failure, which consists of `problems`.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.told.problems = problems;
        self
    }

    /// The exit status that it leads to.
    pub fn status(&self) -> Status {
        self.told.status
    }

    /// The code of the error.
    pub fn code(&self) -> &'static str {
        self.told.code
    }

    /// What failed, without causes.
    pub fn message(&self) -> &str {
        &self.told.message
    }
}
