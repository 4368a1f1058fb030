//! The reading half of a client connection: one task per client.

mod authenticate;
mod commands;
mod user_info;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval_at, timeout_at};

use crate::auth::instant_of;
use crate::client::{Client, CloseReason, write_until_closed};
use crate::jetstream::Streams;
use crate::router::{Batch, Ingest, Router};
use crate::wire::connect::Switches;
use crate::wire::info::ServerInfo;
use crate::wire::message::SHARE_LEN_MIN;
use crate::wire::parser::{Bounds, Frame, Parser, Progress};

pub(crate) use authenticate::Challenge;
use authenticate::PublishChecks;

/// Smallest and largest size of a read.
const READ_LEN_MIN: usize = 1024;
const READ_LEN_MAX: usize = 64 * 1024;

/// Short reads after which the next reads are made smaller.
const SHORT_READS_MAX: u32 = 8;

/// Longest wait of a publisher for a receiver that is far behind, per batch.
const STALL_MAX: Duration = Duration::from_millis(10);

/// Longest time to write what is left when a connection ends.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// Bounds and intervals of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionBounds {
    pub(crate) parser: Bounds,
    pub(crate) subscriptions_max: usize,
    pub(crate) ping_interval: Duration,
    /// Pings that may be unanswered; one more and the connection is stale.
    pub(crate) pings_max: u32,
    /// Time to say who it is, for a client that must.
    pub(crate) auth_timeout: Duration,
}

/// Reads what one client sends and acts on it.
pub(crate) struct Session {
    client: Arc<Client>,
    router: Arc<Router>,
    /// Where messages for streams and the API go; none without JetStream.
    streams: Option<Arc<Streams>>,
    /// What the server says of itself.
    info: Arc<ServerInfo>,
    bounds: SessionBounds,
    parser: Parser,
    batch: Batch,
    switches: Switches,
    /// None for a client who may do everything.
    checks: Option<Box<PublishChecks>>,
    pings_unanswered: u32,
    /// Something arrived since the last ping was due.
    was_active: bool,
    read_len: usize,
    short_reads: u32,
    /// Messages that the client sent, and their bytes.
    messages_in: u64,
    bytes_in: u64,
    /// When the ping was sent that is to be answered next.
    pinged: Option<Instant>,
}

// ---------------------------------------------------------------------------------------------------------

impl Session {
    pub(crate) fn new(
        client: Arc<Client>,
        router: Arc<Router>,
        streams: Option<Arc<Streams>>,
        info: Arc<ServerInfo>,
        bounds: SessionBounds,
    ) -> Self {
        Self {
            client,
            router,
            streams,
            info,
            bounds,
            parser: Parser::new(bounds.parser),
            batch: Batch::default(),
            switches: Switches::default(),
            checks: None,
            pings_unanswered: 0,
            was_active: false,
            read_len: READ_LEN_MIN,
            short_reads: 0,
            messages_in: 0,
            bytes_in: 0,
            pinged: None,
        }
    }

    /// Serves the client until the connection ends; `greeting` is its first line, empty if it was sent. A client that
    /// must say who it is gets a `challenge`.
    pub(crate) async fn run(mut self, greeting: Vec<u8>, challenge: Option<Challenge>) {
        let mut writer = JoinSet::new();
        writer.spawn(write_until_closed(Arc::clone(&self.client)));
        let client = Arc::clone(&self.client);
        client.send(&greeting, &mut self.batch);
        drop(greeting);
        self.flush();

        let reason = self.serve(challenge).await;
        client.close(reason);
        self.unsubscribe_all();
        self.flush();
        client.flush();
        // If the client does not read its farewell, it goes without.
        let _ = tokio::time::timeout(FAREWELL_MAX, writer.join_next()).await;
        client.shut_down();
        tracing::debug!(client.id = client.id, reason = ?client.close_reason(), "Closed connection");
    }

    async fn serve(&mut self, challenge: Option<Challenge>) -> CloseReason {
        let mut buffer = BytesMut::new();
        if let Some(challenge) = challenge
            // Apart, so that its room is given back.
            && let Err(reason) = Box::pin(self.authenticate(&challenge, &mut buffer)).await
        {
            return reason;
        }
        let identity = self.client.identity.get();
        let expires = identity.and_then(|identity| identity.expires);
        let Some(end) = expires.and_then(instant_of) else {
            return self.exchange(buffer).await;
        };
        match timeout_at(end, self.exchange(buffer)).await {
            Ok(reason) => reason,
            Err(_) => {
                self.error("User Authentication Expired");
                CloseReason::AuthEnded
            }
        }
    }

    /// Acts on what arrives, after what has arrived already in `buffer`.
    async fn exchange(&mut self, mut buffer: BytesMut) -> CloseReason {
        let client = Arc::clone(&self.client);
        let mut pings = ping_timer(self.bounds.ping_interval);
        if !buffer.is_empty() {
            let processed = self.process(&mut buffer);
            if let Err(reason) = self.finish(processed).await {
                return reason;
            }
        }
        loop {
            tokio::select! {
                biased;
                () = client.closing() => return CloseReason::ServerShutdown,
                ready = client.stream.readable() => {
                    if ready.is_err() {
                        return CloseReason::ClientGone;
                    }
                    let read = self.read(&mut buffer);
                    if let Err(reason) = self.finish(read).await {
                        return reason;
                    }
                }
                _ = pings.tick() => {
                    if !self.was_active && buffer.is_empty() {
                        // A silent connection keeps no buffers.
                        buffer = BytesMut::new();
                        client.rest();
                    }
                    if let Err(reason) = self.ping() {
                        return reason;
                    }
                }
            }
        }
    }

    /// Hands out what a batch of operations left to do.
    async fn finish(&mut self, batch: Result<(), CloseReason>) -> Result<(), CloseReason> {
        // First, so that a client that was answered a ping finds its messages in the streams.
        let waiting = self.hand_over();
        self.flush();
        batch?;
        self.settle(waiting).await;
        Ok(())
    }

    /// Reads once and acts on all that is complete.
    fn read(&mut self, buffer: &mut BytesMut) -> Result<(), CloseReason> {
        if self.fill(buffer)? {
            self.process(buffer)
        } else {
            Ok(())
        }
    }

    /// Reads once. False if nothing was there.
    fn fill(&mut self, buffer: &mut BytesMut) -> Result<bool, CloseReason> {
        buffer.reserve(self.read_len);
        let room = buffer.capacity() - buffer.len();
        let len = match self.client.stream.try_read_buf(buffer) {
            Ok(0) => return Err(CloseReason::ClientGone),
            Ok(len) => len,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(_) => return Err(CloseReason::ClientGone),
        };
        self.was_active = true;
        self.client.traffic.note_active();
        self.adapt(len, room);
        Ok(true)
    }

    /// Acts on the complete operations at the start of `buffer`, and removes them.
    fn process(&mut self, buffer: &mut BytesMut) -> Result<(), CloseReason> {
        let mut done = 0;
        loop {
            let (frame, len) = match self.parser.advance(&buffer[done..]) {
                Ok(Progress::Frame { frame, len }) => (frame, len),
                Ok(Progress::More { len }) => {
                    buffer.advance(done);
                    if let Some(len) = len {
                        // The parser has checked the length against the limits.
                        buffer.reserve(len.saturating_sub(buffer.len()));
                    }
                    return Ok(());
                }
                Err(error) => return Err(self.refuse(error)),
            };
            match frame {
                Frame::Publish(publish) if publish.payload.len() >= SHARE_LEN_MIN => {
                    // Large messages leave the buffer with their memory instead of being copied.
                    buffer.advance(done);
                    done = 0;
                    let bytes = buffer.split_to(len).freeze();
                    self.publish_shared(&publish, &bytes);
                }
                frame => {
                    self.act(&frame, &buffer[done..done + len])?;
                    done += len;
                }
            }
        }
    }

    /// Reads more at once from a client that sends much, less from one that does not.
    fn adapt(&mut self, len: usize, room: usize) {
        if len >= room {
            self.read_len = (self.read_len * 2).min(READ_LEN_MAX);
            self.short_reads = 0;
        } else if len < self.read_len / 2 {
            self.short_reads += 1;
            if self.short_reads > SHORT_READS_MAX {
                self.read_len = (self.read_len / 2).max(READ_LEN_MIN);
                self.short_reads = 0;
            }
        }
    }

    /// Writes to everyone that this batch concerned.
    fn flush(&mut self) {
        self.batch.flush(&self.router.counters);
        let traffic = &self.client.traffic;
        traffic.messages_in.set(self.messages_in);
        traffic.bytes_in.set(self.bytes_in);
    }

    /// Hands messages to the streams. Returns those for which there is no room yet.
    fn hand_over(&mut self) -> Vec<Ingest> {
        let ingests = self.batch.take_ingests();
        match &self.streams {
            Some(streams) if !ingests.is_empty() => {
                streams.try_submit(ingests).err().unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Waits for whoever is overloaded: that slows this client down.
    async fn settle(&mut self, waiting: Vec<Ingest>) {
        if let Some(streams) = &self.streams
            && !waiting.is_empty()
        {
            streams.mailbox().submit(waiting).await;
        }
        if let Some(stalled) = self.batch.take_stalled() {
            stalled.caught_up(STALL_MAX).await;
        }
    }

    /// Sends a ping to a client that has been silent, or gives up on it.
    fn ping(&mut self) -> Result<(), CloseReason> {
        if std::mem::take(&mut self.was_active) {
            return Ok(());
        }
        if self.pings_unanswered >= self.bounds.pings_max {
            self.error("Stale Connection");
            return Err(CloseReason::Stale);
        }
        self.pings_unanswered += 1;
        self.pinged = Some(Instant::now());
        self.client.send(b"PING\r\n", &mut self.batch);
        self.flush();
        Ok(())
    }

    fn unsubscribe_all(&self) {
        let subscriptions = std::mem::take(&mut *self.client.subscriptions());
        self.router.unsubscribe(subscriptions.values());
        self.router
            .counters
            .subscriptions
            .sub(subscriptions.len() as u64);
    }
}

fn ping_timer(period: Duration) -> Interval {
    let mut timer = interval_at(tokio::time::Instant::now() + period, period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}
