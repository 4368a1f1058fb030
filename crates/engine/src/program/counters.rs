//! What has happened to the calls of one program.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Calls begun and failed.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    failures: [AtomicU64; FAILURE_KINDS.len()],
}

/// The kinds of failure in the order they are counted in.
const FAILURE_KINDS: [&str; 13] = [
    "denied",
    "overloaded",
    "deadline",
    "cpu",
    "depth",
    "resources",
    "trapped",
    "no_answer",
    "guest",
    "no_handler",
    "cancelled",
    "flow",
    "remote",
];

/// A snapshot of a program's counters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Calls begun.
    pub calls: u64,
    /// Calls failed, by kind; kinds that never happened are absent.
    pub failures: BTreeMap<&'static str, u64>,
    /// Instances alive now.
    pub instances: u32,
    /// Calls waiting for an instance now.
    pub waiting: u32,
}

// ===== impl Counters =====

impl Counters {
    pub(super) fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_failure(&self, kind: &str) {
        if let Some(position) = FAILURE_KINDS.iter().position(|&name| name == kind) {
            self.failures[position].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A snapshot, with what is going on now.
    pub(super) fn stats(&self, instances: u32, waiting: u32) -> Stats {
        let failures = FAILURE_KINDS
            .into_iter()
            .zip(&self.failures)
            .map(|(kind, count)| (kind, count.load(Ordering::Relaxed)))
            .filter(|&(_, count)| count > 0)
            .collect();
        Stats {
            calls: self.calls.load(Ordering::Relaxed),
            failures,
            instances,
            waiting,
        }
    }
}
