//! How far an application is, as it is shown.

use serde::Serialize;
use weft_lattice::protocol::application::{Status, VersionEntry};
use weft_model::id::ApplicationName;
use weft_model::problem::Problem;

use super::super::address::AddressView;
use super::word;
use crate::ui::Table;
use crate::view::{Block, ProblemView, SchemaVersion, View};

/// How far an application is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct StatusView {
    schema_version: SchemaVersion,
    /// The application.
    name: String,
    /// The version that is to run; `null` when none is.
    version: Option<String>,
    /// `undeployed`, `waiting`, `reconciling`, `deployed`, `failed` or `unhealthy`.
    status: &'static str,
    /// The version that the status is about, which lags behind for a moment after a deployment; `null` when the manager does
    /// not say.
    status_version: Option<String>,
    /// A sentence about it; may be empty.
    message: String,
    /// Its parts.
    parts: Vec<PartView>,
    /// Where its components answer HTTP once they run; empty when no version is to run, `null` when the manifest cannot be
    /// had.
    addresses: Option<Vec<AddressView>>,
    /// What keeps it from being deployed.
    problems: Vec<ProblemView>,
    /// The stored versions, oldest first.
    versions: Vec<VersionView>,
}

/// How far a part of an application is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct PartView {
    /// What kind of part it is, in the words of the manager.
    kind: String,
    /// What it is called.
    name: String,
    /// As that of the application.
    status: &'static str,
    /// A sentence about it; may be empty.
    message: String,
}

/// A stored version.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct VersionView {
    /// The version.
    version: String,
    /// Whether it is the one that is to run.
    is_deployed: bool,
}

// ===== impl StatusView =====

impl StatusView {
    pub(super) fn new(
        name: &ApplicationName,
        status: Status,
        versions: Vec<VersionEntry>,
        addresses: Option<Vec<AddressView>>,
    ) -> Self {
        Self {
            schema_version: SchemaVersion,
            name: name.to_string(),
            version: versions
                .iter()
                .find(|entry| entry.deployed)
                .map(|entry| entry.version.clone()),
            status: word(status.info.kind),
            status_version: Some(status.version).filter(|version| !version.is_empty()),
            message: status.info.message,
            addresses,
            parts: status
                .scalers
                .into_iter()
                .map(|part| PartView {
                    kind: part.kind,
                    name: part.name,
                    status: word(part.info.kind),
                    message: part.info.message,
                })
                .collect(),
            problems: status
                .weft_problems
                .into_iter()
                .map(|entry| ProblemView::from(&Problem::from(entry)))
                .collect(),
            versions: versions
                .into_iter()
                .map(|entry| VersionView {
                    version: entry.version,
                    is_deployed: entry.deployed,
                })
                .collect(),
        }
    }
}

impl View for StatusView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        let mut head = Table::new(["NAME", "VERSION", "STATUS", "MESSAGE"]);
        head.push([
            self.name.clone(),
            self.version.clone().unwrap_or_default(),
            self.status.to_owned(),
            self.message.clone(),
        ]);
        let mut blocks = vec![Block::Table(head)];
        if let (Some(told), Some(version)) = (&self.status_version, &self.version)
            && told != version
        {
            blocks.push(Block::Line(format!(
                "The status is still that of version `{told}`."
            )));
        }
        if !self.parts.is_empty() {
            let mut table = Table::new(["PART", "KIND", "STATUS", "MESSAGE"]);
            for part in &self.parts {
                table.push([
                    part.name.clone(),
                    part.kind.clone(),
                    part.status.to_owned(),
                    part.message.clone(),
                ]);
            }
            blocks.extend([Block::Line(String::new()), Block::Table(table)]);
        }
        let addresses = self.addresses.as_deref().unwrap_or_default();
        if !addresses.is_empty() {
            let mut table = Table::new(["COMPONENT", "HTTP"]);
            for address in addresses {
                table.push([address.component().to_owned(), address.describe()]);
            }
            blocks.extend([Block::Line(String::new()), Block::Table(table)]);
        }
        if is_wide && !self.versions.is_empty() {
            let mut table = Table::new(["STORED VERSION", "DEPLOYED"]);
            for version in self.versions.iter().rev() {
                let mark = if version.is_deployed { "yes" } else { "" };
                table.push([version.version.clone(), mark.to_owned()]);
            }
            blocks.extend([Block::Line(String::new()), Block::Table(table)]);
        }
        for problem in &self.problems {
            blocks.extend([Block::Line(String::new()), Block::Problem(problem.into())]);
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}
