//! `get` and `list`: all applications.

use serde::Serialize;
use weft_protocol::application::{GetAllReply, GetResult, ModelSummary};
use weft_protocol::json;

use super::Api;
use crate::catalog::record::ApplicationRecord;
use crate::catalog::status::{StatusRecord, current};
use crate::controller::Snapshot;
use crate::error::Error;

// ===== impl Api =====

impl Api {
    /// The bare array of the deprecated operation.
    pub(super) async fn list(&self) -> Result<Vec<u8>, Error> {
        self.encode_fitting(|models| models).await
    }

    pub(super) async fn get_all(&self) -> Result<Vec<u8>, Error> {
        self.encode_fitting(|models| GetAllReply {
            result: GetResult::Success,
            message: "Successfully fetched list of applications".to_owned(),
            models,
        })
        .await
    }

    /// A reply about all applications. The parts of their statuses are left out where it would become too large; each
    /// status has them.
    async fn encode_fitting<T: Serialize>(
        &self,
        reply: impl Fn(Vec<ModelSummary>) -> T,
    ) -> Result<Vec<u8>, Error> {
        let mut models = summaries(&*self.snapshot().await?);
        let body = json::encode(&reply(models.clone()));
        if body.len() <= self.bounds.reply_bytes_max {
            return Ok(body);
        }
        for model in &mut models {
            model.detailed_status.scalers.clear();
        }
        Ok(json::encode(&reply(models)))
    }
}

/// The applications by name, without deleted ones.
fn summaries(snapshot: &Snapshot) -> Vec<ModelSummary> {
    let applications = snapshot.applications.iter();
    applications
        .filter_map(|(name, record)| {
            let status = snapshot.statuses.get(name).map(AsRef::as_ref);
            summary(record, status)
        })
        .collect()
}

fn summary(record: &ApplicationRecord, status: Option<&StatusRecord>) -> Option<ModelSummary> {
    let newest = record.versions.last()?;
    let status = current(record, status);
    let message = &status.info.message;
    Some(ModelSummary {
        name: record.name.to_string(),
        version: newest.version.clone(),
        description: newest.description.clone(),
        deployed_version: record.deployed.as_ref().map(|one| one.version.clone()),
        status: status.info.kind,
        status_message: (!message.is_empty()).then(|| message.clone()),
        detailed_status: status,
    })
}
