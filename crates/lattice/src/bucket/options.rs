//! Settings of buckets and watches.

use std::time::Duration;

/// How a bucket is made, and what it may hold. The defaults are those of the 1.9 host (spec §3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BucketOptions {
    /// How many revisions of each key are kept, from 1 to 64; used when the bucket is made. Default: 1.
    pub history: u8,
    /// On how many servers the bucket is kept; used when the bucket is made. Default: 1.
    pub replicas: u8,
    /// Where the bucket is kept; used when the bucket is made. Default: in files.
    pub storage: Storage,
    /// The largest value that is written or read, in bytes. Default: 1 MiB. The server's `max_payload` bounds it too.
    pub value_bytes_max: usize,
}

/// Where a bucket is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Storage {
    /// In files.
    File,
    /// In memory: gone when the server stops.
    Memory,
}

/// How a bucket is watched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WatchOptions {
    /// How often the server tells that it is there when nothing changes; after two times that without a word the bucket is
    /// listed anew. At least 100 ms. Default: 5 s.
    pub heartbeat: Duration,
    /// The most keys that are followed. Default: 262,144.
    pub keys_max: usize,
}

// ===== impl BucketOptions =====

impl Default for BucketOptions {
    fn default() -> Self {
        Self {
            history: 1,
            replicas: 1,
            storage: Storage::File,
            value_bytes_max: 1 << 20,
        }
    }
}

// ===== impl WatchOptions =====

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(5),
            keys_max: 1 << 18,
        }
    }
}
