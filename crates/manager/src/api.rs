//! The application API (spec §9.1): one file for each operation.
//!
//! What is stored decides, and what is stored is changed by compare-and-set, so any manager can answer. Requests are worked
//! on side by side, so many at once as settings say.

mod delete;
mod deploy;
mod get;
mod ids;
mod list;
mod manifest;
mod put;
mod status;
mod undeploy;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{debug, info, warn};
use weft_lattice::bucket::Passed;
use weft_lattice::intake::{Request, Requests};
use weft_model::problem::{Problem, render_chain};
use weft_protocol::application::VersionRequest;
use weft_protocol::json;
use weft_protocol::subject::ApplicationOperation;
use weft_runtime::{Shutdown, field};

pub(crate) use ids::Ids;

use crate::controller::Snapshot;
use crate::error::Error;
use crate::metrics::{Counter, Counters};
use crate::options::Options;
use crate::store::Store;

/// How long the watch of the store is waited for.
const BEHIND_TIMEOUT: Duration = Duration::from_secs(2);
/// What a reply needs beside what it is about, in bytes.
const ENVELOPE_BYTES: usize = 4096;

/// Answers the application API.
pub(crate) struct Api {
    pub(crate) store: Store,
    /// What the controller knows.
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    /// How far the controller has come with the store.
    pub(crate) passed: Passed,
    pub(crate) bounds: Bounds,
    /// For versions and revisions.
    pub(crate) ids: Ids,
    pub(crate) counters: Counters,
}

/// Bounds on what is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    manifest_bytes_max: usize,
    reply_bytes_max: usize,
    versions_max: usize,
    applications_max: usize,
}

// ===== impl Bounds =====

impl Bounds {
    /// The bounds where the server takes messages of so many bytes: a stored manifest has to fit into a reply.
    pub(crate) fn new(options: &Options, payload_bytes_max: usize) -> Self {
        let reply_bytes_max = payload_bytes_max.saturating_sub(ENVELOPE_BYTES);
        Self {
            manifest_bytes_max: options.manifest_bytes_max.min(reply_bytes_max),
            reply_bytes_max,
            versions_max: options.versions_max,
            applications_max: options.applications_max,
        }
    }
}

// ===== impl Api =====

impl Api {
    /// Answers requests until `stop`, and then those that wait.
    pub(crate) async fn serve(
        self,
        mut requests: Requests<ApplicationOperation>,
        concurrent_max: usize,
        stop: Shutdown,
    ) {
        let mut answers = FuturesUnordered::new();
        let mut is_stopping = false;
        loop {
            let is_free = answers.len() < concurrent_max;
            tokio::select! {
                () = stop.requested(), if !is_stopping => {
                    is_stopping = true;
                    requests.stop();
                }
                Some(()) = answers.next(), if !answers.is_empty() => {}
                request = requests.next(), if is_free => match request {
                    Some(request) => answers.push(self.respond(request)),
                    // Stopped, or the connection is closed.
                    None => break,
                },
            }
        }
        while answers.next().await.is_some() {}
    }

    async fn respond(&self, request: Request<ApplicationOperation>) {
        self.counters.add(Counter::Requests);
        let sent = match self.answer(&request).await {
            Ok(body) => request.reply(body).await,
            Err(error) => {
                self.counters.add(Counter::RequestsFailed);
                let problem = Problem::new(&error);
                info!(operation = %request.operation, { field::ERROR } = %problem, { field::ERROR_CODE } = %problem.code, "Request refused");
                request.refuse(&problem).await
            }
        };
        if let Err(error) = sent {
            warn!(operation = %request.operation, { field::ERROR } = render_chain(&error), "Reply cannot be sent");
        }
    }

    /// The body of the reply to a request.
    async fn answer(&self, request: &Request<ApplicationOperation>) -> Result<Vec<u8>, Error> {
        debug!(operation = %request.operation, bytes = request.payload.len(), "Request");
        let payload = &request.payload;
        match &request.operation {
            ApplicationOperation::List => self.list().await,
            ApplicationOperation::GetAll => self.get_all().await,
            ApplicationOperation::Get(name) => encoded(self.get(name, version(payload)?).await?),
            ApplicationOperation::Put => self.put(payload.clone(), &request.headers).await,
            ApplicationOperation::Delete(name) => {
                encoded(self.delete(name, version(payload)?).await?)
            }
            ApplicationOperation::Versions(name) => encoded(self.versions(name).await?),
            ApplicationOperation::Deploy(name) => {
                encoded(self.deploy(name, version(payload)?).await?)
            }
            ApplicationOperation::Undeploy(name) => encoded(self.undeploy(name).await?),
            ApplicationOperation::Status(name) => encoded(self.status(name).await?),
            ApplicationOperation::History(_) => Err(Error::NoHistory),
        }
    }

    /// What the controller knows, once it has come to all that was stored before the request.
    async fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        let revision = self.store.bucket.revision().await?;
        let mut passed = self.passed.clone();
        if passed.reached(revision, BEHIND_TIMEOUT).await.is_err() {
            return Err(Error::Behind);
        }
        // A manager that has just started may not have come to the end of its first listing.
        let mut snapshots = self.snapshots.clone();
        let listed = snapshots.wait_for(|snapshot| snapshot.is_listed);
        match timeout(BEHIND_TIMEOUT, listed).await {
            Ok(Ok(snapshot)) => Ok(Arc::clone(&snapshot)),
            Ok(Err(_)) | Err(_) => Err(Error::Behind),
        }
    }
}

/// The version that a request names.
fn version(payload: &[u8]) -> Result<Option<String>, Error> {
    let request: VersionRequest = json::decode_or_default(payload).map_err(Error::Malformed)?;
    Ok(request.version)
}

fn encoded<T: Serialize>(reply: T) -> Result<Vec<u8>, Error> {
    Ok(json::encode(&reply))
}
