//! The request to shut down.

use tokio_util::sync::CancellationToken;

/// Tells tasks that they are to end. Cheap to clone; all clones are the same request.
///
/// A task stops taking in work, finishes what it has, and returns. What is not done when the deadline of the drain has
/// passed is aborted.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

// ===== impl Shutdown =====

impl Shutdown {
    /// Asks all who hold a clone to end. Asking again changes nothing.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Whether it was asked.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it was asked. Cancel safe.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// A request of its own that is also made when this one is; used to end a part before the whole.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
        }
    }

    /// Runs `future` until it ends or the end is asked for; `None` in the latter case, `future` being dropped.
    pub async fn or<F: Future>(&self, future: F) -> Option<F::Output> {
        self.token.run_until_cancelled(future).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_ends_with_its_parent_but_not_the_other_way_round() {
        let parent = Shutdown::default();
        let (first, second) = (parent.child(), parent.child());
        first.request();
        assert!(first.is_requested() && !parent.is_requested() && !second.is_requested());
        assert_eq!(second.or(async { 1 }).await, Some(1));
        parent.request();
        second.requested().await;
        assert_eq!(second.or(std::future::pending::<()>()).await, None);
    }
}
