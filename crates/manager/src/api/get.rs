//! `get.{name}`: the manifest of a version.

use weft_model::id::ApplicationName;
use weft_protocol::application::{GetReply, GetResult};
use weft_protocol::json;

use super::Api;
use crate::error::Error;

// ===== impl Api =====

impl Api {
    pub(super) async fn get(
        &self,
        name: &ApplicationName,
        version: Option<String>,
    ) -> Result<GetReply, Error> {
        let record = self.store.application(name).await?;
        let version = record
            .as_ref()
            .and_then(|record| record.version(version.as_deref()));
        let Some(version) = version else {
            return Ok(GetReply {
                result: GetResult::NotFound,
                message: format!("Application with the name {name} not found"),
                manifest: None,
            });
        };
        let revision = self.store.revision(name, &version.revision).await?;
        let manifest = json::decode(revision.manifest.to_json().as_bytes()).map_err(|source| {
            Error::Unreadable {
                key: crate::catalog::key::revision(name, &version.revision),
                source,
            }
        })?;
        Ok(GetReply {
            result: GetResult::Success,
            message: format!("Successfully fetched application {name}"),
            manifest: Some(manifest),
        })
    }
}
