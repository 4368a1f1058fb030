//! One mailbox per id: what concerns one component, provider, link source or config happens in the order of the intake,
//! while different ids do not wait for each other (architecture D13).

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use weft_runtime::{TaskKind, Tasks, field};

use crate::error::Refusal;
use crate::outlook::Outlook;

/// Whose mailbox it is.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Address {
    /// A component or provider.
    Entity(String),
    /// The links that begin at a component or provider: they do not wait until that is fetched and started.
    Links(String),
    /// A config.
    Config(String),
    /// Reading all links.
    AllLinks,
    /// Reading all claims.
    AllClaims,
    /// The labels of this host.
    Labels,
    /// Stopping this host.
    Stop,
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
    /// Those that have a task.
    mailboxes: Mutex<BTreeMap<Address, Mailbox>>,
    /// How many mailboxes there are.
    count: watch::Sender<usize>,
}

/// A mailbox with a task.
struct Mailbox {
    /// Of the job that runs.
    running: Outlook,
    waiting: VecDeque<(Job, Outlook)>,
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
                mailboxes: Mutex::default(),
                count: watch::Sender::new(0),
            }),
        }
    }

    /// Waits until there are no jobs. Cancel safe.
    pub(crate) async fn idle(&self) {
        // The sender lives in `self`, so the wait ends by the condition alone.
        let _ = self
            .shared
            .count
            .subscribe()
            .wait_for(|&count| count == 0)
            .await;
    }

    /// The mailboxes that have jobs.
    pub(crate) fn busy(&self) -> Vec<Address> {
        self.shared.mailboxes().keys().cloned().collect()
    }

    /// What the jobs of `address` make of it, the one that runs included.
    pub(crate) fn outlook(&self, address: &Address) -> Outlook {
        let mailboxes = self.shared.mailboxes();
        let Some(mailbox) = mailboxes.get(address) else {
            return Outlook::default();
        };
        let later = mailbox.waiting.iter().map(|(_, outlook)| outlook);
        later.fold(mailbox.running.clone(), Outlook::then)
    }

    /// Puts `job`, which leads to `outlook`, behind those that `address` has already.
    pub(crate) fn push(&self, address: Address, outlook: Outlook, job: Job) -> Result<(), Full> {
        let mut mailboxes = self.shared.mailboxes();
        match mailboxes.get_mut(&address) {
            Some(mailbox) if mailbox.waiting.len() >= self.shared.capacity => Err(Full),
            Some(mailbox) => {
                mailbox.waiting.push_back((job, outlook));
                Ok(())
            }
            None => {
                let mailbox = Mailbox {
                    running: outlook,
                    waiting: VecDeque::new(),
                };
                mailboxes.insert(address.clone(), mailbox);
                self.shared.count.send_replace(mailboxes.len());
                drop(mailboxes);
                let name = format!("host.mailbox.{address}");
                // Made here: the mailbox is removed also when the task is refused.
                let guard = Guard {
                    shared: Arc::clone(&self.shared),
                    address: Some(address),
                };
                self.shared
                    .tasks
                    .spawn(TaskKind::Job, name, work(guard, job));
                Ok(())
            }
        }
    }
}

async fn work(mut guard: Guard, first: Job) {
    let mut next = Some(first);
    while let Some(job) = next {
        // Who asked has been told by the job itself where it could be; those behind it are not to pay for it.
        let _: Result<(), Refusal> = catch(job).await;
        next = guard.next();
    }
}

/// Runs `future`; a panic in it is logged and becomes a refusal. What jobs share is behind locks that are changed in
/// single steps, so that nothing is left half done.
pub(crate) async fn catch<F: Future>(future: F) -> Result<F::Output, Refusal> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .await
        .map_err(|panic| {
            tracing::error!({ field::ERROR } = panic_text(&*panic), "A request panicked");
            Refusal::Panicked
        })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
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
        let mut mailboxes = self.shared.mailboxes();
        let address = self.address.as_ref()?;
        if let Some(mailbox) = mailboxes.get_mut(address)
            && let Some((job, outlook)) = mailbox.waiting.pop_front()
        {
            mailbox.running = outlook;
            return Some(job);
        }
        mailboxes.remove(address);
        self.shared.count.send_replace(mailboxes.len());
        self.address = None;
        None
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(address) = self.address.take() {
            // The task was aborted or refused: the process ends.
            let mut mailboxes = self.shared.mailboxes();
            mailboxes.remove(&address);
            self.shared.count.send_replace(mailboxes.len());
        }
    }
}

// ===== impl Shared =====

impl Shared {
    fn mailboxes(&self) -> MutexGuard<'_, BTreeMap<Address, Mailbox>> {
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entity(id) => write!(f, "entity.{id}"),
            Self::Links(id) => write!(f, "links.{id}"),
            Self::Config(name) => write!(f, "config.{name}"),
            Self::AllLinks => f.write_str("links"),
            Self::AllClaims => f.write_str("claims"),
            Self::Labels => f.write_str("labels"),
            Self::Stop => f.write_str("stop"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::{mpsc, oneshot};
    use tokio::time::timeout;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    fn address() -> Address {
        Address::Entity("web".to_owned())
    }

    #[tokio::test]
    #[expect(clippy::panic, reason = "a job panics")]
    async fn jobs_behind_one_that_panics_are_done() {
        let mailboxes = Mailboxes::new(8, Tasks::new());
        let (sender, mut receiver) = mpsc::channel(8);
        for number in 0..3 {
            let sender = sender.clone();
            let job = async move {
                let answer = catch(async move {
                    assert!(number != 0, "the first");
                    number
                });
                sender.send(answer.await).await.unwrap();
                if number == 1 {
                    panic!("after the answer");
                }
            };
            mailboxes
                .push(address(), Outlook::default(), job.boxed())
                .unwrap();
        }
        drop(sender);
        let mut answers = Vec::new();
        while let Some(answer) = timeout(DEADLINE, receiver.recv()).await.unwrap() {
            answers.push(answer);
        }
        assert_eq!(answers, [Err(Refusal::Panicked), Ok(1), Ok(2)]);
        timeout(DEADLINE, mailboxes.idle()).await.unwrap();
        assert!(mailboxes.busy().is_empty());
    }

    #[tokio::test]
    async fn mailboxes_are_idle_once_their_jobs_are_done() {
        let mailboxes = Mailboxes::new(1, Tasks::new());
        timeout(DEADLINE, mailboxes.idle()).await.unwrap();
        let (done, wait) = oneshot::channel::<()>();
        let job = async move { wait.await.unwrap() };
        mailboxes
            .push(address(), Outlook::default(), job.boxed())
            .unwrap();
        mailboxes
            .push(address(), Outlook::default(), async {}.boxed())
            .unwrap();
        assert!(
            mailboxes
                .push(address(), Outlook::default(), async {}.boxed())
                .is_err()
        );
        let mut idle = Box::pin(mailboxes.idle());
        assert!(idle.as_mut().now_or_never().is_none());
        done.send(()).unwrap();
        timeout(DEADLINE, idle).await.unwrap();
    }

    #[tokio::test]
    async fn a_mailbox_whose_task_is_refused_is_removed() {
        let tasks = Tasks::new();
        tasks.drain(DEADLINE).await;
        let mailboxes = Mailboxes::new(1, tasks);
        mailboxes
            .push(address(), Outlook::default(), async {}.boxed())
            .unwrap();
        assert!(mailboxes.busy().is_empty());
    }

    #[test]
    fn a_mailbox_that_was_made_anew_is_left_alone() {
        let mailboxes = Mailboxes::new(1, Tasks::new());
        let shared = &mailboxes.shared;
        let mailbox = |waiting| {
            let running = Outlook::default();
            let mailbox = Mailbox { running, waiting };
            shared.mailboxes().insert(address(), mailbox);
        };
        mailbox(VecDeque::new());
        let mut guard = Guard {
            shared: Arc::clone(shared),
            address: Some(address()),
        };
        assert!(guard.next().is_none());
        mailbox(VecDeque::from([(async {}.boxed(), Outlook::default())]));
        drop(guard);
        assert_eq!(shared.mailboxes()[&address()].waiting.len(), 1);
    }

    #[tokio::test]
    async fn the_outlook_is_that_of_the_jobs_that_are_left() {
        let mailboxes = Mailboxes::new(8, Tasks::new());
        let push = |outlook| {
            let (done, wait) = oneshot::channel::<()>();
            let job = async move { wait.await.unwrap() };
            mailboxes.push(address(), outlook, job.boxed()).unwrap();
            done
        };
        assert_eq!(mailboxes.outlook(&address()), Outlook::default());
        let stop = push(Outlook::provider(false));
        assert_eq!(mailboxes.outlook(&address()).provider, Some(false));
        let start = push(Outlook::provider(true));
        let link = push(Outlook::default());
        assert_eq!(mailboxes.outlook(&address()).provider, Some(true));

        // Once the start is done, what runs is known, whether it went well or not.
        stop.send(()).unwrap();
        start.send(()).unwrap();
        let told = async {
            while mailboxes.outlook(&address()) != Outlook::default() {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, told).await.unwrap();
        assert_eq!(mailboxes.busy(), [address()]);
        link.send(()).unwrap();
        timeout(DEADLINE, mailboxes.idle()).await.unwrap();
    }
}
