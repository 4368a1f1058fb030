//! The engine without threads, sockets or time of its own: for the model test and for fuzzing.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Engine, EngineBounds, EngineError, internal};
use crate::jetstream::clock::{Clock, Nanos, Now, Tick, WallTime};
use crate::jetstream::{Mail, Mailbox};
use crate::router::{Batch, Ingest, InterestWatcher, Internal, Origin, Router};
use crate::stats::Counters;
use crate::storage::{Disk, OpenError};
use crate::wire::message::{Message, Payload};

/// Where what is caught arrives. The engine takes it for flow control of an unknown stream.
const CAUGHT_PREFIX: &str = "_CAUGHT.";
const CAUGHT_FILTER: &str = "_CAUGHT.>";

/// When driven time begins: a day of 2023.
const EPOCH: WallTime = WallTime(1_700_000_000_000_000_000);

/// Longest wait for the thread that commits, in real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Rounds without a stop that settle anything but an engine that never rests.
const ROUNDS_MAX: usize = 10_000;

/// An engine whose mail and time come from a test.
pub(crate) struct Driver {
    engine: Engine,
    mailbox: Arc<Mailbox>,
    router: Arc<Router>,
    batch: Batch,
    caught: VecDeque<Ingest>,
    requests: u64,
}

/// Why there is nothing to drive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriverError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

// ---------------------------------------------------------------------------------------------------------

impl Driver {
    /// Opens the store in `path` and starts an engine on it at `age` after the beginning of driven time.
    pub(crate) fn open(
        path: &Path,
        bounds: EngineBounds,
        age: Nanos,
        counters: Arc<Counters>,
    ) -> Result<Self, DriverError> {
        let disk = Disk::open(path, &counters)?;
        let mailbox = Arc::new(Mailbox::new(64 * 1024 * 1024));
        let watcher: Arc<dyn InterestWatcher> = Arc::clone(&mailbox) as _;
        let router = Arc::new(Router::new(counters, Some(watcher)));
        let mut clock = Clock::new(bounds.time_shift.clone());
        clock.driven = Some(at(age));
        let engine = Engine::with_clock(
            bounds,
            clock,
            disk,
            Arc::clone(&router),
            Arc::clone(&mailbox),
        )?;
        router.subscribe(&internal(CAUGHT_FILTER, Internal::FlowControl));
        Ok(Self {
            engine,
            mailbox,
            router,
            batch: Batch::default(),
            caught: VecDeque::new(),
            requests: 0,
        })
    }

    /// Sets the time.
    pub(crate) fn set_age(&mut self, age: Nanos) {
        self.engine.clock.driven = Some(at(age));
        self.settle();
    }

    /// Publishes, as a client does; the first `header_len` bytes of the payload are headers.
    pub(crate) fn publish(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        header_len: usize,
        payload: &[u8],
    ) {
        let message = Message {
            subject: subject.as_bytes(),
            reply: reply.map(str::as_bytes),
            header_len: Some(header_len).filter(|len| *len > 0),
            payload: Payload::Shared(Bytes::copy_from_slice(payload)),
        };
        self.router.publish(
            Origin::Internal,
            subject.as_bytes(),
            &message,
            &mut self.batch,
        );
        self.batch.flush(&self.router.counters);
        let refused = self.mailbox.try_submit(self.batch.take_ingests());
        assert!(refused.is_ok(), "the mailbox is emptied after each message");
    }

    /// Publishes and waits for the answer, if there is one before the engine rests.
    pub(crate) fn request(
        &mut self,
        subject: &str,
        header_len: usize,
        payload: &[u8],
    ) -> Option<Bytes> {
        self.requests += 1;
        self.caught.clear();
        let reply = format!("{CAUGHT_PREFIX}request.{}", self.requests);
        self.publish(subject, Some(&reply), header_len, payload);
        self.settle();
        let at = self
            .caught
            .iter()
            .position(|caught| *caught.subject == *reply.as_bytes())?;
        self.caught.remove(at).map(|answer| answer.payload)
    }

    /// Works until there is nothing to do at this time, and everything is committed.
    pub(crate) fn settle(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut rounds = 0;
        while rounds < ROUNDS_MAX {
            let mail = self.take();
            let is_idle =
                mail.is_empty() && self.engine.ready.is_empty() && self.engine.sourcing.is_empty();
            self.engine.round(&mail);
            self.mailbox.release(&mail);
            while let Some(wanted) = self.engine.next_to_clean() {
                self.engine.clean(&wanted.read());
            }
            let is_committed = self.engine.gate.is_settled();
            if is_idle && is_committed {
                // What the last commit let go is here by now.
                let last = self.take();
                if last.is_empty() {
                    return;
                }
                self.engine.round(&last);
                self.mailbox.release(&last);
            } else if is_idle {
                assert!(Instant::now() < deadline, "the commit never ends");
                std::thread::yield_now();
            } else {
                rounds += 1;
            }
        }
        panic!("the engine never rests");
    }

    /// Ends the engine as a graceful stop does.
    pub(crate) fn stop(mut self) {
        self.settle();
        self.engine.round(&[Mail::Stop]);
    }

    /// Takes what is queued, and keeps what is to be caught.
    fn take(&mut self) -> Vec<Mail> {
        let mut mail = self.mailbox.take();
        mail.retain(|mail| match mail {
            Mail::Ingest(ingest) if ingest.subject.starts_with(CAUGHT_PREFIX.as_bytes()) => {
                self.caught.push_back(ingest.clone());
                self.mailbox.release(std::slice::from_ref(mail));
                false
            }
            _ => true,
        });
        mail
    }
}

fn at(age: Nanos) -> Now {
    Now {
        wall: EPOCH.plus(age),
        tick: Tick(age),
    }
}
