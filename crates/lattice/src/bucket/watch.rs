//! Following a bucket without losing its latest state.

mod change;
mod passed;
mod pause;

pub use change::{Change, WatchError};
pub use passed::{Behind, Passed};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tracing::{debug, warn};
use weft_model::problem::{Coded, Problem};
use weft_runtime::field;

use self::pause::pause;
use super::Bucket;
use super::entry::{Operation, Record};
use super::error::BucketError;
use super::feed::{Delivery, Feed};
use super::options::WatchOptions;
use crate::connection::{Connection, ConnectionState};

/// Follows a bucket: tells every entry that is there, then [`Change::Listed`], then every change.
///
/// When NATS was unreachable, the server lost the consumer, or a message is missing, the bucket is listed anew, and what
/// differs from what was told before is told as changes: several writes to a key may come as one, the latest state of
/// every key always comes. A bucket that is gone is made again, empty, and its keys are told as removed.
///
/// Nothing is spawned and nothing is done while nobody calls [`Self::next`]; a reader that is too slow causes a listing.
pub struct Watch {
    bucket: Bucket,
    options: WatchOptions,
    state: State,
    /// Revisions of the entries that were told, by key.
    known: BTreeMap<String, u64>,
    /// Changes to be told before anything else.
    ready: VecDeque<Change>,
    /// Whether [`Change::Listed`] was told.
    has_listed: bool,
    /// When the stream of the last complete listing was made.
    created: Option<String>,
    /// How often the bucket was listed.
    listings: u64,
    /// How often the consumer was lost since the last time that it stood for a heartbeat.
    losses: u32,
    /// Up to which revision everything has been told.
    told: u64,
    passed: watch::Sender<u64>,
    connection: watch::Receiver<Connection>,
}

/// What a watch is about. Futures are kept here, so that dropping a call of `next` does not set them back.
enum State {
    /// A consumer is being made, after so many attempts that failed.
    Opening {
        attempts: u32,
        /// How often the connection had been made when the attempt began.
        connects: u64,
        feed: BoxFuture<'static, Result<Feed, BucketError>>,
    },
    /// The bucket is being listed.
    Listing {
        feed: Feed,
        connects: u64,
        seen: BTreeSet<String>,
    },
    /// The listing is done, but for keys that were not in it, of which the last is being looked up.
    Checking {
        feed: Feed,
        connects: u64,
        missing: Vec<String>,
        lookup: BoxFuture<'static, Result<Option<Record>, BucketError>>,
    },
    /// Changes are told as they come.
    Following { feed: Feed, connects: u64 },
    /// The watch is at its end.
    Ended,
}

/// What there is to do next.
enum Step {
    Opened(Result<Feed, BucketError>),
    Delivered(Delivery),
    Connection,
    LookedUp(Result<Option<Record>, BucketError>),
}

// ===== impl Watch =====

impl Watch {
    pub(super) fn new(bucket: Bucket, options: WatchOptions) -> Self {
        let connection = bucket.inner.jetstream.lattice().connection();
        let mut watch = Self {
            bucket,
            options,
            state: State::Ended,
            known: BTreeMap::new(),
            ready: VecDeque::new(),
            has_listed: false,
            created: None,
            listings: 0,
            losses: 0,
            told: 0,
            passed: watch::Sender::new(0),
            connection,
        };
        watch.open(0);
        watch
    }

    /// Up to which revision the reader of this watch has come; see [`Passed`].
    pub fn passed(&self) -> Passed {
        Passed::new(self.passed.subscribe())
    }

    /// How often the bucket was listed; above one, something was lost and made good for.
    pub fn listings(&self) -> u64 {
        self.listings
    }

    /// The next change. Waits through failures of the connection and the server. Calling it says that all changes before
    /// have been acted upon. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`WatchError`]. After [`WatchError::Closed`] every call fails.
    pub async fn next(&mut self) -> Result<Change, WatchError> {
        loop {
            self.report_passed();
            if let Some(change) = self.ready.pop_front() {
                return Ok(change);
            }
            if let State::Ended = self.state {
                return Err(self.closed());
            }
            let step = self.wait().await;
            if let Some(change) = self.take(step)? {
                return Ok(change);
            }
        }
    }

    /// Waits for what is next. Cancel safe.
    async fn wait(&mut self) -> Step {
        let feed = match &mut self.state {
            State::Opening { feed, .. } => return Step::Opened(feed.await),
            State::Checking { lookup, .. } => return Step::LookedUp(lookup.await),
            State::Listing { feed, .. } | State::Following { feed, .. } => feed,
            State::Ended => return Step::Connection,
        };
        tokio::select! {
            biased;
            _ = self.connection.changed() => Step::Connection,
            delivery = feed.next() => Step::Delivered(delivery),
        }
    }

    /// Acts on `step`; gives a change where it tells one.
    fn take(&mut self, step: Step) -> Result<Option<Change>, WatchError> {
        match step {
            Step::Opened(Ok(feed)) => self.begin_listing(feed),
            Step::Opened(Err(error)) => self.opening_failed(&error)?,
            Step::Connection => self.take_connection()?,
            Step::Delivered(Delivery::Lost(reason)) => self.lose(reason),
            Step::Delivered(Delivery::Idle { revision }) => {
                self.losses = 0;
                self.told = self.told.max(revision.unwrap_or_default());
                self.end_listing();
            }
            Step::Delivered(Delivery::Record { key, record }) => {
                let change = self.take_record(key, record);
                self.end_listing();
                return change;
            }
            Step::LookedUp(result) => self.take_lookup(result),
        }
        Ok(None)
    }

    /// Begins to make a consumer.
    fn open(&mut self, attempts: u32) {
        let (bucket, options) = (self.bucket.clone(), self.options.clone());
        self.state = State::Opening {
            attempts,
            connects: self.connection.borrow_and_update().connects,
            feed: async move {
                tokio::time::sleep(pause(attempts)).await;
                Feed::open(&bucket, &options, false).await
            }
            .boxed(),
        };
    }

    /// The connection was lost, or made again, or closed.
    fn take_connection(&mut self) -> Result<(), WatchError> {
        let (state, connects_now) = {
            let connection = self.connection.borrow_and_update();
            (connection.state, connection.connects)
        };
        if state == ConnectionState::Closed {
            self.state = State::Ended;
            return Err(self.closed());
        }
        // While it is lost the feed waits; it has missed something when it was made again.
        if let State::Listing { connects, .. } | State::Following { connects, .. } = self.state
            && connects != connects_now
        {
            self.lose("NATS was unreachable");
        }
        Ok(())
    }

    fn begin_listing(&mut self, feed: Feed) {
        let State::Opening { connects, .. } = self.state else {
            return;
        };
        self.listings += 1;
        debug!(
            { field::BUCKET } = self.bucket.name(),
            listings = self.listings,
            "Bucket is being listed"
        );
        self.created.get_or_insert_with(|| feed.created.clone());
        self.state = State::Listing {
            feed,
            connects,
            seen: BTreeSet::new(),
        };
        self.end_listing();
    }

    fn opening_failed(&mut self, error: &BucketError) -> Result<(), WatchError> {
        if self.connection.borrow().state == ConnectionState::Closed {
            self.state = State::Ended;
            return Err(self.closed());
        }
        let State::Opening { attempts, .. } = self.state else {
            return Ok(());
        };
        if attempts == 0 {
            let problem = Problem::new(error);
            warn!({ field::BUCKET } = self.bucket.name(), { field::ERROR_CODE } = error.code(), { field::ERROR } = %problem, "Bucket cannot be listed, trying again");
        }
        self.open(attempts.saturating_add(1));
        Ok(())
    }

    fn lose(&mut self, reason: &'static str) {
        debug!(
            { field::BUCKET } = self.bucket.name(),
            reason, "Bucket is listed anew"
        );
        // At once for the first time, with growing pauses where it is lost again and again.
        self.open(self.losses);
        self.losses = self.losses.saturating_add(1);
    }

    /// A write was delivered. It tells a change unless that was told already.
    fn take_record(&mut self, key: String, record: Record) -> Result<Option<Change>, WatchError> {
        let revision = record.revision;
        if self.may_have_skipped(&record) {
            debug!(
                { field::BUCKET } = self.bucket.name(),
                revision, "Bucket is listed anew, as writes before a purge may be missing"
            );
            // The consumer is well, so that this counts for no loss; the pause lets other purges pass.
            self.open(1);
            return Ok(None);
        }
        if let State::Listing { feed, seen, .. } = &mut self.state {
            seen.insert(key.clone());
            let is_same_stream = self.created.as_ref() == Some(&feed.created);
            let known = self.known.get(&key).copied();
            // A listing may come from a server that lags behind what was told already; what it lacks comes after.
            if known == Some(revision) || (is_same_stream && known > Some(revision)) {
                return Ok(None);
            }
        } else {
            self.told = revision;
        }
        if record.is_removal() {
            let was_known = self.known.remove(&key).is_some();
            return Ok(was_known.then_some(Change::Deleted { key, revision }));
        }
        if !self.known.contains_key(&key) && self.known.len() >= self.options.keys_max {
            return Err(WatchError::Entry(BucketError::TooManyKeys {
                bucket: self.bucket.name().to_owned(),
                keys_max: self.options.keys_max,
            }));
        }
        let entry = self.bucket.checked_entry(&key, record);
        self.known.insert(key, revision);
        Ok(entry.map_err(WatchError::Entry)?.map(Change::Put))
    }

    /// Whether the server may have left out writes to other keys before this one.
    ///
    /// When nats-server 2.9 purges a key it sets consumers that have not come so far yet on to the place of that write, and
    /// they never deliver what they had before it. In a listing nothing tells, afterwards the gap does.
    fn may_have_skipped(&self, record: &Record) -> bool {
        let first_gap = match &self.state {
            State::Listing { feed, .. } => feed.revision.saturating_add(1),
            State::Following { .. } => self.told.saturating_add(2),
            State::Opening { .. } | State::Checking { .. } | State::Ended => return false,
        };
        record.operation == Operation::Purge && record.revision >= first_gap
    }

    /// Where a listing is complete, goes on to the keys that were told before and are not in it.
    fn end_listing(&mut self) {
        let is_done = matches!(&self.state, State::Listing { feed, .. } if feed.is_listed());
        if !is_done {
            return;
        }
        let listing = std::mem::replace(&mut self.state, State::Ended);
        let State::Listing {
            feed,
            connects,
            seen,
        } = listing
        else {
            return;
        };
        let mut missing: Vec<String> = self
            .known
            .keys()
            .filter(|key| !seen.contains(*key))
            .cloned()
            .collect();
        if self.created.as_ref() != Some(&feed.created) {
            // Another stream of the same name: what is not in it is gone.
            warn!(
                { field::BUCKET } = self.bucket.name(),
                lost = missing.len(),
                "Bucket was made anew, as the server does not have what it held any more"
            );
            for key in missing.drain(..) {
                self.forget(key, feed.revision);
            }
        }
        self.check(feed, connects, missing);
    }

    /// A key that was not in the listing was looked up.
    fn take_lookup(&mut self, result: Result<Option<Record>, BucketError>) {
        let checking = std::mem::replace(&mut self.state, State::Ended);
        let State::Checking {
            feed,
            connects,
            mut missing,
            ..
        } = checking
        else {
            return;
        };
        let key = missing.pop();
        match result {
            Err(error) => {
                let problem = Problem::new(&error);
                debug!({ field::BUCKET } = self.bucket.name(), { field::ERROR } = %problem, "Key cannot be looked up");
                self.lose("a key could not be looked up");
                return;
            }
            // It is there after all, and comes from the feed, which lags behind.
            Ok(Some(record)) if !record.is_removal() => {}
            Ok(_) => {
                if let Some(key) = key {
                    self.forget(key, feed.revision);
                }
            }
        }
        self.check(feed, connects, missing);
    }

    /// Looks up the last of `missing`, or goes on to follow the bucket.
    fn check(&mut self, feed: Feed, connects: u64, missing: Vec<String>) {
        let Some(key) = missing.last().cloned() else {
            return self.follow(feed, connects);
        };
        let bucket = self.bucket.clone();
        self.state = State::Checking {
            feed,
            connects,
            missing,
            lookup: async move { bucket.read(&key).await }.boxed(),
        };
    }

    fn forget(&mut self, key: String, revision: u64) {
        if self.known.remove(&key).is_some() {
            self.ready.push_back(Change::Deleted { key, revision });
        }
    }

    fn follow(&mut self, feed: Feed, connects: u64) {
        let is_same_stream = self.created.as_ref() == Some(&feed.created);
        let listed = self.known.values().copied().max().unwrap_or_default();
        let revision = listed.max(feed.listed_revision());
        self.told = if is_same_stream {
            self.told.max(revision)
        } else {
            revision
        };
        self.created = Some(feed.created.clone());
        self.state = State::Following { feed, connects };
        if !self.has_listed {
            self.has_listed = true;
            self.ready.push_back(Change::Listed {
                revision: self.told,
            });
        }
    }

    /// Says how far the reader is: everything handed out has been acted upon.
    fn report_passed(&self) {
        if !self.ready.is_empty() || !matches!(self.state, State::Following { .. }) {
            return;
        }
        self.passed.send_if_modified(|passed| {
            let is_news = *passed != self.told;
            *passed = self.told;
            is_news
        });
    }

    fn closed(&self) -> WatchError {
        WatchError::Closed {
            bucket: self.bucket.name().to_owned(),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("bucket", &self.bucket.name())
            .field("keys", &self.known.len())
            .field("listings", &self.listings)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
