//! Subjects of the application API (spec §9.1).

use std::fmt;

use weft_model::id::{ApplicationName, LatticeName};

use super::{SubjectError, SubjectPrefix, Subscription};
use crate::wire;

/// Renders and parses the subjects of the application API of one lattice: `{prefix}.{lattice}.model.{op}[.{name}]`.
///
/// With several accounts on one NATS, the prefix begins with the account: `acme.wadm.api`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApplicationSubjects {
    /// Everything before the operation, with a dot at the end.
    base: String,
}

/// An operation of the application API with the application that its subject names. Closed, as the 1.9 API is frozen.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum ApplicationOperation {
    /// `list`: all applications, as a bare array; deprecated in favour of [`Self::GetAll`].
    List,
    /// `get` without a name: all applications.
    GetAll,
    /// `get.{name}`: the manifest of an application.
    Get(ApplicationName),
    /// `put`: store a manifest; its name is in the manifest.
    Put,
    /// `del.{name}`: remove one version or all.
    Delete(ApplicationName),
    /// `versions.{name}`: the stored versions.
    Versions(ApplicationName),
    /// `deploy.{name}`: make a version the one that is to run.
    Deploy(ApplicationName),
    /// `undeploy.{name}`: let no version run.
    Undeploy(ApplicationName),
    /// `status.{name}`: how far a deployment is.
    Status(ApplicationName),
    /// `history.{name}`: answered with an error by wadm as well.
    History(ApplicationName),
}

const LIST: &str = "list";
const GET: &str = "get";
const PUT: &str = "put";
const DELETE: &str = "del";
const VERSIONS: &str = "versions";
const DEPLOY: &str = "deploy";
const UNDEPLOY: &str = "undeploy";
const STATUS: &str = "status";
const HISTORY: &str = "history";

/// The subject on which changes of the status of an application are published.
pub fn status_subject(lattice: &LatticeName, application: &ApplicationName) -> String {
    format!("{}.{lattice}.{application}", wire::STATUS_PREFIX)
}

/// The subject that matches the [`status_subject`] of every application of `lattice`.
pub fn statuses_subject(lattice: &LatticeName) -> String {
    format!("{}.{lattice}.*", wire::STATUS_PREFIX)
}

/// The application whose status is published on `subject`.
///
/// # Errors
///
/// [`SubjectError`] when it is no status subject of `lattice`.
pub fn parse_status_subject(
    lattice: &LatticeName,
    subject: &str,
) -> Result<ApplicationName, SubjectError> {
    let name = subject
        .strip_prefix(wire::STATUS_PREFIX)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_prefix(lattice.as_str()))
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or(SubjectError::Foreign)?;
    Ok(name.parse()?)
}

// ===== impl ApplicationSubjects =====

impl ApplicationSubjects {
    /// Subjects of `lattice` under `prefix`.
    pub fn new(prefix: &SubjectPrefix, lattice: &LatticeName) -> Self {
        Self {
            base: format!("{prefix}.{lattice}.{}.", wire::APPLICATION_NOUN),
        }
    }

    /// The subject of `operation`.
    pub fn render(&self, operation: &ApplicationOperation) -> String {
        format!("{}{operation}", self.base)
    }

    /// The operation that `subject` names.
    ///
    /// # Errors
    ///
    /// As [`ControlSubjects::parse`](super::ControlSubjects::parse).
    pub fn parse(&self, subject: &str) -> Result<ApplicationOperation, SubjectError> {
        let path = subject
            .strip_prefix(self.base.as_str())
            .ok_or(SubjectError::Foreign)?;
        let (verb, name) = match path.split_once('.') {
            Some((verb, name)) => (verb, Some(name)),
            None => (path, None),
        };
        let name = name.map(str::parse::<ApplicationName>).transpose()?;
        Ok(match (verb, name) {
            (LIST, None) => ApplicationOperation::List,
            (GET, None) => ApplicationOperation::GetAll,
            (GET, Some(name)) => ApplicationOperation::Get(name),
            (PUT, None) => ApplicationOperation::Put,
            (DELETE, Some(name)) => ApplicationOperation::Delete(name),
            (VERSIONS, Some(name)) => ApplicationOperation::Versions(name),
            (DEPLOY, Some(name)) => ApplicationOperation::Deploy(name),
            (UNDEPLOY, Some(name)) => ApplicationOperation::Undeploy(name),
            (STATUS, Some(name)) => ApplicationOperation::Status(name),
            (HISTORY, Some(name)) => ApplicationOperation::History(name),
            _ => return Err(SubjectError::Unsupported),
        })
    }

    /// What a manager subscribes to: one of all managers answers.
    pub fn subscription(&self) -> Subscription {
        Subscription {
            subject: format!("{}>", self.base),
            queue: Some(wire::APPLICATION_QUEUE.to_owned()),
        }
    }
}

// ===== impl ApplicationOperation =====

impl ApplicationOperation {
    /// The word of the operation in its subject.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::List => LIST,
            Self::GetAll | Self::Get(_) => GET,
            Self::Put => PUT,
            Self::Delete(_) => DELETE,
            Self::Versions(_) => VERSIONS,
            Self::Deploy(_) => DEPLOY,
            Self::Undeploy(_) => UNDEPLOY,
            Self::Status(_) => STATUS,
            Self::History(_) => HISTORY,
        }
    }

    /// The application that the subject names.
    pub fn application(&self) -> Option<&ApplicationName> {
        match self {
            Self::List | Self::GetAll | Self::Put => None,
            Self::Get(name)
            | Self::Delete(name)
            | Self::Versions(name)
            | Self::Deploy(name)
            | Self::Undeploy(name)
            | Self::Status(name)
            | Self::History(name) => Some(name),
        }
    }
}

impl fmt::Display for ApplicationOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())?;
        match self.application() {
            Some(name) => write!(f, ".{name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_parses_what_it_renders() {
        let prefix = "acme.wadm.api".parse().unwrap();
        let subjects = ApplicationSubjects::new(&prefix, &LatticeName::default());
        let name = || "my-app".parse().unwrap();
        for (operation, tail) in [
            (ApplicationOperation::List, "list"),
            (ApplicationOperation::GetAll, "get"),
            (ApplicationOperation::Get(name()), "get.my-app"),
            (ApplicationOperation::Put, "put"),
            (ApplicationOperation::Delete(name()), "del.my-app"),
            (ApplicationOperation::Versions(name()), "versions.my-app"),
            (ApplicationOperation::Deploy(name()), "deploy.my-app"),
            (ApplicationOperation::Undeploy(name()), "undeploy.my-app"),
            (ApplicationOperation::Status(name()), "status.my-app"),
            (ApplicationOperation::History(name()), "history.my-app"),
        ] {
            let subject = subjects.render(&operation);
            assert_eq!(subject, format!("acme.wadm.api.default.model.{tail}"));
            assert_eq!(subjects.parse(&subject), Ok(operation));
        }
        for tail in ["put.x", "list.x", "del", "nope", "nope.x", ""] {
            let subject = format!("acme.wadm.api.default.model.{tail}");
            assert_eq!(subjects.parse(&subject), Err(SubjectError::Unsupported));
        }
        assert!(matches!(
            subjects.parse("acme.wadm.api.default.model.get.a.b"),
            Err(SubjectError::Argument(_))
        ));
    }

    #[test]
    fn a_status_subject_names_its_application() {
        let (lattice, name) = (LatticeName::default(), "my-app".parse().unwrap());
        let subject = status_subject(&lattice, &name);
        assert_eq!(subject, "wadm.status.default.my-app");
        assert_eq!(parse_status_subject(&lattice, &subject), Ok(name));
        assert_eq!(
            parse_status_subject(&lattice, "wadm.status.other.my-app"),
            Err(SubjectError::Foreign)
        );
    }
}
