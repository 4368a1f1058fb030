//! How far the reader of a watch is.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Up to which revision the reader of a [`Watch`](super::Watch) has acted on everything: it has called
/// [`next`](super::Watch::next) again after the last change up to there.
///
/// With it a host answers a request that changed a bucket once its own watch has passed the revision of the write
/// (architecture D2, D13). The revision falls when the bucket is made anew, whose writes are counted from one again.
#[derive(Clone, Debug)]
pub struct Passed {
    receiver: watch::Receiver<u64>,
}

/// The reader of a watch did not come so far in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the watch is at revision {passed}, not at {wanted} yet")]
pub struct Behind {
    /// The revision that was waited for.
    pub wanted: u64,
    /// Where the reader is.
    pub passed: u64,
}

// ===== impl Passed =====

impl Passed {
    pub(super) fn new(receiver: watch::Receiver<u64>) -> Self {
        Self { receiver }
    }

    /// The revision; zero before the first listing was acted upon.
    pub fn revision(&self) -> u64 {
        *self.receiver.borrow()
    }

    /// Waits until the reader has passed `revision`, up to `limit`. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Behind`] when it has not, or the watch is gone.
    pub async fn reached(&mut self, revision: u64, limit: Duration) -> Result<(), Behind> {
        let reached = self.receiver.wait_for(|&passed| passed >= revision);
        if let Ok(Ok(_)) = timeout(limit, reached).await {
            return Ok(());
        }
        Err(Behind {
            wanted: revision,
            passed: self.revision(),
        })
    }
}
