//! `/metrics`: the counters, as Prometheus reads them.

use std::fmt::Write as _;
use std::sync::PoisonError;

use super::Watched;
use crate::stats::{Stats, StorageStats};

/// A figure: its name, what it is, and its value. One whose name ends in `_total` only grows.
type Figure = (&'static str, &'static str, u64);

// ===== impl Watched =====

impl Watched {
    pub(super) fn metrics(&self) -> String {
        let stats = self.shared.router.counters.snapshot();
        let usage = self
            .usage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sample();
        let process: [Figure; 3] = [
            (
                "resident_bytes",
                "Memory of the whole process",
                usage.memory_bytes,
            ),
            (
                "uptime_seconds",
                "Time since the broker started",
                self.uptime().as_secs(),
            ),
            (
                "payload_bytes_max",
                "The largest message that is taken",
                self.shared.limits.payload_bytes_max as u64,
            ),
        ];
        let mut text = String::new();
        for (name, help, value) in clients(&stats)
            .into_iter()
            .chain(streams(&stats.storage))
            .chain(process)
        {
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "# HELP weft_broker_{name} {help}\n# TYPE weft_broker_{name} {kind}\nweft_broker_{name} {value}"
            );
        }
        text
    }
}

fn clients(stats: &Stats) -> [Figure; 11] {
    [
        (
            "connections",
            "Client connections that are open",
            stats.connections,
        ),
        (
            "connections_total",
            "Client connections that were accepted",
            stats.connections_total,
        ),
        (
            "connections_refused_total",
            "Connections turned away because there were too many",
            stats.connections_refused,
        ),
        (
            "connections_unauthorized_total",
            "Connections turned away because the client did not prove who it is",
            stats.connections_unauthorized,
        ),
        (
            "subscriptions",
            "Subscriptions of clients",
            stats.subscriptions,
        ),
        (
            "messages_in_total",
            "Messages published by clients",
            stats.messages_in,
        ),
        (
            "bytes_in_total",
            "Bytes of messages published by clients",
            stats.bytes_in,
        ),
        (
            "messages_out_total",
            "Messages delivered to clients",
            stats.messages_out,
        ),
        (
            "bytes_out_total",
            "Bytes of messages delivered to clients",
            stats.bytes_out,
        ),
        (
            "slow_consumers_total",
            "Connections cut because they did not read",
            stats.slow_consumers,
        ),
        (
            "dropped_messages_total",
            "Messages that were dropped",
            stats.dropped,
        ),
    ]
}

fn streams(storage: &StorageStats) -> [Figure; 10] {
    [
        (
            "streams",
            "Streams, buckets and object stores among them",
            storage.streams,
        ),
        (
            "consumers",
            "Consumers, watches of buckets among them",
            storage.consumers,
        ),
        (
            "stored_messages",
            "Messages in all streams",
            storage.messages,
        ),
        (
            "stored_bytes",
            "Bytes of messages in all streams",
            storage.bytes,
        ),
        (
            "memory_stored_bytes",
            "Bytes of messages in streams in memory",
            storage.memory_bytes,
        ),
        (
            "commits_total",
            "Batches handed to the operating system",
            storage.commits,
        ),
        (
            "syncs_total",
            "Times that data was forced to the disk",
            storage.syncs,
        ),
        (
            "write_errors_total",
            "Writes that failed",
            storage.write_errors,
        ),
        (
            "corrupt_records_total",
            "Records found damaged and skipped",
            storage.corrupt_records,
        ),
        (
            "torn_batches_total",
            "Batches cut from the end of the journal at the start",
            storage.torn_batches,
        ),
    ]
}
