//! `del.{name}`: a version goes, or all of them.

use weft_model::id::ApplicationName;
use weft_protocol::application::{DeleteReply, DeleteResult};

use super::Api;
use crate::catalog::edit;
use crate::error::Error;
use crate::store::Edit;

// ===== impl Api =====

impl Api {
    pub(super) async fn delete(
        &self,
        name: &ApplicationName,
        version: Option<String>,
    ) -> Result<DeleteReply, Error> {
        let undeployed = self
            .store
            .edit(name, |record| {
                let deleted = record.and_then(|record| edit::delete(record, version.as_deref()));
                Ok(match deleted {
                    Some(deleted) => Edit::Change(deleted.change, Some(deleted.is_undeployed)),
                    None => Edit::Keep(None),
                })
            })
            .await?;
        let what = match &version {
            Some(version) => format!("version {version} of application {name}"),
            None => format!("application {name}"),
        };
        Ok(match undeployed {
            Some(is_undeployed) => DeleteReply {
                result: DeleteResult::Deleted,
                message: format!("Successfully deleted {what}"),
                // Deleting all of an application says so even where nothing ran, as a wadm does.
                undeploy: is_undeployed || version.is_none(),
            },
            None => DeleteReply {
                result: DeleteResult::Noop,
                message: format!("There is no {what}"),
                undeploy: false,
            },
        })
    }
}
