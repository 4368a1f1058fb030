//! A key-value backend in memory: gone with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::{self, BoxFuture, FutureExt};

use super::{Error, KeyValue, PAGE_KEYS_MAX, Page, add, check_key, check_value};

/// Buckets in memory, of unbounded size: for tests and for data that may be lost.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<(String, String), Bytes>,
    cursors: super::cursor::Cursors,
}

// ===== impl Memory =====

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for Memory {
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
        let set = check_key(key).and_then(|()| check_value(&value)).map(|()| {
            self.state().entries.insert(entry(bucket, key), value);
        });
        future::ready(set).boxed()
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let deleted = check_key(key).map(|()| {
            self.state().entries.remove(&entry(bucket, key));
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
            state.entries.insert(entry, sum.to_string().into());
            Ok(sum)
        });
        future::ready(incremented).boxed()
    }
}

fn entry(bucket: &str, key: &str) -> (String, String) {
    (bucket.to_owned(), key.to_owned())
}
