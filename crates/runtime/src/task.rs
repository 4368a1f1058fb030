//! Tasks that somebody answers for.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{debug, error, warn};

use crate::field;
use crate::shutdown::Shutdown;

/// How long [`Tasks::drain`] waits for aborted tasks to be gone: a task that blocks its thread never is.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// What the end of a task means, and what shutdown means to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum TaskKind {
    /// Runs until shutdown, and the process is of no use without it: its end before that, by return, error or panic,
    /// begins the shutdown of the whole run. A drain waits for it.
    Service,
    /// Runs until shutdown. Its end before that is logged as an error; the others go on. A drain waits for it.
    Worker,
    /// Does something and ends, such as a connection or a call. A failure is logged; the others go on. A drain waits
    /// for it.
    Job,
    /// Something nobody misses. A failure is logged; the others go on. A drain aborts it at once.
    Helper,
}

/// Spawns tasks and answers for them. Cheap to clone; all clones are the same set of tasks.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    inner: Arc<Inner>,
}

/// A task that was spawned. Dropping it does nothing to the task.
#[derive(Clone, Debug)]
pub struct TaskHandle {
    /// `None` when the task was refused because the tasks were drained.
    abort: Option<AbortHandle>,
}

/// Aborts its task when dropped: for tasks that serve one value and end with it.
#[derive(Debug)]
pub struct TaskGuard {
    handle: TaskHandle,
}

/// A task by name; names need not be unique.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskInfo {
    /// The name.
    pub name: Cow<'static, str>,
    /// The kind.
    pub kind: TaskKind,
}

/// The task that ended a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The task.
    pub task: TaskInfo,
    /// How it ended.
    pub cause: Cause,
}

/// How a task ended that was not to end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// It returned without an error.
    Returned,
    /// It returned an error; the text has the chain of causes.
    Error(String),
    /// It panicked with this text.
    Panicked(String),
}

/// Why a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// Somebody asked for it.
    Requested,
    /// A [`TaskKind::Service`] failed.
    Failed(Failure),
}

/// What a drain found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Drained {
    /// Tasks that had not ended at the deadline and were aborted, in the order in which they were spawned.
    pub aborted: Vec<TaskInfo>,
    /// Those of [`Self::aborted`] that did not even end then, because they block their thread.
    pub stuck: Vec<TaskInfo>,
}

#[derive(Debug, Default)]
struct Inner {
    shutdown: Shutdown,
    running: Mutex<Running>,
    /// How many tasks there are.
    count: watch::Sender<usize>,
    failure: OnceLock<Failure>,
}

#[derive(Debug, Default)]
struct Running {
    next_id: u64,
    is_closed: bool,
    /// By the order of spawning. The handle is set once the task is spawned.
    tasks: BTreeMap<u64, (TaskInfo, Option<AbortHandle>)>,
}

/// Takes a task off the list when its future is dropped, in whatever way.
struct Entry {
    inner: Arc<Inner>,
    id: u64,
}

// ===== impl Tasks =====

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The request to shut down that all tasks of this set share.
    pub fn shutdown(&self) -> Shutdown {
        self.inner.shutdown.clone()
    }

    /// Spawns `future`. After a drain it is dropped instead, which is logged.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn spawn<F>(
        &self,
        kind: TaskKind,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> TaskHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_inner(kind, name.into(), future.map(|()| Cause::Returned))
    }

    /// As [`Self::spawn`], for a task that may fail.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn spawn_fallible<F, E>(
        &self,
        kind: TaskKind,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> TaskHandle
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Error,
    {
        let future = future.map(|result| match result {
            Ok(()) => Cause::Returned,
            Err(error) => Cause::Error(render_chain(&error)),
        });
        self.spawn_inner(kind, name.into(), future)
    }

    /// The tasks that run, in the order in which they were spawned.
    pub fn list(&self) -> Vec<TaskInfo> {
        let running = self.inner.lock();
        running
            .tasks
            .values()
            .map(|(info, _)| info.clone())
            .collect()
    }

    /// Waits until the end is asked for or a [`TaskKind::Service`] fails. Cancel safe.
    pub async fn end(&self) -> End {
        self.inner.shutdown.requested().await;
        match self.inner.failure.get() {
            Some(failure) => End::Failed(failure.clone()),
            None => End::Requested,
        }
    }

    /// Asks all tasks to end, waits for them up to `deadline`, aborts the rest and says which. No task can be spawned
    /// afterwards. When the future is dropped early, tasks go on ending but none is aborted.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.inner.shutdown.request();
        self.inner.abort(|info| info.kind == TaskKind::Helper);
        // What is left is on the list, whether the wait was long enough or not.
        let _ = timeout(deadline, self.inner.wait_for_none()).await;
        self.inner.lock().is_closed = true;
        let aborted = self.inner.abort(|_| true);
        for task in &aborted {
            warn!({ field::TASK } = %task.name, kind = ?task.kind, "Task did not stop in time");
        }
        let stuck = match timeout(ABORT_TIMEOUT, self.inner.wait_for_none()).await {
            Ok(()) => Vec::new(),
            Err(_) => self.list(),
        };
        Drained { aborted, stuck }
    }

    fn spawn_inner<F>(&self, kind: TaskKind, name: Cow<'static, str>, future: F) -> TaskHandle
    where
        F: Future<Output = Cause> + Send + 'static,
    {
        let info = TaskInfo { name, kind };
        let Some(entry) = self.inner.add(info.clone()) else {
            warn!({ field::TASK } = %info.name, ?kind, "Task refused after the drain");
            return TaskHandle { abort: None };
        };
        let (id, inner) = (entry.id, Arc::clone(&self.inner));
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the place that supervises tasks"
        )]
        let handle = tokio::spawn(async move {
            let cause = AssertUnwindSafe(future)
                .catch_unwind()
                .await
                .unwrap_or_else(|panic| Cause::Panicked(render_panic(panic.as_ref())));
            inner.finish(info, cause);
            drop(entry);
        });
        let abort = handle.abort_handle();
        self.inner.set_handle(id, abort.clone());
        TaskHandle { abort: Some(abort) }
    }
}

// ===== impl Inner =====

impl Inner {
    /// The list; a panic while it was held cannot have left it half changed.
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(self: &Arc<Self>, info: TaskInfo) -> Option<Entry> {
        let mut running = self.lock();
        if running.is_closed {
            return None;
        }
        let id = running.next_id;
        running.next_id += 1;
        running.tasks.insert(id, (info, None));
        self.count.send_replace(running.tasks.len());
        drop(running);
        Some(Entry {
            inner: Arc::clone(self),
            id,
        })
    }

    /// Remembers how to abort a task, unless it has ended already.
    fn set_handle(&self, id: u64, abort: AbortHandle) {
        if let Some((_, handle)) = self.lock().tasks.get_mut(&id) {
            *handle = Some(abort);
        }
    }

    /// Aborts the tasks for which `which` holds, and returns them.
    fn abort(&self, which: impl Fn(&TaskInfo) -> bool) -> Vec<TaskInfo> {
        let running = self.lock();
        let tasks = running.tasks.values().filter(|(info, _)| which(info));
        tasks
            .map(|(info, handle)| {
                if let Some(handle) = handle {
                    handle.abort();
                }
                info.clone()
            })
            .collect()
    }

    async fn wait_for_none(&self) {
        let mut count = self.count.subscribe();
        let none = count.wait_for(|&count| count == 0).await;
        none.map(drop).expect("the sender lives as long as `self`");
    }

    /// Judges the end of a task.
    fn finish(&self, info: TaskInfo, cause: Cause) {
        let is_early = !self.shutdown.is_requested();
        let is_failure = match (&cause, info.kind) {
            (Cause::Returned, TaskKind::Job | TaskKind::Helper) => false,
            (Cause::Returned, TaskKind::Service | TaskKind::Worker) => is_early,
            (Cause::Error(_) | Cause::Panicked(_), _) => true,
        };
        if !is_failure {
            debug!({ field::TASK } = %info.name, kind = ?info.kind, "Task ended");
            return;
        }
        error!({ field::TASK } = %info.name, kind = ?info.kind, { field::ERROR } = %cause, "Task failed");
        if info.kind == TaskKind::Service && is_early {
            // The first failure stands: the others follow from it.
            let _ = self.failure.set(Failure { task: info, cause });
            self.shutdown.request();
        }
    }
}

// ===== impl Entry =====

impl Drop for Entry {
    fn drop(&mut self) {
        let mut running = self.inner.lock();
        running.tasks.remove(&self.id);
        self.inner.count.send_replace(running.tasks.len());
    }
}

// ===== impl TaskHandle =====

impl TaskHandle {
    /// Ends the task where it waits; this is no failure of it.
    pub fn abort(&self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.abort.as_ref().is_none_or(AbortHandle::is_finished)
    }

    /// Ties the task to a value that aborts it when dropped.
    pub fn into_guard(self) -> TaskGuard {
        TaskGuard { handle: self }
    }
}

// ===== impl TaskGuard =====

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

// ===== impl Cause =====

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned => f.write_str("returned before shutdown"),
            Self::Error(error) => f.write_str(error),
            Self::Panicked(text) => write!(f, "panicked: {text}"),
        }
    }
}

/// An error and its causes in one line.
fn render_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn render_panic(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no text".to_owned()
    }
}

#[cfg(test)]
mod tests;
