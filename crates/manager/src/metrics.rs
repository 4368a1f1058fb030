//! Counts of what a manager does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Joins the counters with the fields in which they are told.
macro_rules! counters {
    ($($(#[$doc:meta])* $counter:ident => $field:ident,)*) => {
        /// How often things happened since the manager started.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[$doc])* pub $field: u64,)*
        }

        /// Something that is counted.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Counter {
            $($counter,)*
        }

        const COUNTERS: usize = [$(Counter::$counter,)*].len();

        impl Counters {
            /// The counts as they are.
            pub(crate) fn read(&self) -> Metrics {
                let read = |counter: Counter| self.values[counter as usize].load(Ordering::Relaxed);
                Metrics {
                    $($field: read(Counter::$counter),)*
                }
            }
        }
    };
}

counters! {
    /// Plans that were made.
    PlansMade => plans_made,
    /// Plans that had something to do.
    PlansExecuted => plans_executed,
    /// Steps of plans that were done.
    StepsDone => steps_done,
    /// Steps that failed.
    StepsFailed => steps_failed,
    /// Steps that were left out: something before them failed, or the lease was lost.
    StepsSkipped => steps_skipped,
    /// Steps that were held back because they had failed before.
    StepsHeld => steps_held,
    /// Writes of links that somebody else was faster with.
    LinkConflicts => link_conflicts,
    /// Commands whose effect was not seen in time.
    CommandsExpired => commands_expired,
    /// Inventories that hosts were asked for.
    InventoriesAsked => inventories_asked,
    /// Inventories that did not come.
    InventoriesMissed => inventories_missed,
    /// Hosts that went without a word.
    HostsLost => hosts_lost,
    /// Events that were read.
    EventsRead => events_read,
    /// Times at which events were lost, so that all hosts were asked.
    EventsMissed => events_missed,
    /// Times the lease was taken.
    LeasesTaken => leases_taken,
    /// Times the lease was lost.
    LeasesLost => leases_lost,
    /// API requests that were answered.
    Requests => requests,
    /// API requests that were answered with an error.
    RequestsFailed => requests_failed,
    /// Statuses that were published.
    StatusesPublished => statuses_published,
    /// Entries of the store that nothing referred to and that were removed.
    OrphansRemoved => orphans_removed,
}

/// The counts of one manager. Cheap to clone; all clones are the same counts.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    values: Arc<[AtomicU64; COUNTERS]>,
}

// ===== impl Counters =====

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            values: Arc::new(std::array::from_fn(|_| AtomicU64::new(0))),
        }
    }

    pub(crate) fn add(&self, counter: Counter) {
        self.add_many(counter, 1);
    }

    pub(crate) fn add_many(&self, counter: Counter, count: u64) {
        self.values[counter as usize].fetch_add(count, Ordering::Relaxed);
    }
}
