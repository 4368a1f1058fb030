//! Why something was not done with an application.

use std::time::Duration;

use weft_lattice::RequestError;
use weft_lattice::application::{ApplicationError, Client};
use weft_lattice::control::ControlError;
use weft_lattice::protocol::subject::ApplicationOperation;
use weft_model::id::{ApplicationName, LatticeName};
use weft_model::problem::{Coded, Problem};

use crate::failure::Failure;
use crate::status::Status;
use crate::ui::{join_words, nearest, render_elapsed};

/// Why something was not done with an application.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    /// Nobody serves the application API.
    #[error("no manager answers in lattice `{lattice}`")]
    NoManager {
        /// The lattice.
        lattice: LatticeName,
    },
    /// The manager refuses and says why.
    #[error("the manager refuses `{operation}`")]
    Refused {
        /// What was asked.
        operation: ApplicationOperation,
        /// All problems; not empty.
        problems: Vec<Problem>,
    },
    /// The request failed otherwise.
    #[error(transparent)]
    Request(ApplicationError),
    /// Changes cannot be followed.
    #[error("cannot follow application `{name}`")]
    Subscribe {
        /// The application.
        name: ApplicationName,
        /// Why not.
        source: RequestError,
    },
    /// Hosts cannot be asked what they run.
    #[error("cannot tell what still runs of application `{name}`, which is undeployed")]
    Hosts {
        /// The application.
        name: ApplicationName,
        /// Why not.
        source: ControlError,
    },
    /// There is no such application.
    #[error("there is no application `{name}` in lattice `{lattice}`")]
    Unknown {
        /// The name.
        name: ApplicationName,
        /// The lattice.
        lattice: LatticeName,
        /// Names that are near.
        nearest: Vec<String>,
    },
    /// There is no such version.
    #[error("application `{name}` has no version `{version}`")]
    UnknownVersion {
        /// The application.
        name: ApplicationName,
        /// The version.
        version: String,
        /// Versions that are near.
        nearest: Vec<String>,
        /// The newest version, where there is one.
        newest: Option<String>,
    },
    /// The application cannot become as desired by itself.
    #[error("application `{name}`{} cannot be deployed", of_version(version.as_deref()))]
    Failed {
        /// The application.
        name: ApplicationName,
        /// Its version.
        version: Option<String>,
        /// Why.
        problems: Vec<Problem>,
    },
    /// It takes longer than was to be waited.
    #[error("application `{name}` is not {goal} after {}, the work continues", render_elapsed(*timeout))]
    Deadline {
        /// The application.
        name: ApplicationName,
        /// What was waited for.
        goal: &'static str,
        /// How long.
        timeout: Duration,
        /// What is not done.
        problems: Vec<Problem>,
    },
    /// Somebody interrupted the waiting.
    #[error("the waiting was interrupted, the work on application `{name}` continues")]
    Interrupted {
        /// The application.
        name: ApplicationName,
    },
    /// A version was named beside a file, which has its own.
    #[error("`{file}` is a file, whose version is in it; `{version}` cannot be chosen")]
    VersionOfFile {
        /// The file.
        file: String,
        /// The version.
        version: String,
    },
    /// The version is stored with other content.
    #[error("version `{version}` of `{name}` is stored already, with other content")]
    VersionTaken {
        /// The application.
        name: ApplicationName,
        /// The version.
        version: String,
    },
    /// The manager does not say which version it stored.
    #[error("the manager stored `{name}`, but does not say as which version")]
    NoVersion {
        /// The application.
        name: ApplicationName,
    },
}

fn of_version(version: Option<&str>) -> String {
    version.map_or_else(String::new, |version| format!(" version `{version}`"))
}

// ===== impl AppError =====

impl AppError {
    /// What an error of the application API means in `lattice`.
    pub(crate) fn of(error: ApplicationError, lattice: &LatticeName) -> Self {
        match error {
            ApplicationError::Request {
                source: RequestError::NoResponders { .. },
                ..
            } => Self::NoManager {
                lattice: lattice.clone(),
            },
            ApplicationError::Refused {
                operation,
                problems,
                ..
            } if !problems.is_empty() => Self::Refused {
                operation,
                problems,
            },
            other => Self::Request(other),
        }
    }

    /// That there is no application `name`, with names that are near; the failure to find them out is no other error.
    pub(crate) async fn unknown(
        applications: &Client,
        lattice: &LatticeName,
        name: &ApplicationName,
    ) -> Self {
        let known = applications.list().await.unwrap_or_default();
        let names = known.iter().map(|summary| summary.name.as_str());
        Self::Unknown {
            name: name.clone(),
            lattice: lattice.clone(),
            nearest: own(nearest(name.as_str(), names)),
        }
    }

    /// That `name` has no version `version`, where `known` are those it has, oldest first.
    pub(crate) fn unknown_version(name: &ApplicationName, version: &str, known: &[String]) -> Self {
        Self::UnknownVersion {
            name: name.clone(),
            version: version.to_owned(),
            nearest: own(nearest(version, known.iter().map(String::as_str))),
            newest: known.last().cloned(),
        }
    }

    fn status(&self) -> Status {
        match self {
            Self::NoManager { .. } | Self::Subscribe { .. } | Self::Hosts { .. } => {
                Status::Unreachable
            }
            Self::Refused { .. } | Self::Failed { .. } | Self::VersionTaken { .. } => {
                Status::Rejected
            }
            Self::Unknown { .. } | Self::UnknownVersion { .. } => Status::NotFound,
            Self::Deadline { .. } => Status::Deadline,
            Self::Interrupted { .. } => Status::Interrupted,
            Self::VersionOfFile { .. } => Status::Usage,
            Self::NoVersion { .. } => Status::Unforeseen,
            Self::Request(error) => request_status(error),
        }
    }
}

fn own(words: Vec<&str>) -> Vec<String> {
    words.into_iter().map(str::to_owned).collect()
}

fn request_status(error: &ApplicationError) -> Status {
    match error {
        ApplicationError::Request { operation, source } => match source {
            RequestError::TooLarge { .. } => Status::Rejected,
            RequestError::Subject { .. } => Status::Usage,
            // Whether the manager acted upon it is not known.
            RequestError::TimedOut { .. } if is_mutation(operation) => Status::Deadline,
            _ => Status::Unreachable,
        },
        ApplicationError::Refused { .. } => Status::Rejected,
        ApplicationError::NotFound { .. } => Status::NotFound,
        _ => Status::Unforeseen,
    }
}

fn is_mutation(operation: &ApplicationOperation) -> bool {
    matches!(
        operation,
        ApplicationOperation::Put
            | ApplicationOperation::Delete(_)
            | ApplicationOperation::Deploy(_)
            | ApplicationOperation::Undeploy(_)
    )
}

impl Coded for AppError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoManager { .. } => "CLI004",
            Self::Refused { .. } => "LAT001",
            Self::Request(error) => error.code(),
            Self::Subscribe { source, .. } => source.code(),
            Self::Hosts { source, .. } => source.code(),
            Self::Unknown { .. } | Self::UnknownVersion { .. } => "CLI010",
            Self::Failed { .. } => "CLI008",
            Self::Deadline { .. } => "CLI009",
            Self::Interrupted { .. } => "CLI017",
            Self::VersionOfFile { .. } => "CLI012",
            Self::VersionTaken { .. } => "CLI018",
            Self::NoVersion { .. } => "LAT002",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::NoManager { lattice } => lattice.to_string(),
            Self::Refused { operation, .. } => operation.to_string(),
            Self::Request(error) => error.subject(),
            Self::Unknown { name, .. }
            | Self::UnknownVersion { name, .. }
            | Self::Subscribe { name, .. }
            | Self::Hosts { name, .. }
            | Self::Failed { name, .. }
            | Self::Deadline { name, .. }
            | Self::Interrupted { name }
            | Self::VersionTaken { name, .. }
            | Self::NoVersion { name } => name.to_string(),
            Self::VersionOfFile { file, .. } => file.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoManager { .. } => vec![
                "start one with `weft up`, or with `--role manager` beside a lattice that has none"
                    .to_owned(),
                "name another lattice with `--lattice`".to_owned(),
            ],
            Self::Refused { .. } => Vec::new(),
            Self::Request(error) => error.hints(),
            Self::Subscribe { source, .. } => source.hints(),
            Self::Hosts { source, .. } => source.hints(),
            Self::Unknown { nearest, .. } => {
                let list = "list what is there with `weft app list`".to_owned();
                similar(nearest).into_iter().chain([list]).collect()
            }
            Self::UnknownVersion {
                name,
                nearest,
                newest,
                ..
            } => {
                let newest = newest.as_ref();
                let newest = newest.map(|newest| format!("the newest: `{newest}`"));
                let list = format!("list its versions with `weft app status {name} -o wide`");
                let first = similar(nearest).or(newest);
                first.into_iter().chain([list]).collect()
            }
            Self::Failed { name, .. } => vec![
                format!("follow it with `weft app status {name} --watch`"),
                format!("correct the cause, and deploy again; `weft app undeploy {name}` gives up"),
            ],
            Self::Deadline { name, .. } | Self::Interrupted { name } => vec![
                format!("follow it with `weft app status {name} --watch`"),
                "wait longer with `--timeout`".to_owned(),
            ],
            Self::VersionOfFile { .. } => {
                vec!["leave the version out, or name the application instead".to_owned()]
            }
            Self::VersionTaken { .. } => {
                vec!["give the annotation `version` another value, or leave it out".to_owned()]
            }
            Self::NoVersion { .. } => vec!["check the version of the manager".to_owned()],
        }
    }
}

fn similar(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("similar: {}", join_words(names)))
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let failure = Self::new(error.status(), &error);
        match error {
            AppError::Refused { problems, .. }
            | AppError::Failed { problems, .. }
            | AppError::Deadline { problems, .. } => failure.with_problems(problems),
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_not_there_is_told_with_others() {
        let check = |version: &str, known: &[&str], expected: &[&str]| {
            let name = "shop".parse().unwrap();
            let known: Vec<String> = known.iter().map(|&version| version.to_owned()).collect();
            let hints = AppError::unknown_version(&name, version, &known).hints();
            let (list, others) = hints.split_last().unwrap();
            assert_eq!(others, expected);
            assert!(list.contains("`weft app status shop -o wide`"), "{list}");
        };
        check("v9", &["v1", "release-2"], &["similar: `v1`"]);
        check("v9", &["first", "release-2"], &["the newest: `release-2`"]);
        check("v9", &[], &[]);
    }
}
