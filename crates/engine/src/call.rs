//! One call of a component: what it inherits from its caller, and the guard that holds it to its time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{self, Instant};
use weft_model::id::ComponentId;

use crate::error::CallError;
use crate::lane::LaneKind;
use crate::ticker::Ticker;

/// How long the streams of a call may stand still once its results are there.
const FLOW_IDLE_MAX: Duration = Duration::from_secs(60);

/// What a call inherits from whoever makes it.
#[derive(Clone, Debug)]
pub struct CallContext {
    deadline: Instant,
    /// Calls between components above this one; 0 for a call from outside.
    pub(crate) depth: u32,
    callers: Option<Arc<Caller>>,
    /// The trace that it is part of.
    trace: Option<Arc<Trace>>,
    /// Whether it may wait for an instance.
    may_wait: bool,
    /// Whether the task that makes the call is inside the event loop of a concurrent store.
    is_in_event_loop: bool,
}

/// The trace that a call is part of, as W3C trace context has it. It is passed on as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trace {
    /// `traceparent`.
    pub parent: String,
    /// `tracestate`.
    pub state: Option<String>,
}

/// A component in the chain that led to a call.
#[derive(Debug)]
struct Caller {
    component: ComponentId,
    above: Option<Arc<Self>>,
}

/// The clock of one call, shared by its guard, its store, and the body it answers with.
#[derive(Debug)]
pub(crate) struct CallClock {
    origin: std::time::Instant,
    /// Nanoseconds after `origin` at which the present stretch of running began.
    running_since: AtomicU64,
    /// Nanoseconds that earlier stretches took.
    ran: AtomicU64,
    cpu_max: Duration,
    is_failed: AtomicBool,
    /// Whether the store is about to be dropped.
    is_over: AtomicBool,
    /// Whether the results are there, so that only streams go on.
    is_streaming: AtomicBool,
    /// Nanoseconds after `origin` at which a stream last moved.
    moved_at: AtomicU64,
}

/// Notes that a store is dropped; to be dropped right before it.
pub(crate) struct Over(Arc<CallClock>);

// ===== impl CallContext =====

impl CallContext {
    /// The context of a call from outside that may last `duration_max`.
    pub fn root(duration_max: Duration) -> Self {
        Self {
            deadline: Instant::now() + duration_max,
            depth: 0,
            callers: None,
            trace: None,
            may_wait: true,
            is_in_event_loop: false,
        }
    }

    /// The context of a call that came from another host at `depth`, and has to be over by `deadline`; `caller` is the
    /// component that made it, where that is known.
    ///
    /// Of longer chains the components further up are not known. A call in one could wait for what they hold, so it does not
    /// wait for an instance.
    pub fn arrived(deadline: Instant, depth: u32, caller: Option<ComponentId>) -> Self {
        let caller = caller.map(|component| Caller {
            component,
            above: None,
        });
        Self {
            deadline,
            depth,
            callers: caller.map(Arc::new),
            trace: None,
            may_wait: depth <= 1,
            is_in_event_loop: false,
        }
    }

    /// This context as part of a trace.
    #[must_use]
    pub fn traced(mut self, trace: Option<Trace>) -> Self {
        self.trace = trace.map(Arc::new);
        self
    }

    /// The context of a call that `caller`, which runs in `lane`, makes while it is called in this one.
    pub(crate) fn nested(&self, caller: &ComponentId, lane: LaneKind) -> Self {
        Self {
            deadline: self.deadline,
            depth: self.depth + 1,
            callers: Some(Arc::new(Caller {
                component: caller.clone(),
                above: self.callers.clone(),
            })),
            trace: self.trace.clone(),
            may_wait: true,
            is_in_event_loop: self.is_in_event_loop || lane == LaneKind::Concurrent,
        }
    }

    /// This context with a deadline no later than `duration_max` from now.
    #[must_use]
    pub(crate) fn within(mut self, duration_max: Duration) -> Self {
        self.deadline = self.deadline.min(Instant::now() + duration_max);
        self
    }

    /// Whether the task that makes the call is inside the event loop of a concurrent store. Wasmtime runs one event loop
    /// in a task at a time.
    pub(crate) fn is_in_event_loop(&self) -> bool {
        self.is_in_event_loop
    }

    /// This context for a task of its own.
    #[must_use]
    pub(crate) fn in_own_task(mut self) -> Self {
        self.is_in_event_loop = false;
        self
    }

    /// This context for a call that fails at once where it would have to wait for an instance.
    #[must_use]
    pub(crate) fn without_waiting(mut self) -> Self {
        self.may_wait = false;
        self
    }

    /// Whether it may wait for an instance.
    pub(crate) fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// How many calls between components are above this one; zero for one from outside.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The trace that the call is part of.
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_deref()
    }

    /// When the call has to be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Time left until the deadline; zero when it is past.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether `component` is among those whose calls led here.
    pub(crate) fn has_caller(&self, component: &ComponentId) -> bool {
        let mut next = self.callers.as_deref();
        while let Some(caller) = next {
            if caller.component == *component {
                return true;
            }
            next = caller.above.as_deref();
        }
        false
    }
}

// ===== impl CallClock =====

impl CallClock {
    pub(crate) fn new(cpu_max: Duration) -> Self {
        Self {
            origin: std::time::Instant::now(),
            running_since: AtomicU64::new(0),
            ran: AtomicU64::new(0),
            cpu_max,
            is_failed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            is_streaming: AtomicBool::new(false),
            moved_at: AtomicU64::new(0),
        }
    }

    /// What notes, when it is dropped, that the store is going to be.
    pub(crate) fn over_when_dropped(self: &Arc<Self>) -> Over {
        Over(Arc::clone(self))
    }

    /// Whether the store is being dropped: what ends now was not ended by the guest.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// The results are there. From now on streams hold the call to its time, as long as they move.
    pub(crate) fn begin_streaming(&self) {
        self.note_movement();
        self.is_streaming.store(true, Ordering::Release);
    }

    /// A stream of the call has moved.
    pub(crate) fn note_movement(&self) {
        self.moved_at.store(self.now(), Ordering::Relaxed);
    }

    /// When the call is to be ended, where its own deadline is `deadline`.
    fn end(&self, deadline: Instant) -> Instant {
        if !self.is_streaming.load(Ordering::Acquire) {
            return deadline;
        }
        let moved_at = Duration::from_nanos(self.moved_at.load(Ordering::Relaxed));
        let idle_at = Instant::from_std(self.origin) + moved_at + FLOW_IDLE_MAX;
        idle_at.max(deadline)
    }

    /// Notes that the call ended without finishing what it began, before its store is dropped: a body that ends now is
    /// incomplete.
    pub(crate) fn fail(&self) {
        self.is_failed.store(true, Ordering::Release);
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.is_failed.load(Ordering::Acquire)
    }

    /// Whether the guest has used up its processor time, asked while it runs.
    pub(crate) fn is_cpu_spent(&self) -> bool {
        let running = self
            .now()
            .saturating_sub(self.running_since.load(Ordering::Relaxed));
        let ran = self.ran.load(Ordering::Relaxed);
        Duration::from_nanos(ran.saturating_add(running)) > self.cpu_max
    }

    // Only the task that polls the call writes these two; relaxed order is enough.
    fn begin_running(&self) {
        self.running_since.store(self.now(), Ordering::Relaxed);
    }

    fn end_running(&self) {
        let running = self
            .now()
            .saturating_sub(self.running_since.load(Ordering::Relaxed));
        let ran = self.ran.load(Ordering::Relaxed);
        self.ran
            .store(ran.saturating_add(running), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Runs `call`, which owns its store, up to `deadline`; then drops it and with it the store.
///
/// The deadline stands outside of the store because Wasmtime may not poll a timer inside while a guest runs. Processor
/// time is the time spent inside of `call`'s polls.
pub(crate) async fn guard<T>(
    clock: Arc<CallClock>,
    ticker: &Ticker,
    deadline: Instant,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let mut call = pin!(call);
    // Dropped before the call, and with it before the bodies of its store end.
    let mut unfinished = Unfinished(Some(&clock));
    let mut timer = None;
    poll_fn(|context| {
        ticker.note_activity();
        clock.begin_running();
        let poll = call.as_mut().poll(context);
        clock.end_running();
        if poll.is_ready() {
            unfinished.0 = None;
            return poll;
        }
        // Most calls end at the first poll and never need a timer.
        let timer = timer.get_or_insert_with(|| Box::pin(time::sleep_until(deadline)));
        while timer.as_mut().poll(context).is_ready() {
            let end = clock.end(deadline);
            if end <= Instant::now() {
                return Poll::Ready(Err(CallError::Deadline));
            }
            timer.as_mut().reset(end);
        }
        Poll::Pending
    })
    .await
}

impl Drop for Over {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
    }
}

/// Lets a call go on after its answer has begun.
#[expect(
    clippy::disallowed_methods,
    reason = "stays on the runtime of who called, ends by the time of the call, and is counted as an instance"
)]
pub(crate) fn finish_in_background(call: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(call);
}

/// Marks a call as failed unless it came to an end of its own: its deadline passed, its future was dropped, or something
/// in it panicked.
struct Unfinished<'a>(Option<&'a CallClock>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(clock) = self.0 {
            clock.fail();
        }
    }
}

/// Runs `task` beside the caller and waits for it; dropping the future ends the task. `None` when the task was ended by
/// the shutdown of the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the task ends with the future that waits for it"
)]
pub(crate) async fn spawn_aborting<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    struct Abort<T>(JoinHandle<T>);

    impl<T> Drop for Abort<T> {
        fn drop(&mut self) {
            self.0.abort();
        }
    }

    let mut running = Abort(tokio::spawn(task));
    (&mut running.0).await.ok()
}
