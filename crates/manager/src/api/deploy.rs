//! `deploy.{name}`: a version is to run.

use weft_model::application::Application;
use weft_model::id::{ApplicationName, EntityId};
use weft_model::problem::Problem;
use weft_protocol::application::{DeployReply, DeployResult, ProblemEntry};

use super::Api;
use crate::catalog::edit::{self, Change};
use crate::controller::Snapshot;
use crate::desired;
use crate::error::Error;
use crate::store::Edit;

// ===== impl Api =====

impl Api {
    /// Refuses a version that claims an id of another deployed application. Somebody may deploy that application at the
    /// same moment: then the planner decides, and the status tells.
    pub(super) async fn deploy(
        &self,
        name: &ApplicationName,
        version: Option<String>,
    ) -> Result<DeployReply, Error> {
        let record = self.store.application(name).await?;
        let Some(record) = record.filter(|record| !record.versions.is_empty()) else {
            return Ok(not_found(name));
        };
        let Some(wanted) = record.version(version.as_deref()) else {
            return Ok(version_not_found(name, version.as_deref()));
        };
        let (version, revision) = (wanted.version.clone(), wanted.revision.clone());
        let application = self.store.revision(name, &revision).await?.application()?;
        let snapshot = self.snapshot().await?;
        let problems = conflicts(name, &application, &snapshot);
        if let Some(first) = problems.first() {
            return Ok(DeployReply {
                result: DeployResult::Error,
                message: first.message.clone(),
                name: name.to_string(),
                version: Some(version),
                weft_problems: problems.iter().map(ProblemEntry::from).collect(),
            });
        }
        let is_found = self
            .store
            .edit(name, |record| {
                let next = record
                    .and_then(|record| edit::deploy(record, Some(&version), snapshot.next_rank));
                Ok(match next {
                    Some(next) => Edit::Change(Change::keep(next), true),
                    None => Edit::Keep(false),
                })
            })
            .await?;
        if !is_found {
            return Ok(version_not_found(name, Some(&version)));
        }
        Ok(DeployReply {
            result: DeployResult::Acknowledged,
            message: format!("Successfully deployed application {name} {version}"),
            name: name.to_string(),
            version: Some(version),
            weft_problems: Vec::new(),
        })
    }
}

/// There is no such application.
pub(super) fn not_found(name: &ApplicationName) -> DeployReply {
    DeployReply {
        result: DeployResult::NotFound,
        message: format!("Application with the name {name} not found"),
        name: name.to_string(),
        version: None,
        weft_problems: Vec::new(),
    }
}

fn version_not_found(name: &ApplicationName, version: Option<&str>) -> DeployReply {
    DeployReply {
        message: format!(
            "Version {} of application {name} not found",
            version.unwrap_or_default()
        ),
        version: version.map(str::to_owned),
        ..not_found(name)
    }
}

/// Why other deployed applications keep this one from having its ids.
fn conflicts(
    name: &ApplicationName,
    application: &Application,
    snapshot: &Snapshot,
) -> Vec<Problem> {
    desired::ids(application)
        .filter_map(|id| {
            let winner = snapshot.claims.get(id).filter(|winner| *winner != name)?;
            let id: EntityId = id.parse().ok()?;
            Some(Problem::new(&weft_planner::Error::IdClaimed {
                id,
                winner: winner.clone(),
            }))
        })
        .collect()
}
