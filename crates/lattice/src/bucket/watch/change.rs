//! What a watch tells.

use weft_model::problem::Coded;

use crate::bucket::Entry;
use crate::bucket::error::BucketError;

/// A change of a bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// An entry is there, or has another value.
    Put(Entry),
    /// An entry is not there any more.
    Deleted {
        /// Its key.
        key: String,
        /// The revision of its removal, or one after it.
        revision: u64,
    },
    /// All entries that were there when the watch began have been told.
    Listed {
        /// A revision up to which everything has been told.
        revision: u64,
    },
}

/// Why a watch cannot tell something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The connection was closed; the watch is at its end.
    #[error("the watch of bucket `{bucket}` ended with its connection")]
    Closed {
        /// The bucket.
        bucket: String,
    },
    /// An entry is larger than is read, or has a new key where as many are followed as may be; it is left out, and the watch
    /// goes on.
    #[error("an entry cannot be read")]
    Entry(#[source] BucketError),
}

// ===== impl WatchError =====

impl Coded for WatchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "LAT018",
            Self::Entry(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Closed { bucket } => bucket.clone(),
            Self::Entry(error) => error.subject(),
        }
    }
}
