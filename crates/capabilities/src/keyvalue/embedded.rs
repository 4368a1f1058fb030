//! The durable key-value backend: one database in the data directory, shared by all providers of a host.
//!
//! A write that has returned survives the end of the process, however it ends; it reaches the disk itself within
//! [`SYNC_PERIOD`].

use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fjall::{
    KeyspaceCreateOptions, PersistMode, Readable, SingleWriterTxDatabase, SingleWriterTxKeyspace,
};
use futures::future::{BoxFuture, FutureExt};
use tokio::sync::Semaphore;
use tokio::task;
use weft_engine::CallContext;

use super::cursor::Cursors;
use super::{Error, KeyValue, PAGE_KEYS_MAX, Page, add, check_bucket, check_key, check_value};

/// How long a write may be in the operating system's memory only.
pub const SYNC_PERIOD: Duration = Duration::from_secs(1);
/// Operations on the database at once; each may block on the disk.
const OPERATIONS_MAX: usize = 64;
const KEYSPACE: &str = "keyvalue";

/// The database of one host.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    database: SingleWriterTxDatabase,
    keyspace: SingleWriterTxKeyspace,
    operations: Arc<Semaphore>,
}

/// The buckets of one provider in the database.
pub struct Embedded {
    database: Database,
    /// Sets the provider's keys apart from those of others.
    provider: String,
    /// Where set, all buckets are this one, whatever name a guest opens: so behaves the store it stands in for.
    only_bucket: Option<String>,
    cursors: Mutex<Cursors>,
}

/// The database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the key-value database in `{path}`")]
pub struct DatabaseError {
    path: std::path::PathBuf,
    #[source]
    source: fjall::Error,
}

// ===== impl Database =====

impl Database {
    /// Opens or makes the database in `path`. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the directory cannot be used, is used by another process, or is damaged beyond repair.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let error = |source| DatabaseError {
            path: path.to_owned(),
            source,
        };
        let database = SingleWriterTxDatabase::builder(path)
            .open()
            .map_err(error)?;
        let keyspace = database
            .keyspace(KEYSPACE, KeyspaceCreateOptions::default)
            .map_err(error)?;
        Ok(Self {
            shared: Arc::new(Shared {
                database,
                keyspace,
                operations: Arc::new(Semaphore::new(OPERATIONS_MAX)),
            }),
        })
    }

    /// Brings all writes to the disk. Blocks; to be called every [`SYNC_PERIOD`] and at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn sync(&self) -> Result<(), Error> {
        self.shared
            .database
            .persist(PersistMode::SyncData)
            .map_err(storage)
    }

    /// Runs `operation` where it may block.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.shared);
        let permit = Arc::clone(&shared.operations)
            .acquire_owned()
            .await
            .map_err(|_| Error::Storage("closed".into()))?;
        let running = task::spawn_blocking(move || {
            // Held by the work itself, which goes on when nobody waits for it any more.
            let _permit = permit;
            operation(&shared)
        });
        running
            .await
            .map_err(|_| Error::Storage("interrupted".into()))?
    }
}

// ===== impl Embedded =====

impl Embedded {
    /// The buckets of `provider`; all of them one and the same if `only_bucket` is given.
    pub fn new(database: Database, provider: &str, only_bucket: Option<&str>) -> Self {
        Self {
            database,
            provider: provider.to_owned(),
            only_bucket: only_bucket.map(str::to_owned),
            cursors: Mutex::default(),
        }
    }

    fn prefix(&self, bucket: &str) -> Result<Vec<u8>, Error> {
        let bucket = self.only_bucket.as_deref().unwrap_or(bucket);
        check_bucket(bucket)?;
        let mut prefix = Vec::with_capacity(self.provider.len() + bucket.len() + 16);
        for part in [self.provider.as_str(), bucket] {
            // The length in front keeps two different pairs of parts apart, whatever bytes they have.
            prefix.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            prefix.extend_from_slice(part.as_bytes());
        }
        Ok(prefix)
    }

    fn stored_key(&self, bucket: &str, key: &str) -> Result<Vec<u8>, Error> {
        check_key(key)?;
        let mut stored = self.prefix(bucket)?;
        stored.extend_from_slice(key.as_bytes());
        Ok(stored)
    }

    fn cursors(&self) -> MutexGuard<'_, Cursors> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for Embedded {
    fn for_call(self: Arc<Self>, _: &CallContext) -> Arc<dyn KeyValue> {
        self
    }

    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        async move {
            let stored = self.stored_key(bucket, key)?;
            self.database
                .run(move |shared| {
                    let value = shared.keyspace.get(stored).map_err(storage)?;
                    Ok(value.map(|value| Bytes::copy_from_slice(&value)))
                })
                .await
        }
        .boxed()
    }

    fn set<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        value: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let stored = self.stored_key(bucket, key)?;
            check_value(&value)?;
            self.database
                .run(move |shared| {
                    shared
                        .keyspace
                        .insert(stored, value.as_ref())
                        .map_err(storage)
                })
                .await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let stored = self.stored_key(bucket, key)?;
            self.database
                .run(move |shared| shared.keyspace.remove(stored).map_err(storage))
                .await
        }
        .boxed()
    }

    fn list_keys<'a>(
        &'a self,
        bucket: &'a str,
        cursor: Option<u64>,
    ) -> BoxFuture<'a, Result<Page, Error>> {
        async move {
            let after = self.cursors().resume(cursor)?;
            let prefix = self.prefix(bucket)?;
            let mut keys = self
                .database
                .run(move |shared| keys_after(shared, &prefix, after.as_deref()))
                .await?;
            let cursor = self.cursors().cut(&mut keys);
            Ok(Page { keys, cursor })
        }
        .boxed()
    }

    fn increment<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        delta: u64,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        async move {
            let stored = self.stored_key(bucket, key)?;
            let key = key.to_owned();
            self.database
                .run(move |shared| {
                    let mut transaction = shared
                        .database
                        .write_tx()
                        .durability(Some(PersistMode::Buffer));
                    let value = transaction
                        .get(&shared.keyspace, &stored)
                        .map_err(storage)?;
                    let sum = add(&key, value.as_deref(), delta)?;
                    transaction.insert(&shared.keyspace, stored, sum.to_string());
                    transaction.commit().map_err(storage)?;
                    Ok(sum)
                })
                .await
        }
        .boxed()
    }
}

/// Up to one key more than a page has, so that the caller can tell whether another page follows.
fn keys_after(shared: &Shared, prefix: &[u8], after: Option<&str>) -> Result<Vec<String>, Error> {
    let mut start = prefix.to_vec();
    start.extend_from_slice(after.unwrap_or_default().as_bytes());
    let start = match after {
        Some(_) => Bound::Excluded(start),
        None => Bound::Included(start),
    };
    let snapshot = shared.database.read_tx();
    let mut keys = Vec::new();
    for guard in snapshot.range(&shared.keyspace, (start, Bound::Unbounded)) {
        let stored = guard.key().map_err(storage)?;
        let Some(key) = stored.strip_prefix(prefix) else {
            break;
        };
        keys.push(String::from_utf8_lossy(key).into_owned());
        if keys.len() > PAGE_KEYS_MAX {
            break;
        }
    }
    Ok(keys)
}

fn storage(error: fjall::Error) -> Error {
    Error::Storage(error.to_string().into())
}
