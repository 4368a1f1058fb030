//! Asking managers over the application API (spec §9.1).

mod answerer;
mod error;

pub use answerer::Answerer;
pub use error::ApplicationError;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use weft_model::id::ApplicationName;
use weft_protocol::application::{
    DeleteReply, DeleteResult, DeployReply, DeployResult, GetAllReply, GetReply, GetResult,
    ModelSummary, ProblemEntry, PutReply, PutResult, Status, StatusReply, StatusResult,
    VersionEntry, VersionRequest, VersionsReply,
};
use weft_protocol::json;
use weft_protocol::subject::ApplicationOperation;
use weft_protocol::wire;

use crate::lattice::Lattice;
use crate::message::Headers;

/// Asks the manager of a lattice, which may be a Weft or a wadm. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    lattice: Lattice,
}

/// How a manifest is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ManifestFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

// ===== impl Client =====

impl Client {
    pub(crate) fn new(lattice: Lattice) -> Self {
        Self { lattice }
    }

    /// All applications.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    pub async fn list(&self) -> Result<Vec<ModelSummary>, ApplicationError> {
        let operation = ApplicationOperation::GetAll;
        let reply: GetAllReply = self.ask(&operation, &Headers::new(), Vec::new()).await?;
        match reply.result {
            GetResult::Success => Ok(reply.models),
            GetResult::NotFound => Ok(Vec::new()),
            _ => Err(refused(operation, reply.message, Vec::new())),
        }
    }

    /// The manifest of `version`, or of the newest version; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    pub async fn manifest(
        &self,
        name: &ApplicationName,
        version: Option<&str>,
    ) -> Result<Option<Value>, ApplicationError> {
        let operation = ApplicationOperation::Get(name.clone());
        let reply: GetReply = self.ask_version(&operation, version).await?;
        match reply.result {
            GetResult::Success => Ok(reply.manifest),
            GetResult::NotFound => Ok(None),
            _ => Err(refused(operation, reply.message, Vec::new())),
        }
    }

    /// Stores a manifest as a new version of its application.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`]; refused manifests name their problems where the manager is a Weft.
    pub async fn put(
        &self,
        manifest: Vec<u8>,
        format: ManifestFormat,
    ) -> Result<PutReply, ApplicationError> {
        self.put_with(Headers::new(), manifest, format).await
    }

    /// As [`Self::put`], but a Weft manager refuses what is merely odd about the manifest too.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    pub async fn put_strict(
        &self,
        manifest: Vec<u8>,
        format: ManifestFormat,
    ) -> Result<PutReply, ApplicationError> {
        let strict = (wire::header::STRICT.to_owned(), true.to_string());
        self.put_with(Headers::from([strict]), manifest, format)
            .await
    }

    async fn put_with(
        &self,
        mut headers: Headers,
        manifest: Vec<u8>,
        format: ManifestFormat,
    ) -> Result<PutReply, ApplicationError> {
        let operation = ApplicationOperation::Put;
        let content_type = match format {
            ManifestFormat::Yaml => wire::YAML_CONTENT_TYPE,
            ManifestFormat::Json => wire::JSON_CONTENT_TYPE,
        };
        headers.insert(
            wire::header::CONTENT_TYPE.to_owned(),
            content_type.to_owned(),
        );
        let reply: PutReply = self.ask(&operation, &headers, manifest).await?;
        match reply.result {
            PutResult::Created | PutResult::NewVersion => Ok(reply),
            _ => Err(refused(operation, reply.message, reply.weft_problems)),
        }
    }

    /// The stored versions, in the order in which they were put; `None` when there is no such application.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    pub async fn versions(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<Vec<VersionEntry>>, ApplicationError> {
        let operation = ApplicationOperation::Versions(name.clone());
        let reply: VersionsReply = self.ask(&operation, &Headers::new(), Vec::new()).await?;
        match reply.result {
            GetResult::Success => Ok(Some(reply.versions)),
            GetResult::NotFound => Ok(None),
            _ => Err(refused(operation, reply.message, Vec::new())),
        }
    }

    /// Makes `version`, or the newest version, the one that is to run. What runs follows.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    pub async fn deploy(
        &self,
        name: &ApplicationName,
        version: Option<&str>,
    ) -> Result<DeployReply, ApplicationError> {
        let operation = ApplicationOperation::Deploy(name.clone());
        let reply = self.ask_version(&operation, version).await?;
        acknowledged(operation, reply)
    }

    /// Lets no version run. What runs follows.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    pub async fn undeploy(&self, name: &ApplicationName) -> Result<DeployReply, ApplicationError> {
        let operation = ApplicationOperation::Undeploy(name.clone());
        let reply = self.ask_version(&operation, None).await?;
        acknowledged(operation, reply)
    }

    /// Removes `version`, or all versions. Removing nothing is a success, told by the reply.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    pub async fn delete(
        &self,
        name: &ApplicationName,
        version: Option<&str>,
    ) -> Result<DeleteReply, ApplicationError> {
        let operation = ApplicationOperation::Delete(name.clone());
        let reply: DeleteReply = self.ask_version(&operation, version).await?;
        match reply.result {
            DeleteResult::Deleted | DeleteResult::Noop => Ok(reply),
            _ => Err(refused(operation, reply.message, Vec::new())),
        }
    }

    /// How far the application is; `None` when there is none. A wadm tells of applications that do not exist as if they
    /// were not deployed.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    pub async fn status(&self, name: &ApplicationName) -> Result<Option<Status>, ApplicationError> {
        let operation = ApplicationOperation::Status(name.clone());
        let reply: StatusReply = self.ask(&operation, &Headers::new(), Vec::new()).await?;
        match reply.result {
            StatusResult::Ok => Ok(reply.status),
            StatusResult::NotFound => Ok(None),
            _ => Err(refused(operation, reply.message, Vec::new())),
        }
    }

    async fn ask_version<T: DeserializeOwned>(
        &self,
        operation: &ApplicationOperation,
        version: Option<&str>,
    ) -> Result<T, ApplicationError> {
        let body = VersionRequest {
            version: version.map(str::to_owned),
        };
        self.ask_with(operation, &body).await
    }

    async fn ask_with<T: DeserializeOwned, B: Serialize>(
        &self,
        operation: &ApplicationOperation,
        body: &B,
    ) -> Result<T, ApplicationError> {
        self.ask(operation, &Headers::new(), json::encode(body))
            .await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        operation: &ApplicationOperation,
        headers: &Headers,
        body: Vec<u8>,
    ) -> Result<T, ApplicationError> {
        let subject = self.lattice.application_subjects().render(operation);
        let message = self
            .lattice
            .request(&subject, headers, body.into())
            .await
            .map_err(|source| ApplicationError::Request {
                operation: operation.clone(),
                source,
            })?;
        json::decode(&message.payload).map_err(|source| ApplicationError::Decode {
            operation: operation.clone(),
            source,
        })
    }
}

fn acknowledged(
    operation: ApplicationOperation,
    reply: DeployReply,
) -> Result<DeployReply, ApplicationError> {
    match reply.result {
        DeployResult::Acknowledged => Ok(reply),
        DeployResult::NotFound => Err(ApplicationError::NotFound {
            operation,
            message: reply.message,
        }),
        _ => Err(refused(operation, reply.message, reply.weft_problems)),
    }
}

fn refused(
    operation: ApplicationOperation,
    message: String,
    problems: Vec<ProblemEntry>,
) -> ApplicationError {
    ApplicationError::Refused {
        operation,
        message,
        problems: problems.into_iter().map(Into::into).collect(),
    }
}
