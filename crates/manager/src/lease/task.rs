//! Reading and writing the record of the lease.

use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, OptionFuture};
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};
use tracing::{debug, info, warn};
use weft_lattice::bucket::{Bucket, BucketError, Change, Watch, WatchError, WatchOptions};
use weft_protocol::state::LeaseRecord;
use weft_runtime::{Shutdown, field};

use super::{Effect, Failure, Held, Input, Machine};
use crate::clock::Clock;
use crate::metrics::{Counter, Counters};

/// How long giving the lease back may take.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before a watch is made again that came to its end.
const WATCH_PAUSE: Duration = Duration::from_secs(1);

/// What the task works with.
pub(crate) struct LeaseTask {
    pub(crate) machine: Machine,
    pub(crate) bucket: Bucket,
    pub(crate) clock: Clock,
    /// Where it is told whether the lease is held.
    pub(crate) held: watch::Sender<Option<Held>>,
    pub(crate) counters: Counters,
}

// ===== impl LeaseTask =====

impl LeaseTask {
    /// Holds or follows the lease until `stop`, and gives it back then.
    pub(crate) async fn run(mut self, stop: Shutdown) {
        let mut io: Option<BoxFuture<'static, Input>> = None;
        let mut watch = self.bucket.watch(WatchOptions::default());
        let mut input = Input::Tick;
        let mut stopped = pin!(stop.requested());
        loop {
            if let Some(effect) = self.machine.step(self.clock.now(), input) {
                io = Some(perform(self.bucket.clone(), effect).boxed());
            }
            self.tell();
            let deadline = self.machine.deadline().map(|at| self.clock.instant(at));
            let timer = OptionFuture::from(deadline.map(sleep_until));
            let work = OptionFuture::from(io.as_mut());
            input = tokio::select! {
                () = &mut stopped => return self.release(io.take()).await,
                Some(input) = work => {
                    io = None;
                    input
                }
                seen = next_seen(&mut watch, &self.bucket) => seen,
                Some(()) = timer => Input::Tick,
            };
        }
    }

    /// Gives the lease back, after what is under way.
    async fn release(mut self, io: Option<BoxFuture<'static, Input>>) {
        let released = async {
            let mut effect = self.machine.step(self.clock.now(), Input::Release);
            let mut io = io;
            while !self.machine.is_done() {
                let input = match (effect.take(), io.take()) {
                    (Some(effect), _) => perform(self.bucket.clone(), effect).await,
                    (None, Some(io)) => io.await,
                    (None, None) => return,
                };
                effect = self.machine.step(self.clock.now(), input);
            }
        };
        if timeout(RELEASE_TIMEOUT, released).await.is_err() {
            warn!("Lease not given back in time");
        }
        self.held.send_replace(None);
    }

    /// Tells whether the lease is held.
    fn tell(&self) {
        let held = self.machine.held(self.clock.now());
        let before = self.held.borrow().clone();
        match (&before, &held) {
            (None, Some(held)) => {
                self.counters.add(Counter::LeasesTaken);
                info!(lease = %held.lease, "Lease taken");
            }
            (Some(before), None) => {
                self.counters.add(Counter::LeasesLost);
                warn!(lease = %before.lease, "Lease lost");
            }
            _ => {}
        }
        if before != held {
            self.held.send_replace(held);
        }
    }
}

/// The next that the watch tells of the lease.
async fn next_seen(watch: &mut Watch, bucket: &Bucket) -> Input {
    loop {
        match watch.next().await {
            Ok(Change::Put(entry)) if entry.key == LeaseRecord::KEY => {
                return Input::Seen {
                    record: Some(decode(&entry.value)),
                    revision: entry.revision,
                };
            }
            Ok(Change::Deleted { key, revision }) if key == LeaseRecord::KEY => {
                return Input::Seen {
                    record: None,
                    revision,
                };
            }
            Ok(_) | Err(WatchError::Entry(_)) => {}
            // Without the watch the lease is still read and written, only later.
            Err(error) => {
                debug!({ field::ERROR } = %error, "Watch of the lease ended");
                tokio::time::sleep(WATCH_PAUSE).await;
                *watch = bucket.watch(WatchOptions::default());
            }
        }
    }
}

async fn perform(bucket: Bucket, effect: Effect) -> Input {
    match effect {
        Effect::Read => Input::Read(match bucket.get(LeaseRecord::KEY).await {
            Ok(Some(entry)) => Some((Some(decode(&entry.value)), entry.revision)),
            Ok(None) => Some((None, 0)),
            Err(error) => {
                debug!({ field::ERROR } = %error, "Lease cannot be read");
                None
            }
        }),
        Effect::Write { record, expected } => {
            let value = record.encode();
            let written = match expected {
                Some(revision) => bucket.update(LeaseRecord::KEY, value, revision).await,
                None => bucket.create(LeaseRecord::KEY, value).await,
            };
            Input::Written(written.map_err(|error| match error {
                BucketError::Conflict { .. } => Failure::Conflict,
                error => {
                    debug!({ field::ERROR } = %error, "Lease cannot be written");
                    Failure::Unknown
                }
            }))
        }
    }
}

/// Reads a record. One that makes no sense is nobody's, and holds until it has been there for a while.
fn decode(value: &[u8]) -> LeaseRecord {
    LeaseRecord::decode(value).unwrap_or_else(|_| LeaseRecord {
        epoch: String::new(),
        counter: 0,
        manager: String::new(),
        renewal: 0,
        duration_ms: 10_000,
    })
}
