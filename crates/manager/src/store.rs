//! The bucket of applications, read and written.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use tracing::{debug, info, warn};
use weft_lattice::bucket::{Bucket, BucketError, Entry, RetryError, Update, Updated};
use weft_lattice::{Headers, Lattice};
use weft_model::id::{ApplicationName, EntityId};
use weft_model::problem::{Coded, Problem, render_chain};
use weft_protocol::json;
use weft_protocol::state::LatticeKey;
use weft_protocol::subject::status_subject;
use weft_runtime::field;

use crate::catalog::edit::Change;
use crate::catalog::key;
use crate::catalog::record::{ApplicationRecord, RevisionId};
use crate::catalog::revision::RevisionRecord;
use crate::catalog::status::StatusRecord;
use crate::controller::{Input, Tidying};
use crate::desired::Loaded;
use crate::error::Error;
use crate::metrics::{Counter, Counters};
use crate::work;

/// How many entries are written at once.
const WRITES_CONCURRENT_MAX: usize = 16;

/// The bucket of applications. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) lattice: Lattice,
    pub(crate) bucket: Bucket,
    /// The bucket of component records.
    pub(crate) records: Bucket,
    pub(crate) counters: Counters,
}

/// What an edit of an application decided.
pub(crate) enum Edit<T> {
    /// Leave it as it is.
    Keep(T),
    /// Change it.
    Change(Change, T),
}

// ===== impl Store =====

impl Store {
    /// What is stored of an application.
    ///
    /// # Errors
    ///
    /// [`Error`] when the store does not answer, or the entry cannot be read.
    pub(crate) async fn application(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<ApplicationRecord>, Error> {
        let entry = self.bucket.get(&key::application(name)).await?;
        decode(entry.as_ref())
    }

    /// What is said of an application. An entry that cannot be read says nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Bucket`].
    pub(crate) async fn status(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<StatusRecord>, Error> {
        let entry = self.bucket.get(&key::status(name)).await?;
        Ok(entry.and_then(|entry| StatusRecord::decode(&entry.key, &entry.value).ok()))
    }

    /// A revision.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::Missing`] when there is none.
    pub(crate) async fn revision(
        &self,
        name: &ApplicationName,
        id: &RevisionId,
    ) -> Result<RevisionRecord, Error> {
        let key = key::revision(name, id);
        match self.bucket.get(&key).await? {
            Some(entry) => RevisionRecord::decode(name, id, &entry.value),
            None => Err(Error::Missing { key }),
        }
    }

    /// Stores a new revision.
    ///
    /// # Errors
    ///
    /// [`Error::Bucket`].
    pub(crate) async fn put_revision(
        &self,
        name: &ApplicationName,
        id: &RevisionId,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        self.bucket.create(&key::revision(name, id), value).await?;
        Ok(())
    }

    /// Changes the record of an application by compare-and-set: `edit` is asked again whenever somebody else was faster.
    /// What the change drops is removed, and what is said of the application where nothing of it is kept.
    ///
    /// # Errors
    ///
    /// What `edit` gives; [`Error`] when the store does not answer or the entry cannot be read.
    pub(crate) async fn edit<T>(
        &self,
        name: &ApplicationName,
        mut edit: impl FnMut(Option<&ApplicationRecord>) -> Result<Edit<T>, Error>,
    ) -> Result<T, Error> {
        let mut decided = None;
        let updated = self
            .bucket
            .retry_update(&key::application(name), |entry| {
                let record = decode(entry)?;
                let (update, dropped, value) = match edit(record.as_ref())? {
                    Edit::Keep(value) => (Update::Keep, Vec::new(), value),
                    Edit::Change(change, value) => match change.record {
                        Some(record) => {
                            (Update::Put(record.encode().into()), change.dropped, value)
                        }
                        None => (Update::Delete, change.dropped, value),
                    },
                };
                let is_gone = matches!(update, Update::Delete);
                decided = Some((is_gone, dropped, value));
                Ok(update)
            })
            .await
            .map_err(flatten)?;
        let (is_gone, dropped, value) = decided.expect("an update that succeeded was decided on");
        if let Updated::Written { .. } = updated {
            if is_gone {
                self.remove(&key::status(name)).await;
            }
            self.remove_revisions(name, &dropped).await;
        }
        Ok(value)
    }

    /// Removes revisions that nothing refers to. What fails is found and removed later.
    pub(crate) async fn remove_revisions(&self, name: &ApplicationName, ids: &[RevisionId]) {
        for id in ids {
            self.remove(&key::revision(name, id)).await;
        }
    }

    /// Reads a revision for the controller; `recent` is its entry where that is known.
    pub(crate) async fn load(
        &self,
        name: ApplicationName,
        id: RevisionId,
        recent: Option<Bytes>,
    ) -> Input {
        let key = key::revision(&name, &id);
        let value = match recent {
            Some(value) => Ok(Some(value)),
            None => self
                .bucket
                .get(&key)
                .await
                .map(|entry| entry.map(|entry| entry.value)),
        };
        let loaded = match value {
            Ok(Some(value)) => {
                let id = id.clone();
                work::run(value.len(), move || {
                    understand(RevisionRecord::decode(&name, &id, &value))
                })
                .await
            }
            Ok(None) => Loaded::Missing(Problem::new(&Error::Missing { key })),
            Err(error) => {
                debug!(
                    { field::KEY } = key,
                    { field::ERROR } = render_chain(&error),
                    "Revision cannot be read"
                );
                Loaded::Unavailable
            }
        };
        Input::Loaded(id, loaded)
    }

    /// Writes statuses and publishes them.
    pub(crate) async fn write_statuses(&self, statuses: Vec<StatusRecord>) -> Input {
        let failed = stream::iter(statuses)
            .map(|status| self.write_status(status))
            .buffer_unordered(WRITES_CONCURRENT_MAX)
            .filter_map(|failed| async move { failed })
            .collect()
            .await;
        Input::StatusesWritten { failed }
    }

    /// Removes what is not needed any more.
    pub(crate) async fn tidy(&self, tidyings: Vec<Tidying>) -> Input {
        for tidying in tidyings {
            match tidying {
                Tidying::Change {
                    name,
                    expected,
                    change,
                } => self.apply(&name, expected, change).await,
                Tidying::Remove { key } => {
                    debug!({ field::KEY } = key, "Entry removed that nothing refers to");
                    self.counters.add(Counter::OrphansRemoved);
                    self.remove(&key).await;
                }
                Tidying::RemoveRecord { id, expected } => self.remove_record(&id, expected).await,
            }
        }
        Input::Tidied
    }

    /// Removes the record of a component or provider, if it still is at revision `expected`.
    async fn remove_record(&self, id: &EntityId, expected: u64) {
        let key = LatticeKey::Component(id.clone()).to_string();
        match self.records.delete(&key, Some(expected)).await {
            Ok(_) => {
                info!(
                    { field::KEY } = key,
                    "Record removed, nothing runs under its id and it has no links"
                );
                self.counters.add(Counter::OrphansRemoved);
            }
            // Somebody has it written meanwhile, or it is found again.
            Err(error) => {
                debug!(
                    { field::KEY } = key,
                    { field::ERROR } = render_chain(&error),
                    "Record not removed"
                );
            }
        }
    }

    /// Writes a status and publishes it; gives the application if it was not written.
    async fn write_status(&self, record: StatusRecord) -> Option<ApplicationName> {
        let name = record.name.clone();
        let key = key::status(&name);
        if let Err(error) = self.bucket.put(&key, record.encode()).await {
            warn!({ field::APP_NAME } = %name, { field::ERROR } = render_chain(&error), { field::ERROR_CODE } = error.code(), "Status cannot be written");
            return Some(name);
        }
        let status = &record.status;
        info!({ field::APP_NAME } = %name, { field::APP_GENERATION } = record.generation, status = ?status.info.kind, message = status.info.message, "Status changed");
        let subject = status_subject(self.lattice.name(), &name);
        let published = self
            .lattice
            .publish(&subject, &Headers::new(), json::encode(status).into())
            .await;
        match published {
            Ok(()) => self.counters.add(Counter::StatusesPublished),
            // Whoever asks is told what was written.
            Err(error) => {
                debug!({ field::APP_NAME } = %name, { field::ERROR } = render_chain(&error), "Status cannot be published");
            }
        }
        None
    }

    /// Changes the record of an application if it still is at revision `expected`.
    async fn apply(&self, name: &ApplicationName, expected: u64, change: Change) {
        let key = key::application(name);
        let is_gone = change.record.is_none();
        let written = match change.record {
            Some(record) => self.bucket.update(&key, record.encode(), expected).await,
            None => self.bucket.delete(&key, Some(expected)).await,
        };
        match written {
            Ok(_) => {
                if is_gone {
                    info!({ field::APP_NAME } = %name, "Application is gone");
                    self.remove(&key::status(name)).await;
                }
                self.remove_revisions(name, &change.dropped).await;
            }
            // The next plan finds it again, if it still holds.
            Err(BucketError::Conflict { .. }) => {}
            Err(error) => {
                debug!({ field::APP_NAME } = %name, { field::ERROR } = render_chain(&error), "Application cannot be tidied up");
            }
        }
    }

    async fn remove(&self, key: &str) {
        if let Err(error) = self.bucket.purge(key, None).await {
            debug!(
                { field::KEY } = key,
                { field::ERROR } = render_chain(&error),
                "Entry cannot be removed"
            );
        }
    }
}

/// What a revision asks for.
fn understand(record: Result<RevisionRecord, Error>) -> Loaded {
    match record.and_then(|record| record.application()) {
        Ok(application) => Loaded::Application(Arc::new(application)),
        Err(error) => Loaded::Unusable(Problem::new(&error)),
    }
}

fn decode(entry: Option<&Entry>) -> Result<Option<ApplicationRecord>, Error> {
    entry
        .map(|entry| ApplicationRecord::decode(&entry.key, &entry.value))
        .transpose()
}

fn flatten(error: RetryError<Error>) -> Error {
    match error {
        RetryError::Update(error) => error,
        RetryError::Bucket(error) => Error::Bucket(error),
        RetryError::Contended { key, attempts, .. } => Error::Contended { key, attempts },
        // The type may grow.
        _ => Error::Behind,
    }
}
