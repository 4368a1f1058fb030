//! Requests and replies of the application API.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weft_model::problem::Problem;

use super::{Status, StatusType};

/// Body of `get.{name}`, `del.{name}` and `deploy.{name}`, where a version may be named; an empty body is the default.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct VersionRequest {
    /// The version; absent means all for `del`, and the newest otherwise, as
    /// [`VERSION_LATEST`](crate::wire::VERSION_LATEST) does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What became of a `get` or `versions`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GetResult {
    /// Something failed.
    Error,
    /// Here it is.
    Success,
    /// There is none.
    NotFound,
}

/// Reply to `get.{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GetReply {
    /// What became of it.
    pub result: GetResult,
    /// A text for people.
    #[serde(default)]
    pub message: String,
    /// The manifest; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Value>,
}

/// Reply to `get` without a name. The reply to `list` is the bare array.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct GetAllReply {
    /// What became of it.
    pub result: GetResult,
    /// A text for people.
    #[serde(default)]
    pub message: String,
    /// The applications.
    #[serde(default)]
    pub models: Vec<ModelSummary>,
}

/// An application in a list.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// Its name.
    pub name: String,
    /// Its newest version.
    pub version: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: Option<String>,
    /// The version that is to run.
    #[serde(default)]
    pub deployed_version: Option<String>,
    /// How far it is.
    #[serde(default)]
    pub detailed_status: Status,
    /// The kind of [`Self::detailed_status`] again.
    #[serde(default)]
    pub status: StatusType,
    /// The text of [`Self::detailed_status`] again.
    #[serde(default)]
    pub status_message: Option<String>,
}

/// What became of a `put`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PutResult {
    /// The manifest was refused.
    Error,
    /// It is the first of its application.
    Created,
    /// It is a further version.
    NewVersion,
}

/// Reply to `put`. The last three fields are absent when the manifest was refused.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PutReply {
    /// What became of it.
    pub result: PutResult,
    /// How many versions of the application there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_versions: Option<u64>,
    /// The version that was put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<String>,
    /// A text for people.
    #[serde(default)]
    pub message: String,
    /// The name of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Weft: everything that is wrong or odd with the manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_problems: Vec<ProblemEntry>,
}

/// What became of a `del`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeleteResult {
    /// It is gone.
    Deleted,
    /// Something failed.
    Error,
    /// There was none.
    Noop,
}

/// Reply to `del.{name}`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DeleteReply {
    /// What became of it.
    pub result: DeleteResult,
    /// A text for people.
    #[serde(default)]
    pub message: String,
    /// Whether the deployed version was among what was deleted, so that it stops running too.
    #[serde(default)]
    pub undeploy: bool,
}

/// Reply to `versions.{name}`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct VersionsReply {
    /// What became of it.
    pub result: GetResult,
    /// A text for people.
    #[serde(default)]
    pub message: String,
    /// The versions, in the order in which they were put.
    #[serde(default)]
    pub versions: Vec<VersionEntry>,
}

/// A stored version.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct VersionEntry {
    /// The version.
    pub version: String,
    /// Whether it is the one that is to run.
    pub deployed: bool,
}

/// What became of a `deploy` or `undeploy`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeployResult {
    /// It was refused.
    Error,
    /// It is written down; what runs follows.
    Acknowledged,
    /// There is no such application or version.
    NotFound,
}

/// Reply to `deploy.{name}` and `undeploy.{name}`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DeployReply {
    /// What became of it.
    pub result: DeployResult,
    /// A text for people.
    #[serde(default)]
    pub message: String,
    /// The application.
    #[serde(default)]
    pub name: String,
    /// The version that is to run; `null` after `undeploy`.
    #[serde(default)]
    pub version: Option<String>,
    /// Weft: why it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_problems: Vec<ProblemEntry>,
}

/// What became of a `status`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StatusResult {
    /// Something failed.
    Error,
    /// Here it is.
    Ok,
    /// There is no such application.
    NotFound,
}

/// Reply to `status.{name}`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct StatusReply {
    /// What became of it.
    pub result: StatusResult,
    /// A text for people.
    #[serde(default)]
    pub message: String,
    /// The status; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// Reply to any request that failed before its own reply could be made: every other reply reads it as an error.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// Always [`GetResult::Error`].
    pub result: GetResult,
    /// What failed.
    #[serde(default)]
    pub message: String,
    /// Weft: the problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_problems: Vec<ProblemEntry>,
}

/// A [`Problem`] in a list.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProblemEntry {
    /// See [`Problem::code`].
    pub code: String,
    /// See [`Problem::subject`].
    #[serde(default)]
    pub subject: String,
    /// See [`Problem::message`].
    pub message: String,
    /// See [`Problem::hints`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

// ===== impl ErrorReply =====

impl ErrorReply {
    /// A failure with a text.
    pub fn new(message: &str) -> Self {
        Self {
            result: GetResult::Error,
            message: message.to_owned(),
            weft_problems: Vec::new(),
        }
    }

    /// A failure with its problem.
    pub fn of(problem: &Problem) -> Self {
        Self {
            weft_problems: vec![problem.into()],
            ..Self::new(&problem.message)
        }
    }
}

// ===== impl ProblemEntry =====

impl From<&Problem> for ProblemEntry {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code.clone().into_owned(),
            subject: problem.subject.clone(),
            message: problem.message.clone(),
            hints: problem.hints.clone(),
        }
    }
}

impl From<ProblemEntry> for Problem {
    fn from(entry: ProblemEntry) -> Self {
        Self {
            code: Cow::Owned(entry.code),
            subject: entry.subject,
            message: entry.message,
            hints: entry.hints,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn every_reply_reads_an_error() {
        let bytes = json::encode(&ErrorReply::new("no"));
        assert_eq!(
            json::decode::<GetReply>(&bytes).unwrap().result,
            GetResult::Error
        );
        assert_eq!(
            json::decode::<GetAllReply>(&bytes).unwrap().result,
            GetResult::Error
        );
        assert_eq!(
            json::decode::<PutReply>(&bytes).unwrap().result,
            PutResult::Error
        );
        assert_eq!(
            json::decode::<DeleteReply>(&bytes).unwrap().result,
            DeleteResult::Error
        );
        assert_eq!(
            json::decode::<VersionsReply>(&bytes).unwrap().result,
            GetResult::Error
        );
        assert_eq!(
            json::decode::<DeployReply>(&bytes).unwrap().result,
            DeployResult::Error
        );
        assert_eq!(
            json::decode::<StatusReply>(&bytes).unwrap().result,
            StatusResult::Error
        );
    }

    #[test]
    fn a_problem_survives_the_trip() {
        let problem = Problem {
            code: "APP007".into(),
            subject: "line 3".to_owned(),
            message: "no such trait".to_owned(),
            hints: vec!["spell it".to_owned()],
        };
        let entry: ProblemEntry =
            json::decode(&json::encode(&ProblemEntry::from(&problem))).unwrap();
        assert_eq!(Problem::from(entry), problem);
    }
}
