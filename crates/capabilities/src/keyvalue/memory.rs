//! A key-value backend in memory: gone with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::{self, BoxFuture, FutureExt};
use weft_engine::CallContext;

use super::{Error, KeyValue, PAGE_KEYS_MAX, Page, add, check_key, check_value};

/// Bytes that a store holds unless it is made with another bound.
const STORE_BYTES_MAX: usize = 256 << 20;
/// What an entry takes beside its texts and its value, roughly.
const ENTRY_BYTES: usize = 128;

/// Buckets in memory, for tests and for data that may be lost. What does not fit its bound is refused.
pub struct Memory {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<(String, String), Bytes>,
    /// What `entries` take.
    bytes: usize,
    cursors: super::cursor::Cursors,
}

// ===== impl Memory =====

impl Default for Memory {
    fn default() -> Self {
        Self::new(STORE_BYTES_MAX)
    }
}

impl Memory {
    /// A store of at most `bytes_max`, keys and some overhead included.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for Memory {
    fn for_call(self: Arc<Self>, _: &CallContext) -> Arc<dyn KeyValue> {
        self
    }

    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        let got = check_key(key).map(|()| self.state().entries.get(&entry(bucket, key)).cloned());
        future::ready(got).boxed()
    }

    fn set<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        value: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let set = check_key(key)
            .and_then(|()| check_value(&value))
            .and_then(|()| self.state().put(entry(bucket, key), value, self.bytes_max));
        future::ready(set).boxed()
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let deleted = check_key(key).map(|()| {
            self.state().remove(&entry(bucket, key));
        });
        future::ready(deleted).boxed()
    }

    fn list_keys<'a>(
        &'a self,
        bucket: &'a str,
        cursor: Option<u64>,
    ) -> BoxFuture<'a, Result<Page, Error>> {
        let mut state = self.state();
        let listed = state.cursors.resume(cursor).map(|after| {
            let start = match after {
                Some(key) => Bound::Excluded(entry(bucket, &key)),
                None => Bound::Included(entry(bucket, "")),
            };
            let mut keys: Vec<_> = state
                .entries
                .range((start, Bound::Unbounded))
                .take_while(|((name, _), _)| name == bucket)
                .map(|((_, key), _)| key.clone())
                .take(PAGE_KEYS_MAX + 1)
                .collect();
            let cursor = state.cursors.cut(&mut keys);
            Page { keys, cursor }
        });
        future::ready(listed).boxed()
    }

    fn increment<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        delta: u64,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        let incremented = check_key(key).and_then(|()| {
            let mut state = self.state();
            let entry = entry(bucket, key);
            let sum = add(key, state.entries.get(&entry).map(Bytes::as_ref), delta)?;
            state.put(entry, sum.to_string().into(), self.bytes_max)?;
            Ok(sum)
        });
        future::ready(incremented).boxed()
    }
}

// ===== impl State =====

impl State {
    fn put(
        &mut self,
        entry: (String, String),
        value: Bytes,
        bytes_max: usize,
    ) -> Result<(), Error> {
        let former = self
            .entries
            .get(&entry)
            .map_or(0, |former| size(&entry, former));
        let bytes = self.bytes - former + size(&entry, &value);
        if bytes > bytes_max {
            return Err(Error::Full { bytes_max });
        }
        // A copy of its own: a part of something larger would keep all of that.
        self.entries.insert(entry, Bytes::copy_from_slice(&value));
        self.bytes = bytes;
        Ok(())
    }

    fn remove(&mut self, entry: &(String, String)) {
        if let Some(value) = self.entries.remove(entry) {
            self.bytes -= size(entry, &value);
        }
    }
}

/// What an entry takes.
fn size((bucket, key): &(String, String), value: &Bytes) -> usize {
    bucket.len() + key.len() + value.len() + ENTRY_BYTES
}

fn entry(bucket: &str, key: &str) -> (String, String) {
    (bucket.to_owned(), key.to_owned())
}
