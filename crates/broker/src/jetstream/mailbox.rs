//! How messages reach the thread that owns the streams.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};

use super::clock::Tick;
use super::{Report, ReportRequest};
use crate::router::{Ingest, InterestWatcher};

/// Bytes that one unit of the budget stands for. A message costs one unit more than its bytes take.
const UNIT_LEN: usize = 256;

/// Something for the engine to do.
#[derive(Debug)]
pub(crate) enum Mail {
    Ingest(Ingest),
    /// A watched subject may have gained or lost its receivers.
    Interest(Bytes),
    /// Tell what there is.
    Report(Asked),
    /// Finish what came before, and end.
    Stop,
}

/// A question, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Asked(ReportRequest, Mutex<Option<oneshot::Sender<Report>>>);

/// When the engine has something to do unless mail arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Tick,
    /// How long that is from now.
    pub(crate) wait: Duration,
}

/// A queue that is bounded in bytes: senders wait while the engine is behind.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    filled: Condvar,
    budget: Semaphore,
}

#[derive(Debug, Default)]
struct Queue {
    mail: Vec<Mail>,
    /// Notices that are queued; a second one of the same would tell nothing new, so none is unbounded.
    interest: HashSet<Bytes>,
    /// There is something to do that is for the thread.
    is_called: bool,
    /// When the thread looks by itself; none while it is at work.
    wakes: Option<Tick>,
}

// ---------------------------------------------------------------------------------------------------------

impl Asked {
    /// Answers, unless nobody waits any more.
    pub(crate) fn answer(&self, report: impl FnOnce(ReportRequest) -> Report) {
        let sender = self.1.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender.filter(|sender| !sender.is_closed()) {
            // Whoever asked may have gone in this moment.
            let _ = sender.send(report(self.0));
        }
    }
}

impl Mailbox {
    /// A mailbox for about `bytes_max` bytes of messages.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let units = (bytes_max / UNIT_LEN).clamp(1, u32::MAX as usize / 2);
        Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            budget: Semaphore::new(units),
        }
    }

    /// Queues messages in order if there is room for all, and returns them otherwise.
    pub(crate) fn try_submit(&self, ingests: Vec<Ingest>) -> Result<(), Vec<Ingest>> {
        self.leave(ingests)?;
        self.call();
        Ok(())
    }

    /// The same, but nobody is told: the caller sees to it itself.
    pub(super) fn leave(&self, ingests: Vec<Ingest>) -> Result<(), Vec<Ingest>> {
        let cost = ingests.iter().map(cost_of).sum();
        let Ok(permit) = self.budget.try_acquire_many(cost) else {
            return Err(ingests);
        };
        permit.forget();
        self.lock()
            .mail
            .extend(ingests.into_iter().map(Mail::Ingest));
        Ok(())
    }

    /// Has the thread look for mail.
    pub(super) fn call(&self) {
        self.put(|_| ());
    }

    /// Queues messages in order, once there is room. If cancelled, those still waiting are lost.
    pub(crate) async fn submit(&self, ingests: Vec<Ingest>) {
        for ingest in ingests {
            if let Ok(permit) = self.budget.acquire_many(cost_of(&ingest)).await {
                permit.forget();
                self.put(|queue| queue.mail.push(Mail::Ingest(ingest)));
            }
        }
    }

    /// Queues messages of the broker itself, which must not wait. Returns how many found no room.
    pub(crate) fn submit_now(&self, ingests: Vec<Ingest>) -> u64 {
        let mut dropped = 0;
        for ingest in ingests {
            match self.budget.try_acquire_many(cost_of(&ingest)) {
                Ok(permit) => {
                    permit.forget();
                    self.put(|queue| queue.mail.push(Mail::Ingest(ingest)));
                }
                Err(_) => dropped += 1,
            }
        }
        dropped
    }

    /// Asks the engine what there is. Those who ask are few.
    pub(crate) fn ask_report(&self, request: ReportRequest, sender: oneshot::Sender<Report>) {
        let asked = Asked(request, Mutex::new(Some(sender)));
        self.put(|queue| queue.mail.push(Mail::Report(asked)));
    }

    /// Tells the engine to finish what came before, and to end.
    pub(crate) fn stop(&self) {
        self.put(|queue| queue.mail.push(Mail::Stop));
    }

    /// Takes all that is queued, in order. The caller is the thread.
    pub(crate) fn take(&self) -> Vec<Mail> {
        let mut queue = self.lock();
        queue.wakes = None;
        queue.is_called = false;
        queue.interest.clear();
        std::mem::take(&mut queue.mail)
    }

    /// Takes all that is queued, in order, unless there is none or some of it is for the thread, which has been called.
    pub(super) fn take_brief(&self) -> Option<Vec<Mail>> {
        let mut queue = self.lock();
        if queue.is_called || queue.mail.is_empty() {
            return None;
        }
        Some(std::mem::take(&mut queue.mail))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().mail.is_empty()
    }

    /// Notes when the thread is going to look by itself; at once if there is no such time.
    pub(super) fn plan(&self, due: Option<Due>) {
        self.lock().wakes = due.map(|due| due.at);
    }

    /// Calls the thread if it would come too late by itself.
    pub(super) fn note_due(&self, due: Option<Due>) {
        let wakes = self.lock().wakes;
        match (due, wakes) {
            (_, None) => {}
            (Some(due), Some(wakes)) if due.at >= wakes => {}
            _ => self.call(),
        }
    }

    /// Waits for a call, or for mail that was left while the engine was held, at most for `timeout`.
    pub(super) fn wait(&self, timeout: Duration) {
        let is_idle = |queue: &mut Queue| queue.mail.is_empty() && !queue.is_called;
        let waited = self
            .filled
            .wait_timeout_while(self.lock(), timeout, is_idle);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Makes room for as much as `mail` took; to be called once it has been dealt with.
    pub(crate) fn release(&self, mail: &[Mail]) {
        let units: u32 = mail
            .iter()
            .map(|mail| match mail {
                Mail::Ingest(ingest) => cost_of(ingest),
                Mail::Interest(_) | Mail::Report(_) | Mail::Stop => 0,
            })
            .sum();
        self.budget.add_permits(units as usize);
    }

    /// Queues something for the thread.
    fn put(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.lock();
        change(&mut queue);
        let was_called = std::mem::replace(&mut queue.is_called, true);
        drop(queue);
        if !was_called {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InterestWatcher for Mailbox {
    fn interest_changed(&self, subject: Bytes) {
        self.put(|queue| {
            if queue.interest.insert(subject.clone()) {
                queue.mail.push(Mail::Interest(subject));
            }
        });
    }
}

fn cost_of(ingest: &Ingest) -> u32 {
    let len = ingest.subject.len() + ingest.payload.len();
    u32::try_from(len / UNIT_LEN + 1).unwrap_or(u32::MAX)
}
