//! The thread that forces what was committed to the disk, and then lets the answers go that wait for it.
//!
//! While it waits for the disk, more is committed; it then syncs once for all that queued up meanwhile. It also does
//! what nobody waits for: removing segments, and writing summaries of them.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::log::Log;
use super::seal::Seal;
use super::unsynced::Unsynced;
use super::{segment, summary};
use crate::jetstream::{Courier, Outgoing};
use crate::stats::Counters;
use crate::tasks;

/// Jobs that may wait; with more, the engine waits instead.
const JOBS_MAX: usize = 256;

/// Something for the thread to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Let `outgoing` go once what was committed before is on the disk.
    Answer {
        batch: u64,
        outgoing: Vec<Outgoing>,
        /// Something was committed that is to be on the disk.
        is_synced: bool,
    },
    /// Force what was committed before to the disk. Nobody waits for it.
    Sync,
    /// Remove a segment once what was committed before is on the disk.
    Remove(u32),
    /// Write the summary of a segment that is complete.
    Summarize(u32),
}

/// The engine's end of the thread.
pub(crate) struct Committer {
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The last batch whose answers went out.
    answered: AtomicU64,
    /// Jobs that wait.
    queued: AtomicUsize,
    /// A write failed. Nothing is acknowledged from then on.
    has_failed: AtomicBool,
    /// The thread was told to sync, and has yet to begin.
    is_sync_wanted: AtomicBool,
}

/// The thread's own state.
struct Worker {
    directory: PathBuf,
    seal: Seal,
    unsynced: Arc<Unsynced>,
    courier: Courier,
    counters: Arc<Counters>,
    shared: Arc<Shared>,
}

// ---------------------------------------------------------------------------------------------------------

impl Committer {
    pub(crate) fn start(log: &Log, courier: Courier, counters: Arc<Counters>) -> io::Result<Self> {
        let (jobs, receiver) = sync_channel(JOBS_MAX);
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            directory: log.directory.clone(),
            seal: log.seal,
            unsynced: log.unsynced(),
            courier,
            counters,
            shared: Arc::clone(&shared),
        };
        let thread = tasks::spawn_thread("weft-broker-store", move || worker.run(&receiver))?;
        Ok(Self {
            jobs: Some(jobs),
            shared,
            thread: Some(thread),
        })
    }

    /// Queues a job, waiting while too many are queued.
    pub(crate) fn submit(&self, job: Job) {
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        let is_taken = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        if !is_taken {
            // The thread ends only with this value, unless it panicked.
            self.note_failed();
        }
    }

    /// Whether a job may have to wait until it is taken.
    pub(crate) fn is_behind(&self) -> bool {
        self.shared.queued.load(Ordering::Relaxed) >= JOBS_MAX / 2
    }

    /// Forces what was committed before to the disk, which nobody waits for.
    pub(crate) fn sync_aside(&self) {
        if !self.shared.is_sync_wanted.swap(true, Ordering::AcqRel) {
            self.submit(Job::Sync);
        }
    }

    /// The last batch that was handed over whose answers are out.
    pub(crate) fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Acquire)
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
        while let Ok(first) = jobs.recv() {
            let mut round = vec![first];
            round.extend(jobs.try_iter().take(JOBS_MAX));
            self.shared.queued.fetch_sub(round.len(), Ordering::Relaxed);
            self.work(round);
        }
        self.sync();
    }

    fn work(&mut self, round: Vec<Job>) {
        let wants_sync = round.iter().any(|job| match job {
            Job::Answer { is_synced, .. } => *is_synced,
            Job::Sync | Job::Remove(_) => true,
            Job::Summarize(_) => false,
        });
        self.shared.is_sync_wanted.store(false, Ordering::Release);
        let is_durable = !wants_sync || self.sync();
        let mut aside = Vec::new();
        for job in round {
            match job {
                Job::Answer {
                    batch, outgoing, ..
                } => {
                    // What is not on the disk is not acknowledged: the publisher runs into its timeout and asks again.
                    if is_durable {
                        self.courier.send(outgoing);
                    }
                    self.shared.answered.store(batch, Ordering::Release);
                }
                Job::Sync => {}
                job => aside.push(job),
            }
        }
        for job in aside {
            let done = match job {
                Job::Remove(number) if is_durable => self.remove(number),
                Job::Summarize(number) => summary::write(&self.directory, number, self.seal),
                _ => Ok(()),
            };
            if let Err(error) = done {
                // It is done by the next start.
                tracing::warn!(%error, "Cannot tidy up the log");
            }
        }
    }

    /// Forces everything that was committed to the disk: from then on it survives a loss of power.
    fn sync(&self) -> bool {
        if self.shared.has_failed.load(Ordering::Acquire) {
            return false;
        }
        match self.unsynced.sync(&self.directory) {
            Ok(()) => {
                self.counters.syncs.add(1);
                true
            }
            Err(error) => self.fail(&error),
        }
    }

    fn remove(&self, number: u32) -> io::Result<()> {
        segment::remove(&segment::path(&self.directory, number))?;
        summary::remove(&self.directory, number)
    }

    fn fail(&self, error: &dyn Error) -> bool {
        self.counters.write_errors.add(1);
        if !self.shared.has_failed.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "Storage failed, nothing more is acknowledged");
        }
        false
    }
}
