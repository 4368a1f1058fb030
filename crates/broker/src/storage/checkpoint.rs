//! The journal is kept short, as a start replays it at about a microsecond for each change.
//!
//! The database itself lets its journal grow to 64 MB, which is more than a million small messages. So from time
//! to time all tables write out what they hold in memory. Once they have, a file tells up to which batch everything
//! is in the tables, and the next start cuts the journal there before the database sees it. The file holds for the
//! journal of one run, and goes with the cut: numbers of batches that were not stored are given again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::disk::Disk;

/// Changes after which tables are written out. Few in tests, so that they meet it.
const CHANGES_MAX: u64 = if cfg!(any(test, fuzzing)) {
    300
} else {
    150_000
};

/// What is known of the journal.
#[derive(Debug, Default)]
pub(super) struct Checkpoint {
    /// Changes in it that were not yet asked to be written out.
    changes: AtomicU64,
    /// The first batch that is not among those being written out.
    pending: Mutex<Option<u64>>,
}

// ---------------------------------------------------------------------------------------------------------

impl Checkpoint {
    pub(super) fn note(&self, changes: u64) {
        self.changes.fetch_add(changes, Ordering::Relaxed);
    }

    fn pending(&self) -> MutexGuard<'_, Option<u64>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// Whether there is something to do for the next start.
    pub(super) fn wants_tending(&self) -> bool {
        self.wants_packing() || self.wants_checkpoint()
    }

    /// Whether there will be something to do once tables are written out.
    pub(super) fn is_writing_out(&self) -> bool {
        self.checkpoint.pending().is_some()
    }

    /// Leaves it to the next start.
    pub(super) fn tend_no_more(&self) {
        self.drop_wanted();
        *self.checkpoint.pending() = None;
        self.checkpoint.changes.store(0, Ordering::Relaxed);
    }

    /// Whether [`Disk::check_point`] has something to do.
    pub(super) fn wants_checkpoint(&self) -> bool {
        if self.checkpoint.pending().is_some() {
            self.is_written_out()
        } else {
            self.checkpoint.changes.load(Ordering::Relaxed) >= CHANGES_MAX
        }
    }

    /// Lets tables be written out, or notes that they are.
    pub(super) fn check_point(&self) -> fjall::Result<()> {
        let mut pending = self.checkpoint.pending();
        if let Some(batch) = *pending {
            if self.is_written_out() {
                *pending = None;
                self.note_written(batch)?;
            }
            return Ok(());
        }
        if self.checkpoint.changes.swap(0, Ordering::Relaxed) >= CHANGES_MAX {
            // Batches before this one are in memory by the time that a table is told.
            *pending = Some(self.begin_writing_out()?);
        }
        Ok(())
    }
}
