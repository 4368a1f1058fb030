//! `wasi:keyvalue` as a provider serves it: `wrpc:keyvalue` with `store`, `atomics` and `batch` (spec §4.9).
//!
//! ```
//! use std::sync::Arc;
//! use bytes::Bytes;
//! use weft_provider::keyvalue::{Error, KeyPage, Store};
//! use weft_provider::{Call, Exports, Provider};
//!
//! struct Empty;
//!
//! impl Store for Empty {
//!     async fn get(&self, _: &Call, _: String, _: String) -> Result<Option<Bytes>, Error> {
//!         Ok(None)
//!     }
//!     async fn set(&self, _: &Call, _: String, _: String, _: Bytes) -> Result<(), Error> {
//!         Err(Error::AccessDenied)
//!     }
//!     async fn delete(&self, _: &Call, _: String, _: String) -> Result<(), Error> {
//!         Ok(())
//!     }
//!     async fn list_keys(&self, _: &Call, _: String, _: Option<u64>) -> Result<KeyPage, Error> {
//!         Ok(KeyPage::default())
//!     }
//!     async fn increment(&self, _: &Call, _: String, _: String, _: u64) -> Result<u64, Error> {
//!         Err(Error::AccessDenied)
//!     }
//! }
//!
//! impl Provider for Empty {
//!     fn exports(self: Arc<Self>) -> Exports {
//!         weft_provider::keyvalue::exports(self)
//!     }
//! }
//! ```

use std::sync::Arc;

use bytes::Bytes;
use weft_wrpc::{CallError, record, variant};

use crate::caller::Component;
use crate::serve::{Call, Exports};

/// The instance of single keys.
pub const STORE: &str = "wrpc:keyvalue/store@0.2.0-draft";
/// The instance of changes that cannot be interrupted.
pub const ATOMICS: &str = "wrpc:keyvalue/atomics@0.2.0-draft";
/// The instance of many keys at once.
pub const BATCH: &str = "wrpc:keyvalue/batch@0.2.0-draft";

/// The instance by which components are told of changes.
pub const WATCHER: &str = "wrpc:keyvalue/watcher@0.2.0-draft";

/// A store of values by bucket and key. A bucket is what the component opened; the link of the [`Call`] says where it is.
///
/// What works on many keys has defaults that take one after the other, and are not atomic.
pub trait Store: Send + Sync + 'static {
    /// The value of a key; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn get(
        &self,
        call: &Call,
        bucket: String,
        key: String,
    ) -> impl Future<Output = Result<Option<Bytes>, Error>> + Send;

    /// Sets the value of a key.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn set(
        &self,
        call: &Call,
        bucket: String,
        key: String,
        value: Bytes,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes a key, if it is there.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn delete(
        &self,
        call: &Call,
        bucket: String,
        key: String,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether a key is there.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn exists(
        &self,
        call: &Call,
        bucket: String,
        key: String,
    ) -> impl Future<Output = Result<bool, Error>> + Send {
        async { Ok(self.get(call, bucket, key).await?.is_some()) }
    }

    /// Keys from `cursor` on, which is that of the page before; from the first one without.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn list_keys(
        &self,
        call: &Call,
        bucket: String,
        cursor: Option<u64>,
    ) -> impl Future<Output = Result<KeyPage, Error>> + Send;

    /// Adds to a number, atomically, and gives the sum. A key that is not there counts as zero.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn increment(
        &self,
        call: &Call,
        bucket: String,
        key: String,
        delta: u64,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// The pairs of keys and values, in the order of the keys; `None` for those that are not there.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn get_many(
        &self,
        call: &Call,
        bucket: String,
        keys: Vec<String>,
    ) -> impl Future<Output = Result<Vec<Option<(String, Bytes)>>, Error>> + Send {
        async move {
            let mut pairs = Vec::with_capacity(keys.len());
            for key in keys {
                let value = self.get(call, bucket.clone(), key.clone()).await?;
                pairs.push(value.map(|value| (key, value)));
            }
            Ok(pairs)
        }
    }

    /// Sets the values of several keys.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn set_many(
        &self,
        call: &Call,
        bucket: String,
        pairs: Vec<(String, Bytes)>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async move {
            for (key, value) in pairs {
                self.set(call, bucket.clone(), key, value).await?;
            }
            Ok(())
        }
    }

    /// Deletes several keys.
    ///
    /// # Errors
    ///
    /// [`Error`], which the component is told.
    fn delete_many(
        &self,
        call: &Call,
        bucket: String,
        keys: Vec<String>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async move {
            for key in keys {
                self.delete(call, bucket.clone(), key).await?;
            }
            Ok(())
        }
    }
}

/// Why an operation failed, as the component is told.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no such bucket.
    #[error("there is no such store")]
    NoSuchStore,
    /// The component may not do it.
    #[error("access is denied")]
    AccessDenied,
    /// Something else.
    #[error("{0}")]
    Other(String),
}

variant!(Error {
    NoSuchStore: "no-such-store",
    AccessDenied: "access-denied",
    Other(String): "other",
});

/// Some of the keys of a bucket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<String>,
    /// Where the next page begins; `None` when there is none.
    pub cursor: Option<u64>,
}

record!(KeyPage { keys, cursor });

/// Serves a store.
pub fn exports<S: Store>(store: Arc<S>) -> Exports {
    macro_rules! function {
        ($exports:expr, $instance:expr, $name:literal, $method:ident($($param:ident: $ty:ty),+)) => {{
            let store = Arc::clone(&store);
            $exports.function($instance, $name, move |call, ($($param,)+): ($($ty,)+)| {
                let store = Arc::clone(&store);
                async move { Ok(store.$method(&call, $($param),+).await) }
            })
        }};
    }
    let exports = Exports::new();
    let exports = function!(exports, STORE, "get", get(bucket: String, key: String));
    let exports = function!(exports, STORE, "set", set(bucket: String, key: String, value: Bytes));
    let exports = function!(exports, STORE, "delete", delete(bucket: String, key: String));
    let exports = function!(exports, STORE, "exists", exists(bucket: String, key: String));
    let exports =
        function!(exports, STORE, "list-keys", list_keys(bucket: String, cursor: Option<u64>));
    let exports = function!(
        exports,
        ATOMICS,
        "increment",
        increment(bucket: String, key: String, delta: u64)
    );
    let exports =
        function!(exports, BATCH, "get-many", get_many(bucket: String, keys: Vec<String>));
    let exports = function!(
        exports,
        BATCH,
        "set-many",
        set_many(bucket: String, pairs: Vec<(String, Bytes)>)
    );
    function!(exports, BATCH, "delete-many", delete_many(bucket: String, keys: Vec<String>))
}

/// Tells a component that is linked for `wasi:keyvalue/watcher` that a key was set.
///
/// # Errors
///
/// [`CallError`] when the component cannot be called.
pub async fn on_set(
    component: &Component,
    bucket: String,
    key: String,
    value: Bytes,
) -> Result<(), CallError> {
    let params = (bucket, key, value);
    component.call(WATCHER, "on-set", params).await
}

/// Tells a component that is linked for `wasi:keyvalue/watcher` that a key was deleted.
///
/// # Errors
///
/// [`CallError`] when the component cannot be called.
pub async fn on_delete(
    component: &Component,
    bucket: String,
    key: String,
) -> Result<(), CallError> {
    component.call(WATCHER, "on-delete", (bucket, key)).await
}
