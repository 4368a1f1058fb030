//! All streams, as connections and the thread of the streams see them.
//!
//! One engine owns the streams, and whoever holds it works through all mail. Short mail is dealt with at once, by the
//! task that brought it, which saves a client with one message in flight the switch to another thread. What may take
//! long, what is much, and what is due by time is left to the thread.

use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::{Engine, Mailbox};
use crate::router::Ingest;
use crate::storage::Portion;

/// Messages and bytes that a task deals with itself; with more, a thread of their own is worth its switch.
const BRIEF_LEN: usize = 128;
const BRIEF_BYTES: usize = 512 * 1024;

/// Rounds of a task for what others brought meanwhile.
const ROUNDS_MAX: usize = 4;

/// The engine, and the way to it.
pub(crate) struct Streams {
    mailbox: Arc<Mailbox>,
    /// None once it has ended.
    engine: Mutex<Option<Engine>>,
}

// ---------------------------------------------------------------------------------------------------------

impl Streams {
    pub(crate) fn new(engine: Engine, mailbox: Arc<Mailbox>) -> Self {
        Self {
            mailbox,
            engine: Mutex::new(Some(engine)),
        }
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Queues messages in order if there is room for all, and returns them otherwise. Short ones are dealt with by the
    /// time that this returns, unless the streams are at work; what they are answered is then written already.
    pub(crate) fn try_submit(&self, ingests: Vec<Ingest>) -> Result<(), Vec<Ingest>> {
        let is_brief = ingests.len() <= BRIEF_LEN
            && ingests.iter().all(Ingest::is_brief)
            && ingests
                .iter()
                .map(|ingest| ingest.payload.len())
                .sum::<usize>()
                <= BRIEF_BYTES;
        if is_brief {
            self.mailbox.leave(ingests)?;
            self.work_here();
            Ok(())
        } else {
            self.mailbox.try_submit(ingests)
        }
    }

    /// Works until the mailbox says stop. The caller is the thread of the streams.
    pub(crate) fn run(&self) {
        loop {
            // A task that panicked half-way leaves streams that nobody must go on with.
            let mut held = self.engine.lock().expect("no task panicked in the streams");
            let Some(engine) = held.as_mut() else { return };
            let mail = self.mailbox.take();
            let is_stopping = engine.round(&mail);
            self.mailbox.release(&mail);
            if is_stopping {
                // Waits for the storage, without keeping the others.
                let engine = held.take();
                drop(held);
                drop(engine);
                return;
            }
            let due = engine.due();
            let wanted = engine.next_to_clean();
            self.mailbox.plan(due);
            drop(held);
            fence(Ordering::SeqCst);
            match (wanted, due) {
                // The disk may be slow: nobody has to wait for it.
                (Some(wanted), _) => self.clean(&wanted.read()),
                (None, Some(due)) => self.mailbox.wait(due.wait),
                (None, None) => {}
            }
        }
    }

    fn clean(&self, portion: &Portion) {
        let mut held = self.engine.lock().expect("no task panicked in the streams");
        if let Some(engine) = held.as_mut() {
            engine.clean(portion);
        }
        drop(held);
        fence(Ordering::SeqCst);
    }

    /// Deals with all mail, if it is short and nobody does so already.
    fn work_here(&self) {
        for _ in 0..ROUNDS_MAX {
            let mut held = match self.engine.try_lock() {
                Ok(held) => held,
                // Whoever holds it looks for mail again when it has let go.
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(_)) => return self.mailbox.call(),
            };
            let Some(engine) = held.as_mut().filter(|engine| !engine.is_behind()) else {
                return self.mailbox.call();
            };
            let Some(mail) = self.mailbox.take_brief() else {
                return;
            };
            engine.round(&mail);
            self.mailbox.release(&mail);
            self.mailbox.note_due(engine.due());
            drop(held);
            fence(Ordering::SeqCst);
            if self.mailbox.is_empty() {
                return;
            }
        }
        self.mailbox.call();
    }

    /// Lets go of the engine, wherever it is. For those who never let the thread run.
    pub(crate) fn discard(&self) {
        *self.engine.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
