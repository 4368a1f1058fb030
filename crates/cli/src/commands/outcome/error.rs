//! Why something that was asked of hosts did not come about.

use std::time::Duration;

use weft_lattice::RequestError;
use weft_lattice::control::ControlError;
use weft_model::id::LatticeName;
use weft_model::problem::{Coded, Problem};

use super::Goal;
use crate::commands::get::GetError;
use crate::failure::Failure;
use crate::status::Status;
use crate::ui::render_elapsed;

/// The code of a refusal that has none of its own.
const REFUSED: &str = "LAT001";

/// Why something that was asked of hosts did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutcomeError {
    /// Events cannot be followed.
    #[error("cannot follow what becomes of the request, which was not sent")]
    Follow(#[source] RequestError),
    /// A host refused, or failed.
    #[error("{} was not {}", goal.what, goal.done)]
    Failed {
        /// What was to come about.
        goal: Goal,
        /// Why it did not.
        problem: Box<Problem>,
    },
    /// Nobody said whether the request is taken.
    #[error("no answer within {} whether {} is {}", render_elapsed(*timeout), goal.what, goal.done)]
    Unanswered {
        /// What was to come about.
        goal: Goal,
        /// How long was waited.
        timeout: Duration,
        /// What may be the reason.
        hint: Option<&'static str>,
    },
    /// It takes longer than was to be waited.
    #[error("{} is not {} after {}, the work continues", goal.what, goal.done, render_elapsed(*timeout))]
    Deadline {
        /// What is to come about.
        goal: Goal,
        /// How long was waited.
        timeout: Duration,
        /// What is not done.
        problems: Vec<Problem>,
    },
    /// The connection was closed meanwhile.
    #[error("the connection was closed before it was told whether {} is {}", goal.what, goal.done)]
    Closed {
        /// What is to come about.
        goal: Goal,
    },
    /// Somebody interrupted the waiting.
    #[error("the waiting was interrupted before {} was {}, the work continues", goal.what, goal.done)]
    Interrupted {
        /// What is to come about.
        goal: Goal,
    },
    /// The lattice cannot be asked.
    #[error(transparent)]
    Get(#[from] GetError),
}

/// The answer to a request that is to lead to `goal`.
///
/// # Errors
///
/// [`OutcomeError::Failed`] for a refusal, [`OutcomeError::Unanswered`], or what keeps the request from being sent.
pub(crate) fn accepted<T>(
    answer: Result<T, ControlError>,
    goal: &Goal,
    lattice: &LatticeName,
) -> Result<T, OutcomeError> {
    answer.map_err(|error| match error {
        ControlError::Refused {
            operation,
            message,
            problem,
        } => {
            let told = problem.map(|problem| *problem);
            OutcomeError::failed(
                goal,
                told.unwrap_or_else(|| Problem {
                    code: REFUSED.into(),
                    subject: operation.kind().to_string(),
                    message,
                    hints: Vec::new(),
                }),
            )
        }
        ControlError::Request {
            source: RequestError::TimedOut { timeout, .. },
            ..
        } => OutcomeError::Unanswered {
            goal: goal.clone(),
            timeout,
            hint: None,
        },
        other if is_addressed(&other) => GetError::Control(other).into(),
        other => GetError::of(other, lattice).into(),
    })
}

/// Whether the request was for one host, which others cannot answer for.
fn is_addressed(error: &ControlError) -> bool {
    matches!(error, ControlError::Request { operation, .. } if operation.host().is_some())
}

// ===== impl OutcomeError =====

impl OutcomeError {
    /// That `goal` did not come about because of `problem`.
    pub(crate) fn failed(goal: &Goal, problem: Problem) -> Self {
        Self::Failed {
            goal: goal.clone(),
            problem: Box::new(problem),
        }
    }

    /// This error, where nobody answered for what may be this reason.
    pub(crate) fn maybe_because(mut self, reason: &'static str) -> Self {
        if let Self::Unanswered { hint, .. } = &mut self {
            *hint = Some(reason);
        }
        self
    }

    fn status(&self) -> Status {
        match self {
            Self::Follow(_) | Self::Closed { .. } => Status::Unreachable,
            Self::Failed { .. } => Status::Rejected,
            // Whether a host acts upon it is not known.
            Self::Unanswered { .. } | Self::Deadline { .. } => Status::Deadline,
            Self::Interrupted { .. } => Status::Interrupted,
            Self::Get(_) => Status::Unforeseen,
        }
    }

    fn goal(&self) -> Option<&Goal> {
        match self {
            Self::Follow(_) | Self::Get(_) => None,
            Self::Failed { goal, .. }
            | Self::Unanswered { goal, .. }
            | Self::Deadline { goal, .. }
            | Self::Closed { goal }
            | Self::Interrupted { goal } => Some(goal),
        }
    }
}

impl Coded for OutcomeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Follow(error) => error.code(),
            Self::Failed { .. } => "CTL001",
            Self::Unanswered { .. } => "CTL003",
            Self::Deadline { .. } => "CTL002",
            Self::Closed { .. } => "NET012",
            Self::Interrupted { .. } => "CLI017",
            Self::Get(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Follow(error) => error.subject(),
            Self::Get(error) => error.subject(),
            _ => self
                .goal()
                .map(|goal| goal.what.clone())
                .unwrap_or_default(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Follow(error) => error.hints(),
            Self::Get(error) => error.hints(),
            Self::Failed { .. } | Self::Closed { .. } => Vec::new(),
            Self::Unanswered { hint, .. } => {
                let look = "look whether it came about with `weft get inventory`";
                let hints = hint.iter().copied().chain([look]);
                hints.map(str::to_owned).collect()
            }
            Self::Deadline { .. } | Self::Interrupted { .. } => vec![
                "follow what happens with `weft watch`".to_owned(),
                "wait longer with `--timeout`".to_owned(),
            ],
        }
    }
}

impl From<OutcomeError> for Failure {
    fn from(error: OutcomeError) -> Self {
        let status = error.status();
        match error {
            OutcomeError::Get(error) => error.into(),
            OutcomeError::Failed { ref problem, .. } => {
                let problem = (**problem).clone();
                Self::new(status, &error).with_problems(vec![problem])
            }
            OutcomeError::Deadline { ref problems, .. } => {
                let problems = problems.clone();
                Self::new(status, &error).with_problems(problems)
            }
            other => Self::new(status, &other),
        }
    }
}
