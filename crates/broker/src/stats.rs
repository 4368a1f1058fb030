//! Counters of a running broker.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a broker has done since it started, and what it holds now.
///
/// The numbers are read one after another, so they may be a moment apart from each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Client connections that are open.
    pub connections: u64,
    /// Client connections that were ever accepted.
    pub connections_total: u64,
    /// Connections turned away because the maximum was reached.
    pub connections_refused: u64,
    /// Connections turned away because the client did not prove who it is, or was not encrypted.
    pub connections_unauthorized: u64,
    /// Subscriptions of clients.
    pub subscriptions: u64,
    /// Messages published by clients.
    pub messages_in: u64,
    /// Payload bytes of those, headers included.
    pub bytes_in: u64,
    /// Messages delivered to clients, once per receiver.
    pub messages_out: u64,
    /// Payload bytes of those, headers included.
    pub bytes_out: u64,
    /// Connections cut because they did not read what was sent to them.
    pub slow_consumers: u64,
    /// Messages that were dropped: undelivered ones of cut connections, and messages between streams for which
    /// there was no room.
    pub dropped: u64,
    /// What is stored.
    pub storage: StorageStats,
}

/// What the streams of a broker hold, and how storage is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageStats {
    /// Streams, buckets included.
    pub streams: u64,
    /// Consumers, the watchers of buckets included.
    pub consumers: u64,
    /// Messages in all streams.
    pub messages: u64,
    /// Bytes of those, as the limits of streams count them.
    pub bytes: u64,
    /// Those of them that are in streams in memory.
    pub memory_bytes: u64,
    /// Batches handed to the operating system.
    pub commits: u64,
    /// Times that data was forced to the disk.
    pub syncs: u64,
    /// Writes that failed. From the first on nothing more is acknowledged.
    pub write_errors: u64,
    /// Records that were found damaged and were skipped. Each is named in the log.
    pub corrupt_records: u64,
    /// Batches that were being written when the process before ended, and were dropped. None was acknowledged.
    pub torn_batches: u64,
}

/// The shared counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: Counter,
    pub(crate) connections_total: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) connections_unauthorized: Counter,
    pub(crate) subscriptions: Counter,
    pub(crate) messages_in: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) messages_out: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) slow_consumers: Counter,
    pub(crate) dropped: Counter,
    pub(crate) streams: Counter,
    pub(crate) consumers: Counter,
    pub(crate) stored_messages: Counter,
    pub(crate) stored_bytes: Counter,
    pub(crate) memory_bytes: Counter,
    pub(crate) commits: Counter,
    pub(crate) syncs: Counter,
    pub(crate) write_errors: Counter,
    pub(crate) corrupt_records: Counter,
    pub(crate) torn_batches: Counter,
}

/// A number that many threads change and that orders nothing.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

// ---------------------------------------------------------------------------------------------------------

impl Counter {
    /// Adds, wrapping around: adding a wrapped difference subtracts.
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Stats {
        Stats {
            connections: self.connections.get(),
            connections_total: self.connections_total.get(),
            connections_refused: self.connections_refused.get(),
            connections_unauthorized: self.connections_unauthorized.get(),
            subscriptions: self.subscriptions.get(),
            messages_in: self.messages_in.get(),
            bytes_in: self.bytes_in.get(),
            messages_out: self.messages_out.get(),
            bytes_out: self.bytes_out.get(),
            slow_consumers: self.slow_consumers.get(),
            dropped: self.dropped.get(),
            storage: StorageStats {
                streams: self.streams.get(),
                consumers: self.consumers.get(),
                messages: self.stored_messages.get(),
                bytes: self.stored_bytes.get(),
                memory_bytes: self.memory_bytes.get(),
                commits: self.commits.get(),
                syncs: self.syncs.get(),
                write_errors: self.write_errors.get(),
                corrupt_records: self.corrupt_records.get(),
                torn_batches: self.torn_batches.get(),
            },
        }
    }
}
