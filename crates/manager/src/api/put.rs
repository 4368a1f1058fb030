//! `put`: a manifest is stored as a new version.

use bytes::Bytes;
use weft_lattice::Headers;
use weft_manifest::Document;
use weft_protocol::application::{ErrorReply, PutReply, PutResult};
use weft_protocol::json;

use super::Api;
use super::manifest::{self, Accepted, Reading};
use crate::catalog::edit::{self, Candidate, Put};
use crate::catalog::record::{ApplicationRecord, RevisionId};
use crate::catalog::revision::{self, RevisionRecord};
use crate::error::Error;
use crate::metrics::Counter;
use crate::store::Edit;
use crate::work;

/// A manifest that is about to be stored.
struct Prepared {
    candidate: Candidate,
    /// The entry of its revision.
    value: Vec<u8>,
}

// ===== impl Api =====

impl Api {
    pub(super) async fn put(&self, payload: Bytes, headers: &Headers) -> Result<Vec<u8>, Error> {
        let reading = Reading::of(headers);
        let assigned = self.ids.next();
        let revision = RevisionId::new(self.ids.next());
        let bytes_max = self.bounds.manifest_bytes_max;
        let prepared = work::run(payload.len(), move || {
            let accepted = manifest::read(&payload, reading)?;
            let warnings = accepted.warnings.clone();
            Ok::<_, ErrorReply>((prepare(accepted, assigned, revision, bytes_max), warnings))
        })
        .await;
        let (prepared, warnings) = match prepared {
            Ok(prepared) => prepared,
            Err(refusal) => {
                self.counters.add(Counter::RequestsFailed);
                return Ok(json::encode(&refusal));
            }
        };
        let put = self.store_version(prepared?).await?;
        Ok(json::encode(&PutReply {
            message: format!("{}{}", put.message, manifest::render(&warnings)),
            weft_problems: manifest::entries(&warnings),
            ..put
        }))
    }

    /// Stores a version: its revision first, which nobody sees until the application refers to it.
    async fn store_version(&self, prepared: Prepared) -> Result<PutReply, Error> {
        let Prepared { candidate, value } = prepared;
        let name = candidate.name.clone();
        let record = self.store.application(&name).await?;
        if let Put::Unchanged { version, total } = self.decide(record.as_ref(), &candidate)? {
            return Ok(unchanged(&candidate, version, total));
        }
        if record.is_none() {
            self.check_place(&candidate)?;
        }
        self.store
            .put_revision(&name, &candidate.revision, value)
            .await?;
        let put = self
            .store
            .edit(&name, |record| {
                Ok(match self.decide(record, &candidate)? {
                    Put::Unchanged { version, total } => {
                        Edit::Keep((unchanged(&candidate, version, total), false))
                    }
                    Put::Stored {
                        change,
                        result,
                        total,
                    } => Edit::Change(change, (stored(&candidate, result, total), true)),
                })
            })
            .await;
        let is_unused = match &put {
            Ok((_, is_stored)) => !is_stored,
            // It is not known whether the write happened, so the revision may be in use.
            Err(Error::Bucket(_)) => false,
            Err(_) => true,
        };
        if is_unused {
            let unused = std::slice::from_ref(&candidate.revision);
            self.store.remove_revisions(&name, unused).await;
        }
        put.map(|(reply, _)| reply)
    }

    fn decide(
        &self,
        record: Option<&ApplicationRecord>,
        candidate: &Candidate,
    ) -> Result<Put, Error> {
        edit::put(record, candidate, self.bounds.versions_max)
    }

    /// Checks that there is a place for one more application. Two that come at the same moment may both find the last one.
    fn check_place(&self, candidate: &Candidate) -> Result<(), Error> {
        let applications_max = self.bounds.applications_max;
        if self.snapshots.borrow().applications.len() < applications_max {
            return Ok(());
        }
        Err(Error::TooManyApplications {
            application: candidate.name.to_string(),
            applications_max,
        })
    }
}

/// Makes of a manifest what is stored of it.
fn prepare(
    accepted: Accepted,
    assigned: String,
    revision: RevisionId,
    bytes_max: usize,
) -> Result<Prepared, Error> {
    let Accepted {
        application,
        mut document,
        ..
    } = accepted;
    let digest = revision::digest(&document).to_string();
    let is_assigned = application.version.is_none();
    let version = application.version.unwrap_or(assigned);
    set_version(&mut document, &version);
    let candidate = Candidate {
        name: application.name.clone(),
        version: version.clone(),
        is_assigned,
        digest,
        description: application.description,
        revision,
    };
    let value = RevisionRecord::new(application.name, version, document).encode();
    if value.len() > bytes_max {
        return Err(Error::TooLarge {
            application: candidate.name.to_string(),
            bytes: value.len(),
            bytes_max,
        });
    }
    Ok(Prepared { candidate, value })
}

fn set_version(document: &mut Document, version: &str) {
    if document.version() != Some(version) {
        document.set_version(version);
    }
}

fn stored(candidate: &Candidate, result: PutResult, total: usize) -> PutReply {
    reply(
        candidate,
        result,
        candidate.version.clone(),
        total,
        format!(
            "Successfully put manifest {} {}",
            candidate.name, candidate.version
        ),
    )
}

/// Nothing was stored. The result is one that clients take for a success.
fn unchanged(candidate: &Candidate, version: String, total: usize) -> PutReply {
    let message = format!(
        "The manifest is that of {} {version} already, nothing was stored",
        candidate.name
    );
    reply(candidate, PutResult::NewVersion, version, total, message)
}

fn reply(
    candidate: &Candidate,
    result: PutResult,
    version: String,
    total: usize,
    message: String,
) -> PutReply {
    PutReply {
        result,
        total_versions: Some(total as u64),
        current_version: Some(version),
        message,
        name: Some(candidate.name.to_string()),
        weft_problems: Vec::new(),
    }
}
