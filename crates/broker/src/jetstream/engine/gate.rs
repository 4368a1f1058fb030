//! Answers leave when what they tell is stored.
//!
//! Batches are numbered. What changed in a batch is handed to the operating system at its end, and answers leave then.
//! A stream that is to be on the disk first sends its answers behind a sync, which the storage thread does;
//! answers of one stream keep their order, and a stream that waits for the disk holds up no other.

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::jetstream::{Courier, Outgoing};
use crate::stats::Counters;
use crate::storage::{Committer, Job, Log};

pub(super) struct Gate {
    pub(super) log: Log,
    courier: Courier,
    committer: Committer,
    /// The batch that is being filled.
    batch: u64,
    /// The last batch that the storage thread got.
    handed_over: u64,
    /// Something of this batch is to be on the disk before its answers leave.
    is_synced: bool,
    at_once: Vec<Outgoing>,
    behind_batch: Vec<Outgoing>,
    behind_sync: Vec<Outgoing>,
    /// Keeps other processes out; given up last.
    _lock: File,
}

// ---------------------------------------------------------------------------------------------------------

impl Gate {
    /// Starts the storage thread.
    pub(super) fn new(
        log: Log,
        lock: File,
        courier: Courier,
        counters: &Arc<Counters>,
    ) -> io::Result<Self> {
        let committer = Committer::start(&log, courier.another(), Arc::clone(counters))?;
        Ok(Self {
            log,
            courier,
            committer,
            batch: 1,
            handed_over: 0,
            is_synced: false,
            at_once: Vec::new(),
            behind_batch: Vec::new(),
            behind_sync: Vec::new(),
            _lock: lock,
        })
    }

    /// The log, for a change of a stream whose last batch is in `gate`.
    pub(super) fn writes_of(&mut self, gate: &mut u64, is_synced: bool) -> &mut Log {
        *gate = self.batch;
        self.is_synced |= is_synced;
        &mut self.log
    }

    pub(super) fn has_writes(&self) -> bool {
        !self.log.is_empty()
    }

    /// Whether all answers that were handed over are out.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_settled(&self) -> bool {
        self.committer.answered() >= self.handed_over
    }

    /// Whether the storage thread has so much to do that a batch for it may have to wait.
    pub(super) fn is_behind(&self) -> bool {
        self.committer.is_behind()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.committer.has_failed()
    }

    /// Sends an answer about the stream whose last batch is in `gate`, in order with its others.
    pub(super) fn send(&mut self, gate: &mut u64, is_synced: bool, outgoing: Outgoing) {
        if is_synced && *gate > self.committer.answered() {
            *gate = self.batch;
            self.behind_sync.push(outgoing);
        } else if *gate == self.batch {
            self.behind_batch.push(outgoing);
        } else {
            self.at_once.push(outgoing);
        }
    }

    /// Sends an answer behind everything that changed in this batch.
    pub(super) fn send_behind(&mut self, outgoing: Outgoing) {
        if self.is_synced {
            self.behind_sync.push(outgoing);
        } else {
            self.behind_batch.push(outgoing);
        }
    }

    /// Sends what depends on no stream.
    pub(super) fn send_at_once(&mut self, outgoing: Outgoing) {
        self.at_once.push(outgoing);
    }

    /// Forces all that was committed to the disk, while others go on.
    pub(super) fn sync_aside(&mut self) {
        self.committer.sync_aside();
    }

    /// Ends the batch.
    pub(super) fn close(&mut self, counters: &Counters) {
        self.courier.send(self.at_once.drain(..));
        let is_synced = std::mem::take(&mut self.is_synced);
        if !self.commit(is_synced, counters) {
            // What is not stored is not acknowledged: the publisher runs into its timeout and asks again.
            self.behind_batch.clear();
            self.behind_sync.clear();
        }
        self.courier.send(self.behind_batch.drain(..));
        if !self.behind_sync.is_empty() {
            self.handed_over = self.batch;
            self.committer.submit(Job::Answer {
                batch: self.batch,
                outgoing: std::mem::take(&mut self.behind_sync),
                is_synced,
            });
        } else if is_synced {
            self.committer.sync_aside();
        }
        self.batch += 1;
        for number in self.log.take_sealed() {
            self.committer.submit(Job::Summarize(number));
        }
        for number in self.log.take_removed() {
            self.committer.submit(Job::Remove(number));
        }
    }

    /// Hands what changed to the operating system.
    fn commit(&mut self, is_synced: bool, counters: &Counters) -> bool {
        if self.log.is_empty() {
            return true;
        }
        if self.committer.has_failed() {
            return false;
        }
        match self.log.commit(is_synced) {
            Ok(()) => {
                counters.commits.add(1);
                true
            }
            Err(error) => {
                counters.write_errors.add(1);
                self.committer.note_failed();
                tracing::error!(%error, "Storage failed, nothing more is acknowledged");
                false
            }
        }
    }
}
