//! The shared half of a client connection: what others need to deliver to it.

mod outbound;
mod traffic;
mod writer;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::auth::{Identity, Replies};
use crate::router::{Batch, Subscription};
use crate::stats::Counters;
use crate::tls::Stream;
use crate::wire::info::TlsInfo;
use crate::wire::message::Message;

use outbound::Outbound;
pub(crate) use traffic::{Profile, Traffic};
pub(crate) use writer::write_until_closed;

/// Bounds of what waits to be written to one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteBounds {
    /// Bytes that may wait; one more and the client is cut as a slow consumer.
    pub(crate) pending_bytes_max: usize,
    /// Longest time for writing a part of what waits.
    pub(crate) write_timeout: Duration,
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The client closed it, or its socket failed.
    ClientGone,
    /// The client broke the protocol; it was told how, where the reference server tells.
    ProtocolViolation,
    /// The client did not answer pings.
    Stale,
    /// The client did not read what was sent to it.
    SlowConsumer,
    ServerShutdown,
    /// The client did not prove who it is.
    Unauthorized,
    /// The client's user is valid no longer.
    AuthEnded,
}

/// One connected client, as others see it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    /// The address it came to.
    pub(crate) local: SocketAddr,
    /// How that address encrypts.
    pub(crate) tls: TlsInfo,
    pub(crate) stream: Stream,
    /// Who it proved to be; empty where nobody has to.
    pub(crate) identity: OnceLock<Identity>,
    /// The requests that it may answer, for a user who may answer those only.
    pub(crate) replies: OnceLock<Replies>,
    /// What it says of itself.
    pub(crate) profile: OnceLock<Box<Profile>>,
    /// What it sent.
    pub(crate) traffic: Traffic,
    /// Subscriptions by their id, which the client chose.
    pub(crate) subscriptions: Mutex<HashMap<Box<[u8]>, Arc<Subscription>>>,
    takes_headers: AtomicBool,
    echo: AtomicBool,
    takes_info: AtomicBool,
    outbound: Mutex<Outbound>,
    bounds: WriteBounds,
    /// Wakes the writer task: it has been made the owner of what is to be written.
    writable: Notify,
    /// Wakes publishers that wait for this client to catch up.
    drained: Notify,
    /// Wakes the reader task: the connection is to end.
    closing: Notify,
    counters: Arc<Counters>,
}

// ---------------------------------------------------------------------------------------------------------

impl Client {
    pub(crate) fn new(
        id: u64,
        address: SocketAddr,
        local: (SocketAddr, TlsInfo),
        stream: Stream,
        bounds: WriteBounds,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            id,
            address,
            local: local.0,
            tls: local.1,
            stream,
            identity: OnceLock::new(),
            replies: OnceLock::new(),
            profile: OnceLock::new(),
            traffic: Traffic::new(),
            subscriptions: Mutex::default(),
            takes_headers: AtomicBool::new(false),
            echo: AtomicBool::new(true),
            takes_info: AtomicBool::new(false),
            outbound: Mutex::default(),
            bounds,
            writable: Notify::new(),
            drained: Notify::new(),
            closing: Notify::new(),
            counters,
        }
    }

    /// Takes over what `CONNECT` said, as far as it concerns what others send.
    pub(crate) fn set_switches(&self, takes_headers: bool, echo: bool, takes_info: bool) {
        self.takes_headers.store(takes_headers, Ordering::Relaxed);
        self.echo.store(echo, Ordering::Relaxed);
        self.takes_info.store(takes_info, Ordering::Relaxed);
    }

    /// Whether the client wants its own messages.
    pub(crate) fn wants_echo(&self) -> bool {
        self.echo.load(Ordering::Relaxed)
    }

    /// Whether `INFO` may be sent at any time.
    pub(crate) fn takes_info(&self) -> bool {
        self.takes_info.load(Ordering::Relaxed)
    }

    /// Messages that were queued for it, and their bytes.
    pub(crate) fn delivered(&self) -> (u64, u64) {
        let outbound = self.lock();
        (outbound.messages_total, outbound.bytes_total)
    }

    /// Queues a message for the subscription `sid`. False if the connection is ending.
    pub(crate) fn deliver(
        self: &Arc<Self>,
        message: &Message<'_>,
        sid: &[u8],
        batch: &mut Batch,
    ) -> bool {
        let takes_headers = self.takes_headers.load(Ordering::Relaxed);
        // Before the client can see it.
        if let Some(reply) = message.reply
            && let Some(replies) = self.replies.get()
        {
            replies.note(reply, Instant::now());
        }
        let mut outbound = self.lock();
        if outbound.closed.is_some() {
            return false;
        }
        outbound.push_message(message, sid, takes_headers);
        batch.count_out(message.payload.len() - message.skipped(takes_headers));
        self.queued(outbound, batch)
    }

    /// Queues a control line.
    pub(crate) fn send(self: &Arc<Self>, line: &[u8], batch: &mut Batch) {
        let mut outbound = self.lock();
        if outbound.closed.is_none() {
            outbound.push(line);
            self.queued(outbound, batch);
        }
    }

    /// Notes in `batch` that this client is to be flushed, and cuts it if too much waits.
    fn queued(
        self: &Arc<Self>,
        mut outbound: std::sync::MutexGuard<'_, Outbound>,
        batch: &mut Batch,
    ) -> bool {
        if outbound.pending > self.bounds.pending_bytes_max {
            drop(outbound);
            self.cut_slow();
            return false;
        }
        let is_first = !std::mem::replace(&mut outbound.queued, true);
        let is_behind = outbound.pending > self.bounds.pending_bytes_max / 4 * 3;
        drop(outbound);
        if is_first {
            batch.touch(self);
        }
        if is_behind {
            batch.stall_for(self);
        }
        true
    }

    /// Tells the client why its connection ends, and ends it.
    pub(crate) fn dismiss(self: &Arc<Self>, words: &str, reason: CloseReason) {
        let mut batch = Batch::default();
        self.send(format!("-ERR '{words}'\r\n").as_bytes(), &mut batch);
        batch.flush(&self.counters);
        self.close(reason);
    }

    /// Ends the connection. The first reason stays.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut outbound = self.lock();
        if outbound.closed.is_none() {
            outbound.closed = Some(reason);
        }
        if reason == CloseReason::SlowConsumer {
            self.counters.dropped.add(outbound.discard());
        }
        drop(outbound);
        self.closing.notify_one();
        self.writable.notify_one();
        self.drained.notify_waiters();
    }

    /// Cuts a client that does not read, and counts it.
    fn cut_slow(&self) {
        let already = self.lock().closed.is_some();
        if !already {
            self.counters.slow_consumers.add(1);
            tracing::warn!(client.id = self.id, client.address = %self.address, "Cut slow consumer");
        }
        self.close(CloseReason::SlowConsumer);
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.lock().closed
    }

    /// Waits until the connection is to end. Cancel safe; only one task may wait.
    pub(crate) async fn closing(&self) {
        while self.close_reason().is_none() {
            self.closing.notified().await;
        }
    }

    /// Waits until this client has caught up, or for `limit`. Cancel safe.
    pub(crate) async fn caught_up(&self, limit: Duration) {
        let drained = self.drained.notified();
        if self.pending_bytes() > self.bounds.pending_bytes_max / 2 {
            // Either way the publisher goes on: this slows it down, it never stops it.
            let _ = tokio::time::timeout(limit, drained).await;
        }
    }

    /// Gives back memory that is kept for the next messages, as there were none for a while.
    pub(crate) fn rest(&self) {
        self.lock().rest();
    }

    /// Bytes that wait to be written.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.lock().pending
    }

    /// Ends both directions of the socket, so that the peer notices whoever still holds this.
    pub(crate) fn shut_down(&self) {
        self.stream.shut_down();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Outbound> {
        // A panic while it was held leaves a queue of bytes that is still a queue of bytes.
        self.outbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client's subscriptions, locked. Not held while delivering.
    pub(crate) fn subscriptions(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<Box<[u8]>, Arc<Subscription>>> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
