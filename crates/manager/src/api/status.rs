//! `status.{name}`: how far a deployment is.

use weft_model::id::ApplicationName;
use weft_protocol::application::{StatusReply, StatusResult};

use super::Api;
use crate::catalog::status::current;
use crate::error::Error;

// ===== impl Api =====

impl Api {
    /// An application that does not exist is one that is not deployed, as for a wadm.
    pub(super) async fn status(&self, name: &ApplicationName) -> Result<StatusReply, Error> {
        // What is said is read first: it may be of an earlier generation than the record, never the other way round.
        let stored = self.store.status(name).await?;
        let record = self.store.application(name).await?;
        let status = record.map(|record| current(&record, stored.as_ref()));
        Ok(StatusReply {
            result: StatusResult::Ok,
            message: format!("Successfully fetched status for application {name}"),
            status: Some(status.unwrap_or_default()),
        })
    }
}
