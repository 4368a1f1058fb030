//! One end of the wire: a NATS connection with its one inbox, which all calls in either direction share.

mod budget;
mod liveness;
mod session;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{HeaderMap, Message, Subject};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};
use weft_runtime::{TaskKind, Tasks, field};

use crate::subject::Tail;

pub(crate) use budget::Budget;
pub use session::Session;
pub(crate) use session::{Arrival, Break, Form};

/// Bounds of an [`Endpoint`].
#[derive(Clone, Debug)]
pub struct Options {
    /// How many bytes the messages of all calls may take that have arrived and are not consumed. Default 256 MiB.
    pub buffer_bytes_max: usize,
    /// How many bytes one call may take of it, its parameters or results included. Default 64 MiB.
    pub call_bytes_max: usize,
    /// How much is let on its way on one stream before its reader has consumed any, towards ends of Weft. It is set
    /// aside for as long as the stream may come. Default 64 KiB.
    pub window_bytes_min: u64,
    /// How far that grows while there is room. Default 4 MiB.
    pub window_bytes_max: u64,
    /// How long a stream between ends of Weft may stand still before it fails. One of an end of 1.9, which knows no such
    /// bound, has the time of its call. Default 60 s.
    pub stream_idle_timeout: Duration,
    /// How often the other end of a call is asked whether it still knows it, while nothing is heard of it. Default 1 s.
    pub liveness_interval: Duration,
    /// How calls go out. Default [`Dialect::Weft`].
    pub dialect: Dialect,
}

/// How calls go out. Calls that come in are answered as they ask for it in either case.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Dialect {
    /// So that callees of Weft answer in their way, and those of 1.9 in theirs.
    #[default]
    Weft,
    /// As 1.9 does, whoever the callee is: for tests, and to compare.
    Plain,
}

/// One end of the wire. Cheap to clone; all clones are the same end.
///
/// It holds one subscription, whatever the number of calls, and a task that hands out what comes in; the task never
/// waits for anybody, so that one slow reader holds up no other.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

/// Why an [`Endpoint`] could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot subscribe to the inbox of calls")]
pub struct ConnectError(#[from] async_nats::SubscribeError);

struct Inner {
    nats: async_nats::Client,
    tasks: Tasks,
    options: Options,
    /// The inbox with a dot at its end.
    inbox: Box<str>,
    next_id: AtomicU64,
    sessions: Mutex<Sessions>,
    budget: Arc<Budget>,
    /// Messages that belonged to no call.
    strays: AtomicU64,
}

#[derive(Default)]
struct Sessions {
    is_closed: bool,
    by_id: HashMap<u64, Weak<Session>>,
}

// ===== impl Options =====

impl Default for Options {
    fn default() -> Self {
        Self {
            buffer_bytes_max: 256 * 1024 * 1024,
            call_bytes_max: 64 * 1024 * 1024,
            window_bytes_min: 64 * 1024,
            window_bytes_max: 4 * 1024 * 1024,
            stream_idle_timeout: Duration::from_secs(60),
            liveness_interval: Duration::from_secs(1),
            dialect: Dialect::Weft,
        }
    }
}

// ===== impl Endpoint =====

impl Endpoint {
    /// Makes an end of a connection. Its task ends with `tasks` or the connection.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub async fn new(
        nats: async_nats::Client,
        tasks: &Tasks,
        options: Options,
    ) -> Result<Self, ConnectError> {
        let inbox = format!("{}.", nats.new_inbox());
        let mut messages = nats.subscribe(format!("{inbox}>")).await?;
        let budget = Arc::new(Budget::new(options.buffer_bytes_max));
        let inner = Arc::new(Inner {
            nats,
            tasks: tasks.clone(),
            options,
            inbox: inbox.into(),
            next_id: AtomicU64::new(1),
            sessions: Mutex::default(),
            budget,
            strays: AtomicU64::new(0),
        });
        let endpoint = Self { inner };
        let routes = endpoint.clone();
        let task = async move {
            while let Some(message) = messages.next().await {
                routes.route(message);
            }
            routes.close();
        };
        // No worker: calls that are drained need it until they end, and nothing is lost when it is aborted then.
        tasks.spawn(TaskKind::Helper, "wrpc inbox", task);
        tasks.spawn(
            TaskKind::Helper,
            "wrpc liveness",
            watch_ends(endpoint.clone()),
        );
        Ok(endpoint)
    }

    /// The connection.
    pub fn nats(&self) -> &async_nats::Client {
        &self.inner.nats
    }

    /// Its bounds.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// How many bytes are set aside or taken by what has arrived and is not consumed.
    pub fn buffered_bytes(&self) -> usize {
        self.inner.budget.used()
    }

    /// How many messages came in that belonged to no call, such as the rest of calls that were given up.
    pub fn strays(&self) -> u64 {
        self.inner.strays.load(Ordering::Relaxed)
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.inner.budget
    }

    /// A root that nothing listens to.
    pub(crate) fn reserve_root(&self) -> (u64, Subject) {
        let id = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        let mut root = String::with_capacity(self.inner.inbox.len() + 16);
        root.push_str(&self.inner.inbox);
        push_hex(&mut root, id);
        (id, root.into())
    }

    /// Lets a session hear what comes to its root; `false` when the connection is closed.
    pub(crate) fn register(&self, session: &Arc<Session>) -> bool {
        let mut sessions = self.sessions();
        if !sessions.is_closed {
            sessions.by_id.insert(session.id(), Arc::downgrade(session));
        }
        !sessions.is_closed
    }

    pub(crate) fn forget(&self, id: u64) {
        self.sessions().by_id.remove(&id);
    }

    /// Publishes for those who cannot wait: at once where there is room, otherwise by a task.
    pub(crate) fn publish_now(
        &self,
        subject: impl Into<Subject>,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) {
        let (nats, subject) = (self.inner.nats.clone(), subject.into());
        let mut publish = Box::pin(async move {
            let sent = match headers {
                Some(headers) => nats.publish_with_headers(subject, headers, payload).await,
                None => nats.publish(subject, payload).await,
            };
            if let Err(error) = sent {
                debug!({ field::ERROR } = %error, "Message of a call was not sent");
            }
        });
        if (&mut publish).now_or_never().is_none() {
            let tasks = &self.inner.tasks;
            tasks.spawn(TaskKind::Helper, "wrpc publish", publish);
        }
    }

    /// As [`Self::publish_now`], with a subject for the answer.
    pub(crate) fn ask_now(&self, subject: impl Into<Subject>, reply: Subject, payload: Bytes) {
        let (nats, subject) = (self.inner.nats.clone(), subject.into());
        let mut publish = Box::pin(async move {
            // Whoever asks asks again.
            let _ = nats.publish_with_reply(subject, reply, payload).await;
        });
        if (&mut publish).now_or_never().is_none() {
            let tasks = &self.inner.tasks;
            tasks.spawn(TaskKind::Helper, "wrpc publish", publish);
        }
    }

    /// Waits until everything that the server had sent before this has come, or `limit` is past.
    pub(crate) async fn round_trip(&self, limit: Duration) {
        let session = Session::new(self, Form::Plain);
        if !self.register(&session) {
            return;
        }
        self.publish_now(session.root().clone(), None, Bytes::new());
        let _ = timeout(limit, poll_fn(|context| session.poll_reply(context))).await;
    }

    /// Sends a message that is no call, and waits for its answer; `None` when none came within `limit`.
    pub(crate) async fn ask(
        &self,
        subject: Subject,
        payload: Bytes,
        limit: Duration,
    ) -> Option<Message> {
        let session = Session::new(self, Form::Plain);
        if !self.register(&session) {
            return None;
        }
        self.ask_now(subject, session.root().clone(), payload);
        let answer = timeout(limit, poll_fn(|context| session.poll_reply(context)));
        answer.await.ok()?.ok()
    }

    /// The calls that are known now.
    fn known(&self) -> Option<Vec<Arc<Session>>> {
        let sessions = self.sessions();
        if sessions.is_closed {
            return None;
        }
        Some(sessions.by_id.values().filter_map(Weak::upgrade).collect())
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        let sessions = self.inner.sessions.lock();
        sessions.unwrap_or_else(PoisonError::into_inner)
    }

    fn route(&self, message: Message) {
        let tail = message.subject.strip_prefix(&*self.inner.inbox);
        let address = tail.and_then(|tail| {
            let end = tail.find('.').unwrap_or(tail.len());
            let id = u64::from_str_radix(&tail[..end], 16).ok()?;
            Some((id, Tail::parse(&tail[end..])?))
        });
        let session = address.and_then(|(id, tail)| {
            let session = self.sessions().by_id.get(&id).and_then(Weak::upgrade);
            Some((session?, tail))
        });
        match session {
            Some((session, tail)) => session.receive(tail, message),
            None => {
                self.inner.strays.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn close(&self) {
        let sessions = {
            let mut sessions = self.sessions();
            sessions.is_closed = true;
            std::mem::take(&mut sessions.by_id)
        };
        if !sessions.is_empty() {
            warn!(
                calls = sessions.len(),
                "Calls broke off with the connection"
            );
        }
        for session in sessions
            .into_values()
            .filter_map(|session| session.upgrade())
        {
            session.break_off(Break::Connection);
        }
    }
}

/// Appends what `{:x}` would, for every call.
fn push_hex(text: &mut String, number: u64) {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (number >> (place * 4)) as u32 & 0xf;
        text.extend(char::from_digit(digit, 16));
    }
}

/// Asks the other ends of calls that are quiet whether they are still there.
async fn watch_ends(endpoint: Endpoint) {
    loop {
        sleep(endpoint.options().liveness_interval).await;
        let Some(sessions) = endpoint.known() else {
            return;
        };
        // Without a connection nobody can be heard of, and that says nothing of them.
        if endpoint.nats().connection_state() == State::Connected {
            for session in sessions {
                session.check_liveness();
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("inbox", &self.inner.inbox)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for number in [0, 1, 15, 16, 255, 0x1234_5678_9abc_def0, u64::MAX] {
            let mut text = String::new();
            push_hex(&mut text, number);
            assert_eq!(text, format!("{number:x}"));
        }
    }
}
