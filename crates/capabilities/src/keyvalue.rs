//! `wasi:keyvalue`: buckets of keys and values (spec §11.2).
//!
//! A bucket handle of a guest is only the name it was opened with; each operation goes to the backend that the routes
//! name for its interface at that moment (spec §4.9).

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use weft_engine::CallContext;
use weft_model::interface::InterfaceName;

pub use self::embedded::{Database, DatabaseError, Embedded, SYNC_PERIOD};
pub use self::guest::Guest;
pub use self::memory::Memory;
pub use self::remote::Remote;
pub(crate) use self::watcher::exported;
pub use self::wire::Choose;
pub(crate) use self::wire::{answer, exports};

mod cursor;
mod embedded;
mod guest;
mod memory;
mod remote;
mod watcher;
mod wire;

/// The longest name of a bucket, in bytes.
pub const BUCKET_BYTES_MAX: usize = 1 << 10;
/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 4 << 10;
/// The largest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 16 << 20;
/// Keys in one page of a listing.
pub const PAGE_KEYS_MAX: usize = 1000;
/// Keys in one call of the batch interface.
pub const BATCH_KEYS_MAX: usize = 10_000;
/// Bytes of the keys and values that one call of the batch interface brings.
pub const BATCH_BYTES_MAX: usize = 64 << 20;

/// What routes of `wasi:keyvalue` lead to.
pub struct Backend(pub Arc<dyn KeyValue>);

/// Keys with their values.
pub type Entries = Vec<(String, Bytes)>;
/// What there is under some keys, in their order; `None` for one that does not exist.
pub type Found = Vec<Option<(String, Bytes)>>;

/// A store of buckets.
///
/// Operations on one key are atomic. All futures are cancellation safe in that an operation happens wholly or not at
/// all; whether a cancelled write happened is not known.
pub trait KeyValue: Send + Sync + 'static {
    /// This store for operations that are part of the call `context` of the store, and end by its deadline. For a store of
    /// this process it is all the same.
    fn for_call(self: Arc<Self>, context: &CallContext) -> Arc<dyn KeyValue>;

    /// The value of a key; `None` when it does not exist.
    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>>;

    /// Sets the value of a key.
    fn set<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        value: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Removes a key; one that does not exist is no error.
    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Whether a key exists.
    fn exists<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        async move { Ok(self.get(bucket, key).await?.is_some()) }.boxed()
    }

    /// One page of keys: the first without `cursor`, the next with the cursor that the page before came with.
    fn list_keys<'a>(
        &'a self,
        bucket: &'a str,
        cursor: Option<u64>,
    ) -> BoxFuture<'a, Result<Page, Error>>;

    /// Adds `delta` to the decimal number under a key, a missing key counting as zero, and returns the sum.
    fn increment<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        delta: u64,
    ) -> BoxFuture<'a, Result<u64, Error>>;

    /// The values of `keys`, at most [`BATCH_KEYS_MAX`], in their order. They stand in memory all at once, so that there
    /// are [`BATCH_BYTES_MAX`] of them at most, however often the same large one is asked for.
    fn get_many<'a>(
        &'a self,
        bucket: &'a str,
        keys: Vec<String>,
    ) -> BoxFuture<'a, Result<Found, Error>> {
        async move {
            let mut found = Vec::with_capacity(keys.len());
            let mut bytes = 0;
            for key in keys {
                let value = self.get(bucket, &key).await?;
                bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
                if bytes > BATCH_BYTES_MAX {
                    return Err(Error::BatchBytes);
                }
                found.push(value.map(|value| (key, value)));
            }
            Ok(found)
        }
        .boxed()
    }

    /// Sets at most [`BATCH_KEYS_MAX`] keys, one after the other: those before one that fails are set.
    fn set_many<'a>(
        &'a self,
        bucket: &'a str,
        entries: Entries,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            for (key, value) in entries {
                self.set(bucket, &key, value).await?;
            }
            Ok(())
        }
        .boxed()
    }

    /// Removes at most [`BATCH_KEYS_MAX`] keys, one after the other: those before one that fails are gone.
    fn delete_many<'a>(
        &'a self,
        bucket: &'a str,
        keys: Vec<String>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            for key in keys {
                self.delete(bucket, &key).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// Some keys of a bucket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// The keys, in order.
    pub keys: Vec<String>,
    /// Where the next page begins; `None` on the last page.
    pub cursor: Option<u64>,
}

/// Why an operation failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of the bucket is longer than [`BUCKET_BYTES_MAX`].
    #[error("the name of a bucket has at most {BUCKET_BYTES_MAX} bytes, this one has {bytes}")]
    Bucket {
        /// Its length.
        bytes: usize,
    },
    /// The key is empty or longer than [`KEY_BYTES_MAX`].
    #[error("a key has 1 to {KEY_BYTES_MAX} bytes, this one has {bytes}")]
    Key {
        /// Its length.
        bytes: usize,
    },
    /// The value is larger than [`VALUE_BYTES_MAX`].
    #[error("a value has at most {VALUE_BYTES_MAX} bytes, this one has {bytes}")]
    Value {
        /// Its size.
        bytes: usize,
    },
    /// A value that a component is to be told of is too large for that.
    #[error("a component is told of values up to 4 MiB, this one has {bytes} bytes")]
    Watched {
        /// Its size.
        bytes: usize,
    },
    /// A batch has more than [`BATCH_KEYS_MAX`] keys.
    #[error("a batch has at most {BATCH_KEYS_MAX} keys, this one has {keys}")]
    Batch {
        /// How many it has.
        keys: usize,
    },
    /// The values that a batch asks for have more than [`BATCH_BYTES_MAX`] together.
    #[error("a batch brings at most {BATCH_BYTES_MAX} bytes, ask for fewer keys at once")]
    BatchBytes,
    /// The store in memory has no room for more.
    #[error("the store in memory is full, it holds at most {bytes_max} bytes")]
    Full {
        /// The bound.
        bytes_max: usize,
    },
    /// The value to be incremented is not a decimal number.
    #[error("the value of `{key}` is not a decimal number")]
    NotANumber {
        /// The key.
        key: String,
    },
    /// The sum does not fit 64 bits.
    #[error("the sum under `{key}` would be too large")]
    Overflow {
        /// The key.
        key: String,
    },
    /// The listing was begun too long ago to be continued.
    #[error("the cursor has expired, list from the beginning")]
    Cursor,
    /// A store elsewhere has no such bucket.
    #[error("there is no such store")]
    NoSuchStore,
    /// A store elsewhere does not let this component in.
    #[error("the store denies access")]
    AccessDenied,
    /// A store elsewhere says what is wrong.
    #[error("{0}")]
    Told(Arc<str>),
    /// A store elsewhere was not reached, or failed.
    #[error("the store, which does not run on this host, failed: {0}")]
    Unreachable(Arc<str>),
    /// The storage failed.
    #[error("the storage failed: {0}")]
    Storage(Arc<str>),
}

/// Whether `interface` is one of the family.
pub fn provides(interface: &InterfaceName) -> bool {
    let package = interface.package();
    package.namespace() == "wasi" && package.name() == "keyvalue"
}

/// Checks the name of a bucket.
fn check_bucket(name: &str) -> Result<(), Error> {
    if name.len() > BUCKET_BYTES_MAX {
        return Err(Error::Bucket { bytes: name.len() });
    }
    Ok(())
}

/// Checks what every backend checks of a key.
fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Error::Key { bytes: key.len() });
    }
    Ok(())
}

/// Checks what every backend checks of a value.
fn check_value(value: &[u8]) -> Result<(), Error> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(Error::Value { bytes: value.len() });
    }
    Ok(())
}

/// The sum of the decimal number in `value` and `delta`.
fn add(key: &str, value: Option<&[u8]>, delta: u64) -> Result<u64, Error> {
    let number = match value {
        None => 0,
        Some(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or_else(|| Error::NotANumber {
                key: key.to_owned(),
            })?,
    };
    number.checked_add(delta).ok_or_else(|| Error::Overflow {
        key: key.to_owned(),
    })
}

#[cfg(test)]
mod tests;
