//! The book in key-value. Keys use no more than letters, digits and `-`, which every store takes.
//!
//! | key | value |
//! |---|---|
//! | `visits` | how often the page was looked at |
//! | `entries` | how many entries were begun |
//! | `entry-00000042` | the 42nd entry |

use crate::bindings::wasi::keyvalue::atomics;
use crate::bindings::wasi::keyvalue::store::{self, Bucket};
use crate::entry::Entry;
use crate::failure::Failure;

/// The bucket. A link decides which store that is, so the name is the usual one.
const BUCKET: &str = "default";
/// How many entries are shown.
const LATEST_MAX: u64 = 10;

/// The book, opened.
pub(crate) struct Book {
    bucket: Bucket,
}

impl Book {
    /// Opens the book.
    pub(crate) fn open() -> Result<Self, Failure> {
        let bucket = store::open(BUCKET).map_err(failed("open the bucket"))?;
        Ok(Self { bucket })
    }

    /// Counts a visit, and returns the number of visits with it.
    pub(crate) fn count_visit(&self) -> Result<u64, Failure> {
        self.add("visits", 1)
    }

    /// The number of visits.
    pub(crate) fn visits(&self) -> Result<u64, Failure> {
        self.add("visits", 0)
    }

    /// Keeps an entry. Two at once get a number each.
    pub(crate) fn sign(&self, entry: &Entry) -> Result<(), Failure> {
        let number = self.add("entries", 1)?;
        self.bucket
            .set(&key(number), entry.to_stored().as_bytes())
            .map_err(failed("keep an entry"))
    }

    /// The latest entries, the last one first.
    pub(crate) fn latest(&self) -> Result<Vec<Entry>, Failure> {
        let last = self.add("entries", 0)?;
        let first = last.saturating_sub(LATEST_MAX - 1).max(1);
        let mut entries = Vec::new();
        for number in (first..=last).rev() {
            let stored = self
                .bucket
                .get(&key(number))
                .map_err(failed("read an entry"))?;
            // An entry that is being written has its number already.
            entries.extend(stored.and_then(|stored| Entry::from_stored(&stored)));
        }
        Ok(entries)
    }

    /// Adding nothing reads the number, whatever form the store keeps it in.
    fn add(&self, key: &str, delta: u64) -> Result<u64, Failure> {
        atomics::increment(&self.bucket, key, delta).map_err(failed("count"))
    }
}

fn key(number: u64) -> String {
    format!("entry-{number:08}")
}

fn failed(operation: &'static str) -> impl FnOnce(store::Error) -> Failure {
    move |error| Failure::KeyValue { operation, error }
}
