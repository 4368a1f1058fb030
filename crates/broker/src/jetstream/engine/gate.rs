//! Answers leave when what they tell is committed.
//!
//! Batches are numbered. A stream that changed in a batch, or has answers waiting for one, sends its further
//! answers behind that batch; all other answers leave at once. So answers of one stream keep their order, and
//! a stream that waits for the disk holds up no other.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::jetstream::{Courier, Outgoing};
use crate::stats::Counters;
use crate::storage::{Committer, Disk, Job, StreamId, Writes};

/// Bytes after which the disk is given something to do. Once in a while the database forces all that it wrote to the
/// disk, and lets nobody commit meanwhile; this is how much that can be.
const UNSYNCED_LEN_MAX: usize = 4 * 1024 * 1024;

pub(super) struct Gate {
    disk: Disk,
    courier: Courier,
    committer: Committer,
    /// The batch that is being filled.
    batch: u64,
    /// The last batch that the storage thread got.
    handed_over: u64,
    pub(super) writes: Writes,
    /// The answers of this batch wait for the disk.
    is_synced: bool,
    /// What is committed is to be forced to the disk, which no answer waits for.
    wants_sync_aside: bool,
    /// Bytes that were written since the last sync.
    unsynced_len: usize,
    at_once: Vec<Outgoing>,
    behind_batch: Vec<Outgoing>,
    sweeps: Vec<Job>,
    /// Bodies that are not in the tables yet, by message.
    bodies: HashMap<(StreamId, u64), Bytes>,
    /// The same by batch.
    body_batches: VecDeque<(u64, (StreamId, u64))>,
}

// ---------------------------------------------------------------------------------------------------------

impl Gate {
    pub(super) fn new(disk: Disk, courier: Courier, committer: Committer) -> Self {
        Self {
            disk,
            courier,
            committer,
            batch: 1,
            handed_over: 0,
            writes: Writes::default(),
            is_synced: false,
            wants_sync_aside: false,
            unsynced_len: 0,
            at_once: Vec::new(),
            behind_batch: Vec::new(),
            sweeps: Vec::new(),
            bodies: HashMap::new(),
            body_batches: VecDeque::new(),
        }
    }

    /// The writes of this batch, for a stream whose last batch is in `gate`.
    pub(super) fn writes_of(&mut self, gate: &mut u64, is_synced: bool) -> &mut Writes {
        *gate = self.batch;
        self.is_synced |= is_synced;
        &mut self.writes
    }

    /// Keeps a body until it can be read from the tables.
    pub(super) fn keep_body(&mut self, stream: StreamId, seq: u64, body: Bytes) {
        self.bodies.insert((stream, seq), body);
        self.body_batches.push_back((self.batch, (stream, seq)));
    }

    pub(super) fn kept_body(&self, stream: StreamId, seq: u64) -> Option<&Bytes> {
        self.bodies.get(&(stream, seq))
    }

    pub(super) fn holds_bodies(&self) -> bool {
        !self.bodies.is_empty()
    }

    pub(super) fn has_writes(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Whether everything that was handed over is committed.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_settled(&self) -> bool {
        self.committer.committed() >= self.handed_over
    }

    pub(super) fn has_failed(&self) -> bool {
        self.committer.has_failed()
    }

    /// Sends an answer about the stream whose last batch is in `gate`, in order with its others.
    pub(super) fn send(&mut self, gate: &mut u64, outgoing: Outgoing) {
        if *gate > self.committer.committed() {
            *gate = self.batch;
            self.behind_batch.push(outgoing);
        } else {
            self.at_once.push(outgoing);
        }
    }

    /// Sends an answer behind everything that changed in this batch.
    pub(super) fn send_behind(&mut self, outgoing: Outgoing) {
        self.behind_batch.push(outgoing);
    }

    /// Sends what depends on no stream.
    pub(super) fn send_at_once(&mut self, outgoing: Outgoing) {
        self.at_once.push(outgoing);
    }

    /// Removes the remains of deleted messages, after this batch and when there is time.
    pub(super) fn sweep(&mut self, stream: StreamId, below: u64) {
        self.sweeps.push(Job::Sweep { stream, below });
    }

    /// Forces this batch, and with it all before, to the disk before its answers leave.
    pub(super) fn require_sync(&mut self) {
        self.is_synced = true;
    }

    /// Forces this batch, and with it all before, to the disk, while others go on.
    pub(super) fn sync_aside(&mut self) {
        self.wants_sync_aside = true;
    }

    /// Ends the batch.
    pub(super) fn close(&mut self, counters: &Counters) {
        self.drop_committed_bodies();
        self.courier.send(self.at_once.drain(..));
        let is_empty = self.writes.is_empty() && self.behind_batch.is_empty() && !self.is_synced;
        if !is_empty {
            let writes = std::mem::take(&mut self.writes);
            let outgoing = std::mem::take(&mut self.behind_batch);
            let is_synced = std::mem::take(&mut self.is_synced);
            self.unsynced_len += writes.len_bytes();
            self.wants_sync_aside |= self.unsynced_len >= UNSYNCED_LEN_MAX;
            if is_synced {
                // All before it is synced with it.
                self.wants_sync_aside = false;
                self.unsynced_len = 0;
            }
            // The storage thread costs a task switch: with nothing to wait for, this thread commits itself.
            if !is_synced && self.committer.committed() >= self.handed_over {
                self.commit_here(writes, outgoing, counters);
            } else {
                self.handed_over = self.batch;
                self.committer.submit(Job::Commit {
                    batch: self.batch,
                    writes,
                    is_synced,
                    outgoing,
                });
            }
            self.batch += 1;
        }
        if std::mem::take(&mut self.wants_sync_aside) {
            self.unsynced_len = 0;
            self.committer.sync_aside();
        }
        for sweep in self.sweeps.drain(..) {
            self.committer.submit(sweep);
        }
    }

    fn commit_here(&mut self, writes: Writes, outgoing: Vec<Outgoing>, counters: &Counters) {
        if self.committer.has_failed() {
            return;
        }
        if !writes.is_empty() {
            if let Err(error) = self.disk.commit(writes) {
                counters.write_errors.add(1);
                self.committer.note_failed();
                tracing::error!(%error, "Storage failed, nothing more is acknowledged");
                return;
            }
            counters.commits.add(1);
        }
        self.committer.note_committed(self.batch);
        self.drop_committed_bodies();
        self.courier.send(outgoing);
    }

    fn drop_committed_bodies(&mut self) {
        let committed = self.committer.committed();
        while let Some((batch, key)) = self.body_batches.front()
            && *batch <= committed
        {
            self.bodies.remove(key);
            self.body_batches.pop_front();
        }
    }
}
