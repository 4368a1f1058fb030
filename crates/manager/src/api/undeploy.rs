//! `undeploy.{name}`: no version is to run.

use weft_model::id::ApplicationName;
use weft_protocol::application::{DeployReply, DeployResult};

use super::{Api, deploy};
use crate::catalog::edit::{self, Change};
use crate::error::Error;
use crate::store::Edit;

// ===== impl Api =====

impl Api {
    /// Undeploying what is not deployed is a success.
    pub(super) async fn undeploy(&self, name: &ApplicationName) -> Result<DeployReply, Error> {
        let is_found = self
            .store
            .edit(name, |record| {
                let Some(record) = record.filter(|record| !record.versions.is_empty()) else {
                    return Ok(Edit::Keep(false));
                };
                Ok(match edit::undeploy(record) {
                    Some(next) => Edit::Change(Change::keep(next), true),
                    None => Edit::Keep(true),
                })
            })
            .await?;
        if !is_found {
            return Ok(deploy::not_found(name));
        }
        Ok(DeployReply {
            result: DeployResult::Acknowledged,
            message: format!("Successfully undeployed application {name}"),
            name: name.to_string(),
            version: None,
            weft_problems: Vec::new(),
        })
    }
}
