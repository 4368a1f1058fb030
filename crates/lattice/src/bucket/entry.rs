//! What a bucket holds.

use bytes::Bytes;

/// An entry of a bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Bytes,
    /// The number of the write that made it.
    pub revision: u64,
}

/// What to make of an entry, in [`Bucket::retry_update`](super::Bucket::retry_update).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Update {
    /// Leave it as it is.
    Keep,
    /// Write this value.
    Put(Bytes),
    /// Remove it.
    Delete,
}

/// What [`Bucket::retry_update`](super::Bucket::retry_update) did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Updated {
    /// Nothing was written; the revision is that of the entry, where there is one.
    Kept {
        /// The revision of the entry.
        revision: Option<u64>,
    },
    /// The entry was written or removed.
    Written {
        /// The revision of the write.
        revision: u64,
    },
}

/// The last write to a key.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) operation: Operation,
    pub(super) value: Bytes,
    pub(super) revision: u64,
}

/// What a write does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Put,
    Delete,
    Purge,
}

// ===== impl Record =====

impl Record {
    pub(super) fn is_removal(&self) -> bool {
        self.operation != Operation::Put
    }
}

// ===== impl Operation =====

impl Operation {
    /// The word for it in the header of a write; plain writes have none.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Self::Put => None,
            Self::Delete => Some("DEL"),
            Self::Purge => Some("PURGE"),
        }
    }

    /// What a write with these headers does: `marker` is set by the server when a limit removed the entry. Words that are
    /// not known are plain writes, as for the reference client.
    pub(super) fn of_headers(operation: Option<&str>, marker: Option<&str>) -> Self {
        match (operation, marker) {
            (Some("DEL"), _) | (None, Some("Remove")) => Self::Delete,
            (Some("PURGE"), _) | (None, Some("MaxAge" | "Purge")) => Self::Purge,
            _ => Self::Put,
        }
    }
}
