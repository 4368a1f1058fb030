//! One mailbox per id: what concerns one component, provider, link source or config happens in the order of the intake,
//! while different ids do not wait for each other (architecture D13).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use weft_runtime::{TaskKind, Tasks};

/// Whose mailbox it is.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Address {
    /// A component or provider, and the links that begin at it.
    Entity(String),
    /// A config.
    Config(String),
    /// Reading all links.
    AllLinks,
}

/// Something to be done.
pub(crate) type Job = BoxFuture<'static, ()>;

/// The mailboxes of a host. Cheap to clone.
///
/// A mailbox exists while it has jobs; one task works on each.
#[derive(Clone)]
pub(crate) struct Mailboxes {
    shared: Arc<Shared>,
}

struct Shared {
    capacity: usize,
    tasks: Tasks,
    /// Jobs that wait, for each mailbox that has a task.
    waiting: Mutex<BTreeMap<Address, VecDeque<Job>>>,
}

/// The mailbox is full; the job is dropped.
#[derive(Debug)]
pub(crate) struct Full;

// ===== impl Mailboxes =====

impl Mailboxes {
    pub(crate) fn new(capacity: usize, tasks: Tasks) -> Self {
        Self {
            shared: Arc::new(Shared {
                capacity: capacity.max(1),
                tasks,
                waiting: Mutex::default(),
            }),
        }
    }

    /// Puts `job` behind those that `address` has already.
    pub(crate) fn push(&self, address: Address, job: Job) -> Result<(), Full> {
        let mut waiting = self.shared.waiting();
        match waiting.get_mut(&address) {
            Some(jobs) if jobs.len() >= self.shared.capacity => Err(Full),
            Some(jobs) => {
                jobs.push_back(job);
                Ok(())
            }
            None => {
                waiting.insert(address.clone(), VecDeque::new());
                drop(waiting);
                let shared = Arc::clone(&self.shared);
                let name = format!("host.mailbox.{address}");
                self.shared
                    .tasks
                    .spawn(TaskKind::Job, name, work(shared, address, job));
                Ok(())
            }
        }
    }
}

async fn work(shared: Arc<Shared>, address: Address, first: Job) {
    // Removes the mailbox also when a job panics, so that the next request makes a new one.
    let mut guard = Guard {
        shared,
        address: Some(address),
    };
    let mut next = Some(first);
    while let Some(job) = next {
        job.await;
        next = guard.next();
    }
}

struct Guard {
    shared: Arc<Shared>,
    /// `None` once the mailbox has been removed.
    address: Option<Address>,
}

// ===== impl Guard =====

impl Guard {
    /// The next job; removes the mailbox when there is none. What stands under the address after that is another mailbox,
    /// with a task of its own.
    fn next(&mut self) -> Option<Job> {
        let mut waiting = self.shared.waiting();
        let address = self.address.as_ref()?;
        let job = waiting.get_mut(address).and_then(VecDeque::pop_front);
        if job.is_none() {
            waiting.remove(address);
            self.address = None;
        }
        job
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(address) = self.address.take() {
            // Empty unless a job panicked; then those behind it are dropped with their requests unanswered.
            self.shared.waiting().remove(&address);
        }
    }
}

// ===== impl Shared =====

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Address, VecDeque<Job>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entity(id) => write!(f, "entity.{id}"),
            Self::Config(name) => write!(f, "config.{name}"),
            Self::AllLinks => f.write_str("links"),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_mailbox_that_was_made_anew_is_left_alone() {
        let shared = Arc::new(Shared {
            capacity: 1,
            tasks: Tasks::new(),
            waiting: Mutex::default(),
        });
        let address = Address::AllLinks;
        let mailbox = |jobs| shared.waiting().insert(address.clone(), jobs);
        mailbox(VecDeque::new());
        let mut guard = Guard {
            shared: Arc::clone(&shared),
            address: Some(address.clone()),
        };
        assert!(guard.next().is_none());
        mailbox(VecDeque::from([async {}.boxed()]));
        drop(guard);
        assert_eq!(shared.waiting()[&address].len(), 1);
    }
}
