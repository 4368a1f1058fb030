//! How messages reach the thread that owns the streams.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};

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
        let cost = ingests.iter().map(cost_of).sum();
        let Ok(permit) = self.budget.try_acquire_many(cost) else {
            return Err(ingests);
        };
        permit.forget();
        self.put(|queue| queue.mail.extend(ingests.into_iter().map(Mail::Ingest)));
        Ok(())
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

    /// Takes all that is queued, in order, waiting at most `timeout` for the first.
    pub(crate) fn take(&self, timeout: Option<Duration>) -> Vec<Mail> {
        let is_empty = |queue: &mut Queue| queue.mail.is_empty();
        let mut queue = match timeout {
            Some(timeout) => {
                self.filled
                    .wait_timeout_while(self.lock(), timeout, is_empty)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => self
                .filled
                .wait_while(self.lock(), is_empty)
                .unwrap_or_else(PoisonError::into_inner),
        };
        queue.interest.clear();
        std::mem::take(&mut queue.mail)
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

    fn put(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.lock();
        let was_empty = queue.mail.is_empty();
        change(&mut queue);
        drop(queue);
        if was_empty {
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
