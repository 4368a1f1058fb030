//! State in buckets: NATS key-value stores, changed by compare-and-set (spec §3).
//!
//! A bucket is a JetStream stream that keeps the last messages of each subject, one subject per key. The few requests
//! this needs are made here directly: the key-value module of the NATS client does not tell the revision of a removal,
//! reads from any replica, and resumes a watch from where it was, which misses a bucket that was made anew.

mod delivery;
mod entry;
mod error;
mod feed;
mod jetstream;
mod key;
mod options;
mod retry;
mod watch;

pub use entry::{Entry, Update, Updated};
pub use error::{BucketError, RetryError};
pub use options::{BucketOptions, Storage, WatchOptions};
pub use watch::{Behind, Change, Passed, Watch, WatchError};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_runtime::field;

use self::entry::{Operation, Record};
use self::feed::{Delivery, Feed};
use self::jetstream::{Jetstream, JetstreamError};
use crate::lattice::Lattice;
use crate::message::Headers;

/// How often the server tells that it is there while a bucket is listed.
const LIST_HEARTBEAT: Duration = Duration::from_secs(1);
/// The header that a write carries which removes something.
const OPERATION_HEADER: &str = "KV-Operation";
/// The header that makes a write a compare-and-set: the last revision of the key, zero where there is none.
const EXPECTED_HEADER: &str = "Nats-Expected-Last-Subject-Sequence";
/// The header that makes a write remove what was before it.
const ROLLUP_HEADER: (&str, &str) = ("Nats-Rollup", "sub");

/// A bucket of a lattice. Cheap to clone.
///
/// The **revision** of an entry is the number of the write that made it, counted through the whole bucket from one; a
/// removal is a write too. Reads are answered by the leader of the bucket, so they see every write that was acknowledged
/// before.
#[derive(Clone)]
pub struct Bucket {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    options: BucketOptions,
    /// The name of the stream underneath.
    stream: String,
    /// What stands before the key in the subjects of entries.
    subject_prefix: String,
    /// What stands before the key in the subject to write to, which differs in a JetStream domain.
    write_prefix: String,
    jetstream: Jetstream,
}

// ===== impl Bucket =====

impl Bucket {
    /// Opens the bucket `name`, or makes it as `options` say. A bucket that is there is used as it is.
    ///
    /// # Errors
    ///
    /// [`BucketError`] when the name is not valid, JetStream is not available, or the server refuses.
    pub async fn open_or_create(
        lattice: &Lattice,
        name: &str,
        options: BucketOptions,
    ) -> Result<Self, BucketError> {
        let bucket = Self::new(lattice, name, options)?;
        bucket.ensure().await?;
        Ok(bucket)
    }

    /// Opens the bucket `name`, which has to be there: for those who only read.
    ///
    /// # Errors
    ///
    /// [`BucketError::Missing`] when there is none, otherwise as [`Self::open_or_create`].
    pub async fn open(
        lattice: &Lattice,
        name: &str,
        options: BucketOptions,
    ) -> Result<Self, BucketError> {
        let bucket = Self::new(lattice, name, options)?;
        bucket.info().await?;
        Ok(bucket)
    }

    fn new(lattice: &Lattice, name: &str, options: BucketOptions) -> Result<Self, BucketError> {
        key::check_bucket(name)?;
        let subject_prefix = format!("$KV.{name}.");
        let jetstream = Jetstream::new(lattice.clone());
        let write_prefix = jetstream.write_prefix(&subject_prefix);
        Ok(Self {
            inner: Arc::new(Inner {
                name: name.to_owned(),
                options,
                stream: format!("KV_{name}"),
                subject_prefix,
                write_prefix,
                jetstream,
            }),
        })
    }

    /// The name of the bucket.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The entry `key`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`BucketError`].
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, BucketError> {
        let record = self.read(key).await?;
        match record {
            Some(record) => self.checked_entry(key, record),
            None => Ok(None),
        }
    }

    /// Writes `key`, whatever it was, and returns the revision.
    ///
    /// # Errors
    ///
    /// [`BucketError`].
    pub async fn put(&self, key: &str, value: impl Into<Bytes>) -> Result<u64, BucketError> {
        self.write(key, Operation::Put, value.into(), None).await
    }

    /// Writes `key` if there is none, and returns the revision.
    ///
    /// # Errors
    ///
    /// [`BucketError::Conflict`] when there is one.
    pub async fn create(&self, key: &str, value: impl Into<Bytes>) -> Result<u64, BucketError> {
        let value = value.into();
        match self
            .write(key, Operation::Put, value.clone(), Some(0))
            .await
        {
            Err(BucketError::Conflict { .. }) => {}
            result => return result,
        }
        // The key may have been removed, which left a revision behind.
        match self.read(key).await? {
            Some(record) if record.is_removal() => {
                self.write(key, Operation::Put, value, Some(record.revision))
                    .await
            }
            _ => Err(self.conflict(key, 0)),
        }
    }

    /// Writes `key` if its revision is `expected`, and returns the new revision. Zero expects a key that never was.
    ///
    /// # Errors
    ///
    /// [`BucketError::Conflict`] when the revision is another. After [`BucketError::Request`] the write may or may not
    /// have happened.
    pub async fn update(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        expected: u64,
    ) -> Result<u64, BucketError> {
        self.write(key, Operation::Put, value.into(), Some(expected))
            .await
    }

    /// Removes `key`, if its revision is `expected` where that is given, and returns the revision of the removal. Removing
    /// what is not there is a write too.
    ///
    /// # Errors
    ///
    /// [`BucketError::Conflict`] when the revision is another.
    pub async fn delete(&self, key: &str, expected: Option<u64>) -> Result<u64, BucketError> {
        self.write(key, Operation::Delete, Bytes::new(), expected)
            .await
    }

    /// As [`Self::delete`], and removes the history of the key too, where the bucket keeps one.
    ///
    /// # Errors
    ///
    /// As [`Self::delete`].
    pub async fn purge(&self, key: &str, expected: Option<u64>) -> Result<u64, BucketError> {
        self.write(key, Operation::Purge, Bytes::new(), expected)
            .await
    }

    /// The keys of the bucket.
    ///
    /// # Errors
    ///
    /// [`BucketError`].
    pub async fn keys(&self) -> Result<BTreeSet<String>, BucketError> {
        let mut keys = BTreeSet::new();
        self.list(true, |key, _| {
            keys.insert(key);
            Ok(keys.len())
        })
        .await?;
        Ok(keys)
    }

    /// All entries of the bucket, by key. One that is larger than is read is left out, and logged.
    ///
    /// # Errors
    ///
    /// [`BucketError`].
    pub async fn entries(&self) -> Result<BTreeMap<String, Entry>, BucketError> {
        let mut entries = BTreeMap::new();
        self.list(false, |key, record| {
            match self.checked_entry(&key, record) {
                Ok(entry) => entries.extend(entry.map(|entry| (key, entry))),
                Err(error) => tracing::warn!(
                    { field::BUCKET } = self.name(),
                    { field::ERROR } = weft_model::problem::render_chain(&error),
                    "Left out an entry"
                ),
            }
            Ok(entries.len())
        })
        .await?;
        Ok(entries)
    }

    /// The revision of the last write to the bucket; zero when there was none.
    ///
    /// # Errors
    ///
    /// [`BucketError`].
    pub async fn revision(&self) -> Result<u64, BucketError> {
        let info = self.info().await?;
        Ok(info.state.last_sequence)
    }

    /// Follows the bucket: first what is in it, then what changes.
    pub fn watch(&self, options: WatchOptions) -> Watch {
        Watch::new(self.clone(), options)
    }

    /// Makes the bucket unless it is there.
    async fn ensure(&self) -> Result<jetstream::StreamInfo, BucketError> {
        match self.info().await {
            Err(BucketError::Missing { .. }) => {}
            result => return result,
        }
        let created = self
            .inner
            .jetstream
            .create_stream(
                &self.inner.stream,
                &self.inner.subject_prefix,
                &self.inner.options,
            )
            .await;
        match created {
            Ok(info) => Ok(info),
            // Somebody else made it meanwhile.
            Err(error) if error.is_name_taken() => self.info().await,
            Err(error) => Err(self.jetstream_error(error)),
        }
    }

    async fn info(&self) -> Result<jetstream::StreamInfo, BucketError> {
        self.inner
            .jetstream
            .stream_info(&self.inner.stream)
            .await
            .map_err(|error| self.jetstream_error(error))
    }

    /// The last write to `key`, removals included.
    async fn read(&self, key: &str) -> Result<Option<Record>, BucketError> {
        key::check(key)?;
        let subject = format!("{}{key}", self.inner.subject_prefix);
        self.inner
            .jetstream
            .last_message(&self.inner.stream, &subject)
            .await
            .map_err(|error| self.jetstream_error(error))
    }

    async fn write(
        &self,
        key: &str,
        operation: Operation,
        value: Bytes,
        expected: Option<u64>,
    ) -> Result<u64, BucketError> {
        key::check(key)?;
        let bytes_max = self.inner.options.value_bytes_max;
        if value.len() > bytes_max {
            return Err(BucketError::Value {
                bucket: self.inner.name.clone(),
                key: key.to_owned(),
                bytes: value.len(),
                bytes_max,
            });
        }
        let mut headers = Headers::new();
        if let Some(word) = operation.word() {
            headers.insert(OPERATION_HEADER.to_owned(), word.to_owned());
        }
        if operation == Operation::Purge {
            headers.insert(ROLLUP_HEADER.0.to_owned(), ROLLUP_HEADER.1.to_owned());
        }
        if let Some(expected) = expected {
            headers.insert(EXPECTED_HEADER.to_owned(), expected.to_string());
        }
        let subject = format!("{}{key}", self.inner.write_prefix);
        let written = self.inner.jetstream.write(&subject, &headers, value).await;
        written.map_err(|error| match expected {
            Some(expected) if error.is_wrong_revision() => self.conflict(key, expected),
            _ => self.jetstream_error(error),
        })
    }

    /// Reads the whole bucket once. `visit` gets each key with its last write, and returns how many it holds.
    async fn list(
        &self,
        is_without_values: bool,
        mut visit: impl FnMut(String, Record) -> Result<usize, BucketError>,
    ) -> Result<(), BucketError> {
        let options = WatchOptions {
            heartbeat: LIST_HEARTBEAT,
            ..WatchOptions::default()
        };
        let mut feed = Feed::open(self, &options, is_without_values).await?;
        while !feed.is_listed() {
            match feed.next().await {
                Delivery::Record { key, record } if !record.is_removal() => {
                    if visit(key, record)? > options.keys_max {
                        feed.close().await;
                        return Err(BucketError::TooManyKeys {
                            bucket: self.inner.name.clone(),
                            keys_max: options.keys_max,
                        });
                    }
                }
                Delivery::Record { .. } | Delivery::Idle { .. } => {}
                Delivery::Lost(reason) => {
                    return Err(BucketError::Interrupted {
                        bucket: self.inner.name.clone(),
                        reason,
                    });
                }
            }
        }
        feed.close().await;
        Ok(())
    }

    fn checked_entry(&self, key: &str, record: Record) -> Result<Option<Entry>, BucketError> {
        if record.is_removal() {
            return Ok(None);
        }
        let bytes_max = self.inner.options.value_bytes_max;
        if record.value.len() > bytes_max {
            return Err(BucketError::Value {
                bucket: self.inner.name.clone(),
                key: key.to_owned(),
                bytes: record.value.len(),
                bytes_max,
            });
        }
        Ok(Some(Entry {
            key: key.to_owned(),
            value: record.value,
            revision: record.revision,
        }))
    }

    fn conflict(&self, key: &str, expected: u64) -> BucketError {
        BucketError::Conflict {
            bucket: self.inner.name.clone(),
            key: key.to_owned(),
            expected,
        }
    }

    fn jetstream_error(&self, error: JetstreamError) -> BucketError {
        error.of_bucket(&self.inner.name)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.inner.name).finish()
    }
}
