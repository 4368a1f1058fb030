//! `versions.{name}`: the versions that are kept.

use weft_model::id::ApplicationName;
use weft_protocol::application::{GetResult, VersionEntry, VersionsReply};

use super::Api;
use crate::error::Error;

// ===== impl Api =====

impl Api {
    pub(super) async fn versions(&self, name: &ApplicationName) -> Result<VersionsReply, Error> {
        let record = self.store.application(name).await?;
        let Some(record) = record.filter(|record| !record.versions.is_empty()) else {
            return Ok(VersionsReply {
                result: GetResult::NotFound,
                message: format!("Application with the name {name} not found"),
                versions: Vec::new(),
            });
        };
        let deployed = record.deployed.as_ref().map(|one| one.version.as_str());
        Ok(VersionsReply {
            result: GetResult::Success,
            message: format!("Successfully fetched versions for application {name}"),
            versions: record
                .versions
                .iter()
                .map(|one| VersionEntry {
                    version: one.version.clone(),
                    deployed: deployed == Some(one.version.as_str()),
                })
                .collect(),
        })
    }
}
