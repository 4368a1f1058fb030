//! Calls that come in.

mod calls;
mod incoming;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use weft_runtime::{Shutdown, TaskGuard, TaskKind, Tasks};

use crate::endpoint::Endpoint;
use crate::failure::{Failure, FailureCode};
use crate::function::{Export, Function};
use crate::header;
use crate::request::{Received, Request};
use crate::route::Form;
use crate::subject::{Prefix, SubjectError};

use calls::Calls;
pub use incoming::{Incoming, ParamsError};

/// Bounds of what is served, and when it ends.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// How many calls run at once. Default 256.
    pub concurrent_max: usize,
    /// How many callers of 1.9 wait at most when that is reached; callers of Weft are told at once. Default 256.
    pub waiting_max: usize,
    /// How long each of them waits. Default 5 s: half of what a caller of 1.9 waits for the accept (spec §4.8).
    pub waiting_timeout: Duration,
    /// How long a call runs at most; a caller of Weft may allow less. Default 600 s, as in 1.9.
    pub execution_timeout: Duration,
    /// Ends the serving: no new calls are taken, those that were delivered are.
    pub shutdown: Shutdown,
}

/// What is served for one id: its calls come out one by one.
///
/// Whoever takes them works on them where they please. Dropping this ends the subscriptions at once; by
/// [`ServeOptions::shutdown`] they end with nothing lost.
#[derive(Debug)]
pub struct Exports {
    shared: Arc<Shared>,
    calls: Calls,
    exports: Vec<Arc<Export>>,
    options: ServeOptions,
    permits: Arc<Semaphore>,
    waiting: VecDeque<Waiting>,
    is_draining: bool,
    /// Whether no more calls come.
    is_ended: bool,
    _cancellations: TaskGuard,
}

/// Why something cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A function has no subject.
    #[error("a function of `{instance}` has no subject")]
    Subject {
        /// The instance.
        instance: String,
        /// Why.
        #[source]
        source: SubjectError,
    },
    /// The connection is closed.
    #[error("cannot subscribe to calls")]
    Subscribe(#[from] async_nats::SubscribeError),
}

/// What all calls of one id share.
#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    /// The calls that run of callers of Weft, by the root of the caller; with what tells that it has given the call up,
    /// where somebody wants to know.
    running: Mutex<HashMap<Box<str>, Option<Shutdown>>>,
}

/// A call that waits for its turn.
#[derive(Debug)]
struct Waiting {
    index: usize,
    request: Request,
    until: Instant,
}

// ===== impl ServeOptions =====

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            concurrent_max: 256,
            waiting_max: 256,
            waiting_timeout: Duration::from_secs(5),
            execution_timeout: Duration::from_secs(600),
            shutdown: Shutdown::default(),
        }
    }
}

// ===== impl Endpoint =====

impl Endpoint {
    /// Serves functions for whoever calls `prefix`. All who serve the same prefix share its calls.
    ///
    /// Each function has a subscription of its own, as in 1.9: one for all would also take calls of functions that only
    /// another version of the same component has, running elsewhere, and none would be answered by `no responders`.
    ///
    /// # Errors
    ///
    /// When a function has no subject, or the connection is closed.
    pub async fn serve(
        &self,
        prefix: &Prefix,
        exports: Vec<Export>,
        options: ServeOptions,
    ) -> Result<Exports, ServeError> {
        let shared = Arc::new(Shared {
            endpoint: self.clone(),
            running: Mutex::default(),
        });
        let cancellations = self.nats().subscribe(prefix.cancellations()).await?;
        let task = self.tasks().spawn(
            TaskKind::Helper,
            "wrpc cancellations",
            hear_cancellations(Arc::clone(&shared), cancellations),
        );
        let mut calls = Calls::default();
        for (index, export) in exports.iter().enumerate() {
            let function = Function::new(
                prefix,
                &export.instance,
                &export.name,
                Arc::clone(&export.signature),
            );
            let function = function.map_err(|source| ServeError::Subject {
                instance: export.instance.clone(),
                source,
            })?;
            let subjects = [
                (function.subject, Form::Full),
                (function.short_subject, Form::Short),
            ];
            for (subject, form) in subjects {
                let group = prefix.as_str().to_owned();
                let messages = self.nats().queue_subscribe(subject, group).await?;
                calls.push(index, form, messages);
            }
        }
        Ok(Exports {
            shared,
            calls,
            exports: exports.into_iter().map(Arc::new).collect(),
            permits: Arc::new(Semaphore::new(options.concurrent_max)),
            options,
            waiting: VecDeque::new(),
            is_draining: false,
            is_ended: false,
            _cancellations: task.into_guard(),
        })
    }
}

async fn hear_cancellations(shared: Arc<Shared>, mut messages: Subscriber) {
    while let Some(message) = messages.next().await {
        let Ok(root) = str::from_utf8(&message.payload) else {
            continue;
        };
        let Some(cancellation) = shared.running().get(root).cloned() else {
            continue;
        };
        match (message.reply, cancellation) {
            // The caller asks whether anybody works on the call.
            (Some(reply), _) => shared.endpoint.publish_now(reply, None, Bytes::new()),
            (None, Some(cancellation)) => cancellation.request(),
            (None, None) => {}
        }
    }
}

// ===== impl Exports =====

impl Exports {
    /// The next call; `None` once the serving has ended. Not cancel safe: a call that was being taken fails.
    pub async fn accept(&mut self) -> Option<Incoming> {
        loop {
            // Whoever is busy finds the next call here, without the cost of what comes below.
            let next = if self.waiting.is_empty() && !self.options.shutdown.is_requested() {
                self.calls.next().now_or_never()
            } else {
                None
            };
            let event = match next {
                Some(Some((index, form, message))) => Event::Call(index, form, message),
                Some(None) => Event::End,
                None => self.event().await,
            };
            let (index, request, permit) = match event {
                Event::Call(index, form, message) => {
                    let Some(received) = Received::read(form, message) else {
                        continue;
                    };
                    match self.receive(index, received) {
                        Some((request, permit)) => (index, request, permit),
                        None => continue,
                    }
                }
                Event::Turn(permit) => {
                    let Some(waiting) = self.waiting.pop_front() else {
                        continue;
                    };
                    (waiting.index, waiting.request, permit)
                }
                Event::Expired => {
                    if let Some(waiting) = self.waiting.pop_front() {
                        self.refuse(waiting.request);
                    }
                    continue;
                }
                Event::Shutdown => {
                    self.drain().await;
                    continue;
                }
                Event::End => {
                    self.is_ended = true;
                    if self.waiting.is_empty() {
                        return None;
                    }
                    continue;
                }
            };
            if let Some(incoming) = self.begin(index, request, permit).await {
                return Some(incoming);
            }
        }
    }

    /// How many more calls may run.
    pub fn free(&self) -> usize {
        self.permits.available_permits()
    }

    async fn event(&mut self) -> Event {
        let until = self.waiting.front().map(|waiting| waiting.until);
        let is_waiting = until.is_some();
        let permits = Arc::clone(&self.permits);
        let (is_running, is_open) = (!self.is_draining, !self.is_ended);
        tokio::select! {
            biased;
            Ok(permit) = permits.acquire_owned(), if is_waiting => Event::Turn(permit),
            () = sleep_until(until.unwrap_or_else(Instant::now)), if is_waiting => Event::Expired,
            () = self.options.shutdown.requested(), if is_running => Event::Shutdown,
            next = self.calls.next(), if is_open => match next {
                Some((index, form, message)) => Event::Call(index, form, message),
                None => Event::End,
            },
            else => Event::End,
        }
    }

    async fn drain(&mut self) {
        self.is_draining = true;
        self.calls.drain(&self.shared.endpoint).await;
    }

    /// A call and a permit to run it. One that gets none waits or is refused.
    fn receive(
        &mut self,
        index: usize,
        received: Received,
    ) -> Option<(Request, OwnedSemaphorePermit)> {
        let request = match received {
            Received::Call(request) => request,
            Received::Question(root) => {
                self.shared.endpoint.publish_now(root, None, Bytes::new());
                return None;
            }
        };
        // Those who wait go first.
        if self.waiting.is_empty()
            && let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned()
        {
            return Some((request, permit));
        }
        if request.call.is_some() || self.waiting.len() >= self.options.waiting_max {
            self.refuse(request);
        } else {
            self.waiting.push_back(Waiting {
                index,
                request,
                until: Instant::now() + self.options.waiting_timeout,
            });
        }
        None
    }

    /// Tells a caller that its call is not taken.
    fn refuse(&self, request: Request) {
        let text = format!("{} calls run already", self.options.concurrent_max);
        let failure = Failure::new(FailureCode::Overloaded, text);
        let endpoint = &self.shared.endpoint;
        if request.call.is_some() {
            let (headers, payload) = header::render_failure(&failure);
            endpoint.publish_now(request.root, Some(headers), payload);
        } else {
            // One of 1.9 is told as it understands it, by an end without results. Without an accept it waits for one, and
            // one that names no root is an error to it at once.
            endpoint.publish_now(request.root, None, Bytes::new());
        }
    }

    async fn begin(
        &self,
        index: usize,
        request: Request,
        permit: OwnedSemaphorePermit,
    ) -> Option<Incoming> {
        let export = Arc::clone(self.exports.get(index)?);
        let timeout = self.options.execution_timeout;
        let shared = Arc::clone(&self.shared);
        Incoming::begin(shared, export, request, permit, timeout).await
    }
}

enum Event {
    Call(usize, Form, Message),
    Turn(OwnedSemaphorePermit),
    Expired,
    Shutdown,
    End,
}

/// Serves calls by a task for each, until the serving ends. `handler` answers the call that it is given; its future is
/// dropped when the caller has gone away or the time of the call is up.
pub async fn dispatch<H, F>(mut exports: Exports, tasks: &Tasks, handler: H)
where
    H: Fn(Incoming) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    while let Some(mut incoming) = exports.accept().await {
        let cancellation = incoming.cancellation();
        let deadline = incoming.deadline();
        let answer = handler(incoming);
        tasks.spawn(TaskKind::Job, "wrpc call", async move {
            tokio::select! {
                biased;
                () = answer => {}
                () = cancellation.requested() => {}
                () = sleep_until(deadline) => {}
            }
        });
    }
}

// ===== impl Shared =====

impl Shared {
    fn running(&self) -> MutexGuard<'_, HashMap<Box<str>, Option<Shutdown>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
