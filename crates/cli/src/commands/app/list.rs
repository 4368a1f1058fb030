//! `weft app list`: all applications.

use clap::Args;
use serde::Serialize;
use weft_lattice::protocol::application::ModelSummary;

use super::AppError;
use super::status::word;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::Table;
use crate::view::{Block, SchemaVersion, View};

/// List all applications
#[derive(Args, Debug)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  weft app list                        See the version that is deployed, and how far it is
  weft app list -o wide                See the newest versions and descriptions too
  weft app list -o name                Print names alone, such as for a loop"
)]
pub(crate) struct ListArgs {}

/// All applications.
#[derive(Debug, Serialize)]
struct ApplicationsView {
    schema_version: SchemaVersion,
    /// By name.
    applications: Vec<ApplicationView>,
}

/// An application in a list.
#[derive(Debug, Serialize)]
struct ApplicationView {
    /// Its name.
    name: String,
    /// Its newest version.
    newest_version: String,
    /// The version that is to run; `null` when none is.
    deployed_version: Option<String>,
    /// `undeployed`, `waiting`, `reconciling`, `deployed`, `failed` or `unhealthy`.
    status: &'static str,
    /// A sentence about the status; may be empty.
    message: String,
    /// What its manifest says about it.
    description: Option<String>,
}

/// Shows the list.
pub(crate) async fn run(_args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let summaries = lattice
        .applications()
        .list()
        .await
        .map_err(|error| AppError::of(error, lattice.name()))?;
    context.show(&ApplicationsView::new(summaries));
    Ok(())
}

// ===== impl ApplicationsView =====

impl ApplicationsView {
    fn new(summaries: Vec<ModelSummary>) -> Self {
        let mut applications: Vec<ApplicationView> = summaries
            .into_iter()
            .map(|summary| ApplicationView {
                name: summary.name,
                newest_version: summary.version,
                deployed_version: summary.deployed_version,
                status: word(summary.detailed_status.info.kind),
                message: summary.detailed_status.info.message,
                description: summary.description,
            })
            .collect();
        applications.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            schema_version: SchemaVersion,
            applications,
        }
    }
}

impl View for ApplicationsView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        if self.applications.is_empty() {
            return vec![Block::Nothing("there are no applications".to_owned())];
        }
        let mut headers = vec!["NAME", "DEPLOYED", "STATUS"];
        if is_wide {
            headers.extend(["NEWEST", "DESCRIPTION"]);
        }
        headers.push("MESSAGE");
        let mut table = Table::new(headers);
        for application in &self.applications {
            let mut row = vec![
                application.name.clone(),
                application.deployed_version.clone().unwrap_or_default(),
                application.status.to_owned(),
            ];
            if is_wide {
                row.push(application.newest_version.clone());
                row.push(application.description.clone().unwrap_or_default());
            }
            row.push(application.message.clone());
            table.push(row);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        self.applications
            .iter()
            .map(|application| application.name.clone())
            .collect()
    }
}
