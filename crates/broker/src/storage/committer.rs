//! The thread that commits batches, forces them to the disk where their streams ask for that, and then lets
//! the answers go.
//!
//! While it waits for the disk, further batches queue up; it then commits them all and syncs once.

use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::disk::Disk;
use super::record::StreamId;
use super::write::{Table, Writes};
use crate::jetstream::{Courier, Outgoing};
use crate::stats::Counters;
use crate::tasks;

/// Jobs that may wait; with more, the engine waits instead.
const JOBS_MAX: usize = 256;

/// How often the thread looks whether tables are written out, while it has nothing else to do.
const WRITING_OUT_CHECK: Duration = Duration::from_millis(50);

/// Keys removed in one go when the remains of deleted messages are swept.
const SWEEP_LEN: usize = 1024;

/// Something for the thread to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Commit `writes`, and let `outgoing` go once that is done.
    Commit {
        batch: u64,
        writes: Writes,
        /// Whether the answers wait for the disk.
        is_synced: bool,
        outgoing: Vec<Outgoing>,
    },
    /// Force what was committed before to the disk. Nobody waits for it.
    Sync,
    /// Remove what the tables still hold of a stream's messages before a sequence.
    Sweep { stream: StreamId, below: u64 },
    /// See whether something is to be done for the next start.
    Tend,
}

/// The engine's end of the thread.
pub(crate) struct Committer {
    disk: Disk,
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The last batch that is committed and whose answers went out.
    committed: AtomicU64,
    /// A write failed. Nothing is committed from then on.
    has_failed: AtomicBool,
    /// The thread was told to look.
    is_told: AtomicBool,
    /// The thread was told to sync, and has yet to begin.
    is_sync_wanted: AtomicBool,
}

/// The thread's own state.
struct Worker {
    disk: Disk,
    courier: Courier,
    counters: Arc<Counters>,
    shared: Arc<Shared>,
    sweeps: VecDeque<(StreamId, u64)>,
}

// ---------------------------------------------------------------------------------------------------------

impl Committer {
    pub(crate) fn start(disk: Disk, courier: Courier, counters: Arc<Counters>) -> io::Result<Self> {
        let (jobs, receiver) = sync_channel(JOBS_MAX);
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            disk: disk.clone(),
            courier,
            counters,
            shared: Arc::clone(&shared),
            sweeps: VecDeque::new(),
        };
        let thread = tasks::spawn_thread("weft-broker-store", move || worker.run(&receiver))?;
        Ok(Self {
            disk,
            jobs: Some(jobs),
            shared,
            thread: Some(thread),
        })
    }

    /// Queues a job, waiting while too many are queued.
    pub(crate) fn submit(&self, job: Job) {
        let is_taken = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        if !is_taken {
            // The thread ends only with this value, unless it panicked.
            self.shared.has_failed.store(true, Ordering::Release);
        }
    }

    /// Forces what was committed before to the disk, while the engine goes on to commit.
    pub(crate) fn sync_aside(&self) {
        if !self.shared.is_sync_wanted.swap(true, Ordering::AcqRel) {
            self.submit(Job::Sync);
        }
    }

    pub(crate) fn committed(&self) -> u64 {
        self.shared.committed.load(Ordering::Acquire)
    }

    /// Notes a batch that the engine committed itself, which it does only while nothing is queued.
    pub(crate) fn note_committed(&self, batch: u64) {
        self.shared.committed.store(batch, Ordering::Release);
        if self.disk.wants_tending()
            && !self.shared.is_told.swap(true, Ordering::AcqRel)
            && let Some(jobs) = &self.jobs
        {
            // If the thread has so much to do, it looks by itself.
            let _ = jobs.try_send(Job::Tend);
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.shared.has_failed.load(Ordering::Acquire)
    }

    pub(crate) fn note_failed(&self) {
        self.shared.has_failed.store(true, Ordering::Release);
    }
}

impl Drop for Committer {
    /// Finishes all jobs, syncs, and waits for the thread.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("Storage thread panicked");
        }
    }
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Some(round) = self.next_round(jobs) {
            self.commit(round);
            // A little at a time, so that nobody waits for long.
            self.tend();
        }
        self.sync();
    }

    /// All jobs that are queued, waiting for the first. None once there will be no more.
    fn next_round(&mut self, jobs: &Receiver<Job>) -> Option<Vec<Job>> {
        let first = loop {
            if self.sweeps.is_empty() && !self.disk.wants_tending() {
                // Nobody tells when tables are written out.
                let wait = if self.disk.is_writing_out() {
                    WRITING_OUT_CHECK
                } else {
                    Duration::MAX
                };
                match jobs.recv_timeout(wait) {
                    Ok(job) => break job,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
            }
            match jobs.try_recv() {
                Ok(job) => break job,
                Err(TryRecvError::Empty) if self.sweeps.is_empty() => self.tend(),
                Err(TryRecvError::Empty) => self.sweep(),
                // The rest is swept after the next start.
                Err(TryRecvError::Disconnected) => return None,
            }
        };
        let mut round = vec![first];
        round.extend(jobs.try_iter().take(JOBS_MAX));
        Some(round)
    }

    fn commit(&mut self, round: Vec<Job>) {
        let mut is_synced = false;
        let mut wants_sync_aside = false;
        let mut batches = Vec::new();
        for job in round {
            match job {
                Job::Commit {
                    batch,
                    writes,
                    is_synced: wants_sync,
                    outgoing,
                } => {
                    is_synced |= wants_sync;
                    let is_committed = self.write(writes);
                    batches.push((batch, is_committed, outgoing));
                }
                Job::Sync => {
                    self.shared.is_sync_wanted.store(false, Ordering::Release);
                    wants_sync_aside = true;
                }
                Job::Sweep { stream, below } => self.sweeps.push_back((stream, below)),
                Job::Tend => self.shared.is_told.store(false, Ordering::Release),
            }
        }
        let is_durable = !is_synced || self.sync();
        for (batch, is_committed, outgoing) in batches {
            // What was not written is not acknowledged: the publisher runs into its timeout and asks again.
            if is_committed && is_durable {
                self.courier.send(outgoing);
            }
            self.shared.committed.store(batch, Ordering::Release);
        }
        if wants_sync_aside && !is_synced {
            self.sync_aside();
        }
    }

    fn write(&mut self, writes: Writes) -> bool {
        if self.shared.has_failed.load(Ordering::Acquire) {
            return false;
        }
        if writes.is_empty() {
            return true;
        }
        match self.disk.commit(writes) {
            Ok(()) => {
                self.counters.commits.add(1);
                true
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Forces everything to the disk. Nobody commits meanwhile.
    fn sync(&mut self) -> bool {
        if self.shared.has_failed.load(Ordering::Acquire) {
            return false;
        }
        match self.disk.sync() {
            Ok(()) => {
                self.counters.syncs.add(1);
                true
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Forces what is committed to the disk, while the engine goes on to commit.
    fn sync_aside(&self) {
        if self.shared.has_failed.load(Ordering::Acquire) {
            return;
        }
        match self.disk.sync_aside() {
            Ok(()) => self.counters.syncs.add(1),
            Err(error) => {
                self.fail(&error);
            }
        }
    }

    fn fail(&self, error: &dyn Error) -> bool {
        self.counters.write_errors.add(1);
        if !self.shared.has_failed.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "Storage failed, nothing more is acknowledged");
        }
        false
    }

    /// Does a part of what makes the next start quick.
    fn tend(&self) {
        if self.shared.has_failed.load(Ordering::Acquire) {
            return self.disk.tend_no_more();
        }
        if let Err(error) = self.disk.check_point() {
            tracing::warn!(%error, "Cannot shorten the journal");
        }
        if let Err(error) = self.disk.pack_next() {
            self.counters.corrupt_records.add(1);
            tracing::error!(%error, "Cannot read what is to be packed");
        }
    }

    /// Removes some of the remains of deleted messages.
    fn sweep(&mut self) {
        let Some((stream, below)) = self.sweeps.front().copied() else {
            return;
        };
        let mut writes = Writes::default();
        let packed_below = self.disk.unpack(stream, below);
        for (table, below) in [
            (Table::Packs, packed_below),
            (Table::Gone, packed_below),
            (Table::Heads, below),
            (Table::Bodies, below),
        ] {
            match self.disk.keys_below(table, stream, below, SWEEP_LEN) {
                Ok(keys) => keys.into_iter().for_each(|key| writes.sweep(table, key)),
                Err(error) => {
                    self.counters.corrupt_records.add(1);
                    tracing::error!(stream, %error, "Cannot read the remains of deleted messages");
                }
            }
        }
        if writes.is_empty() || !self.write(writes) {
            self.sweeps.pop_front();
        }
    }
}
