//! What commands return: values that say everything, and how they look in a table.

use serde::{Serialize, Serializer};
use weft_model::problem::Problem;

use crate::ui::Table;

/// The version of the JSON and YAML that commands print. Fields may be added within a version; it is raised when one is
/// removed or changes its meaning.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The field that tells [`SCHEMA_VERSION`]; each view has it first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct SchemaVersion;

/// What a command returns. Its JSON is a promise; field names are snake case, durations milliseconds, sizes bytes, and
/// what is not known `null`.
pub(crate) trait View: Serialize {
    /// The view for people; `is_wide` asks for more columns.
    fn blocks(&self, is_wide: bool) -> Vec<Block>;

    /// The names of what the view shows, fit to be arguments of other commands.
    fn names(&self) -> Vec<String>;
}

/// A part of a view for people.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Data in rows.
    Table(Table),
    /// Data in one line.
    Line(String),
    /// Data as it is, with its line breaks; printed unchanged.
    Text(String),
    /// A problem.
    Problem(Problem),
    /// That there is no data; not data itself.
    Nothing(String),
    /// What was done; not data itself.
    Done(String),
}

/// A problem in a view.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct ProblemView {
    /// The code, such as `ART001`.
    pub(crate) code: String,
    /// What it is about.
    pub(crate) subject: String,
    /// What failed.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
}

// ===== impl SchemaVersion =====

impl Serialize for SchemaVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(SCHEMA_VERSION)
    }
}

// ===== impl ProblemView =====

impl From<&Problem> for ProblemView {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code.clone().into_owned(),
            subject: problem.subject.clone(),
            message: problem.message.clone(),
            hints: problem.hints.clone(),
        }
    }
}

impl From<&ProblemView> for Problem {
    fn from(view: &ProblemView) -> Self {
        Self {
            code: view.code.clone().into(),
            subject: view.subject.clone(),
            message: view.message.clone(),
            hints: view.hints.clone(),
        }
    }
}

/// Milliseconds of `duration`.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
