//! Who may start an instance: the bound on instances of one component with its waiting queue, and the bound on slots of
//! the pool with the share that is kept for calls between components.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time;

use crate::call::CallContext;
use crate::error::{CallError, Overload};

/// Slots of a pool.
///
/// Nobody waits here: a call either gets its slots at once or fails as overloaded, so a nested call never queues for a
/// slot while its callers hold theirs.
pub(crate) struct PoolSlots {
    free: Arc<AtomicU32>,
    /// What calls from outside leave free for nested ones.
    nested_share: u32,
}

/// Slots in use; given back when dropped.
pub(crate) struct SlotPermit {
    free: Arc<AtomicU32>,
    count: u32,
}

/// The right to run one instance of a component.
pub(crate) struct Permit {
    _instance: OwnedSemaphorePermit,
    _slots: SlotPermit,
}

/// Admission to one component.
pub(crate) struct Admission {
    instances: Arc<Semaphore>,
    instances_max: u32,
    /// Calls that wait for one of `instances`.
    waiting: AtomicU32,
    queue_length_max: u32,
    queue_duration_max: Duration,
    /// Slots of the pool that each instance takes.
    slots_per_instance: u32,
}

// ===== impl PoolSlots =====

impl PoolSlots {
    pub(crate) fn new(slots_max: u32, nested_share_percent: u32) -> Self {
        Self {
            free: Arc::new(AtomicU32::new(slots_max)),
            nested_share: slots_max / 100 * nested_share_percent.min(100)
                + slots_max % 100 * nested_share_percent.min(100) / 100,
        }
    }

    /// Takes `count` slots if so many are free, for calls from outside beyond the share of nested ones.
    fn try_acquire(&self, count: u32, is_nested: bool) -> Option<SlotPermit> {
        let floor = if is_nested { 0 } else { self.nested_share };
        self.free
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |free| {
                free.checked_sub(count).filter(|&left| left >= floor)
            })
            .ok()?;
        Some(SlotPermit {
            free: Arc::clone(&self.free),
            count,
        })
    }
}

impl Drop for SlotPermit {
    fn drop(&mut self) {
        self.free.fetch_add(self.count, Ordering::AcqRel);
    }
}

// ===== impl Admission =====

impl Admission {
    pub(crate) fn new(
        instances_max: u32,
        queue_length_max: u32,
        queue_duration_max: Duration,
        slots_per_instance: u32,
    ) -> Self {
        // The semaphore's own bound is far above any pool.
        let instances = usize::try_from(instances_max).map_or(Semaphore::MAX_PERMITS, |max| {
            max.min(Semaphore::MAX_PERMITS)
        });
        Self {
            instances: Arc::new(Semaphore::new(instances)),
            instances_max,
            waiting: AtomicU32::new(0),
            queue_length_max,
            queue_duration_max,
            slots_per_instance,
        }
    }

    pub(crate) fn instances_max(&self) -> u32 {
        self.instances_max
    }

    /// Instances that run now.
    pub(crate) fn in_use(&self) -> u32 {
        let free = u32::try_from(self.instances.available_permits()).unwrap_or(u32::MAX);
        self.instances_max.saturating_sub(free)
    }

    /// Calls that wait now.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for an instance, in the order of arrival, and takes its slots of the pool.
    ///
    /// A call that may not wait fails where it would have to: one whose chain of callers already includes this component
    /// could wait for its own caller. Cancellation safe: dropping the future leaves the queue.
    ///
    /// # Errors
    ///
    /// [`CallError::Overloaded`], saying which bound was reached.
    pub(crate) async fn acquire(
        &self,
        slots: &PoolSlots,
        context: &CallContext,
        may_wait: bool,
    ) -> Result<Permit, CallError> {
        let instance = match Arc::clone(&self.instances).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) if may_wait => self.wait(context).await?,
            Err(_) => return Err(self.overloaded(Overload::Instances)),
        };
        let slots = slots
            .try_acquire(self.slots_per_instance, context.depth > 0)
            .ok_or_else(|| self.overloaded(Overload::Pool))?;
        Ok(Permit {
            _instance: instance,
            _slots: slots,
        })
    }

    async fn wait(&self, context: &CallContext) -> Result<OwnedSemaphorePermit, CallError> {
        let waiting = self.waiting.fetch_add(1, Ordering::AcqRel);
        let _guard = Waiting(&self.waiting);
        if waiting >= self.queue_length_max {
            return Err(self.overloaded(Overload::Queue));
        }
        let remaining = context.remaining();
        let patience = self.queue_duration_max.min(remaining);
        match time::timeout(patience, Arc::clone(&self.instances).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(self.overloaded(Overload::Instances)),
            Err(_) if patience == remaining => Err(CallError::Deadline),
            Err(_) => Err(self.overloaded(Overload::QueueTime)),
        }
    }

    fn overloaded(&self, bound: Overload) -> CallError {
        CallError::Overloaded {
            bound,
            instances_max: self.instances_max,
        }
    }
}

/// Counts a waiting call off, also when its future is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(instances: u32, queue: u32) -> Admission {
        Admission::new(instances, queue, Duration::from_secs(5), 1)
    }

    fn outer() -> CallContext {
        CallContext::root(Duration::from_secs(60))
    }

    #[tokio::test(start_paused = true)]
    async fn calls_beyond_the_queue_are_refused() {
        let slots = PoolSlots::new(100, 0);
        let admission = admission(1, 1);
        let first = admission.acquire(&slots, &outer(), true).await;
        assert!(first.is_ok());
        let context = outer();
        let mut second = std::pin::pin!(admission.acquire(&slots, &context, true));
        assert!(futures::poll!(&mut second).is_pending());
        let third = admission.acquire(&slots, &outer(), true).await;
        assert!(matches!(
            third,
            Err(CallError::Overloaded {
                bound: Overload::Queue,
                ..
            })
        ));
        drop(first);
        assert!(second.await.is_ok());
        assert_eq!((admission.in_use(), admission.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_before_the_deadline_does() {
        let slots = PoolSlots::new(100, 0);
        let admission = admission(1, 10);
        let _first = admission.acquire(&slots, &outer(), true).await;
        let second = admission.acquire(&slots, &outer(), true).await;
        assert!(matches!(
            second,
            Err(CallError::Overloaded {
                bound: Overload::QueueTime,
                ..
            })
        ));
        let short = CallContext::root(Duration::from_secs(1));
        assert!(matches!(
            admission.acquire(&slots, &short, true).await,
            Err(CallError::Deadline)
        ));
    }

    #[tokio::test]
    async fn a_call_that_could_wait_for_itself_does_not_wait() {
        let slots = PoolSlots::new(100, 0);
        let admission = admission(1, 10);
        let _first = admission.acquire(&slots, &outer(), true).await;
        assert!(matches!(
            admission.acquire(&slots, &outer(), false).await,
            Err(CallError::Overloaded {
                bound: Overload::Instances,
                ..
            })
        ));
    }

    #[test]
    fn calls_from_outside_leave_the_share_of_nested_ones() {
        let slots = PoolSlots::new(10, 20);
        let outer: Vec<_> = (0..10).map_while(|_| slots.try_acquire(1, false)).collect();
        assert_eq!(outer.len(), 8);
        let nested: Vec<_> = (0..10).map_while(|_| slots.try_acquire(1, true)).collect();
        assert_eq!(nested.len(), 2);
        drop(outer);
        assert!(slots.try_acquire(8, false).is_none());
        drop(nested);
        assert!(slots.try_acquire(8, false).is_some());
    }
}
