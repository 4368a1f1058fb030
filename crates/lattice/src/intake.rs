//! Serving requests: one bounded, ordered stream of what hosts and managers are asked (architecture D13).
//!
//! NATS orders nothing between subscriptions. An intake reads all subscriptions of its side and numbers the requests;
//! from there on their order stands. Requests that wait at the same time are taken in the order of
//! [`ControlSubjects::subscriptions`](weft_protocol::subject::ControlSubjects::subscriptions): what others refer to first.
//!
//! A request that finds no place is answered with a problem, and counted, not dropped.

mod merge;
mod problem;

pub use problem::IntakeProblem;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, warn};
use weft_model::id::HostId;
use weft_model::problem::Problem;
use weft_protocol::application::ErrorReply;
use weft_protocol::control::{Ack, Lease, ParseLeaseError};
use weft_protocol::json;
use weft_protocol::subject::{
    ApplicationOperation, Auctions, Operation, SubjectError, Subscription,
};
use weft_protocol::wire;
use weft_runtime::{TaskGuard, TaskKind, field};

use self::merge::Merge;
use crate::lattice::Lattice;
use crate::message::{Headers, Message};
use crate::request::RequestError;

/// How long the server may take to tell that it sends no more, once the serving is to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The requests to one host or manager, in the order in which they are to be acted upon. Dropping it ends the serving.
#[derive(Debug)]
pub struct Requests<O> {
    receiver: mpsc::Receiver<Request<O>>,
    counts: Arc<Counters>,
    /// Ends the serving when it is dropped; `None` once it ends.
    stop: Option<oneshot::Sender<()>>,
    _guard: TaskGuard,
}

/// A request to be answered.
pub struct Request<O> {
    /// Its number: one more than that of the request before it in this intake, from one.
    pub sequence: u64,
    /// What is asked.
    pub operation: O,
    /// The body; at most [`json::PAYLOAD_BYTES_MAX`] bytes.
    pub payload: Bytes,
    /// The headers.
    pub headers: Headers,
    reply: Option<String>,
    /// Headers of every answer.
    reply_headers: Arc<Headers>,
    /// Writes a refusal in the form of this side.
    refuse: fn(&Problem) -> Vec<u8>,
    lattice: Lattice,
}

/// How many requests an intake has met since it began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that were taken in.
    pub accepted: u64,
    /// Requests that found no place.
    pub overloaded: u64,
    /// Requests whose subject or size is not served.
    pub refused: u64,
    /// Refusals that could not be sent.
    pub unanswered: u64,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    overloaded: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
}

/// What tells the intakes of hosts and managers apart.
struct Side<O> {
    /// The name of the task.
    task: &'static str,
    /// Reads a subject.
    parse: fn(&Lattice, &str) -> Result<O, SubjectError>,
    /// Writes a refusal.
    refuse: fn(&Problem) -> Vec<u8>,
    /// Headers of every answer.
    reply_headers: Arc<Headers>,
}

/// Serves the control interface as `host`; up to `capacity` requests may wait to be acted upon, at least one.
///
/// The subscriptions stand at the server when this returns.
///
/// # Errors
///
/// [`RequestError`] when NATS is unreachable.
pub async fn serve_control(
    lattice: &Lattice,
    host: &HostId,
    auctions: Auctions,
    capacity: usize,
) -> Result<Requests<Operation>, RequestError> {
    let side = Side {
        task: "lattice.intake.control",
        parse: |lattice, subject| lattice.control_subjects().parse(subject),
        refuse: |problem| json::encode(&Ack::refused(problem)),
        reply_headers: Arc::default(),
    };
    let subscriptions = lattice.control_subjects().subscriptions(host, auctions);
    serve(lattice, subscriptions, side, capacity).await
}

/// Serves the application API as one of all managers; up to `capacity` requests may wait to be acted upon, at least one.
/// Every answer, also to requests that are not taken in, has `reply_headers`.
///
/// The subscriptions stand at the server when this returns.
///
/// # Errors
///
/// [`RequestError`] when NATS is unreachable.
pub async fn serve_applications(
    lattice: &Lattice,
    capacity: usize,
    reply_headers: Headers,
) -> Result<Requests<ApplicationOperation>, RequestError> {
    let side = Side {
        task: "lattice.intake.application",
        parse: |lattice, subject| lattice.application_subjects().parse(subject),
        refuse: |problem| json::encode(&ErrorReply::of(problem)),
        reply_headers: Arc::new(reply_headers),
    };
    let subscriptions = vec![lattice.application_subjects().subscription()];
    serve(lattice, subscriptions, side, capacity).await
}

async fn serve<O: Send + 'static>(
    lattice: &Lattice,
    subscriptions: Vec<Subscription>,
    side: Side<O>,
    capacity: usize,
) -> Result<Requests<O>, RequestError> {
    let mut subscribers = Vec::with_capacity(subscriptions.len());
    for Subscription { subject, queue } in subscriptions {
        subscribers.push(lattice.subscribe_client(&subject, queue.as_deref()).await?);
    }
    lattice.flush().await?;
    let capacity = capacity.max(1);
    let (sender, receiver) = mpsc::channel(capacity);
    let counts = Arc::new(Counters::default());
    let task = side.task;
    let pump = Pump {
        lattice: lattice.clone(),
        side,
        sender,
        capacity,
        counts: Arc::clone(&counts),
        sequence: 0,
    };
    let (stop, stopped) = oneshot::channel();
    let run = pump.run(Merge::new(subscribers), stopped);
    let guard = lattice
        .tasks()
        .spawn(TaskKind::Helper, task, run)
        .into_guard();
    Ok(Requests {
        receiver,
        counts,
        stop: Some(stop),
        _guard: guard,
    })
}

/// Reads the subscriptions of an intake.
struct Pump<O> {
    lattice: Lattice,
    side: Side<O>,
    sender: mpsc::Sender<Request<O>>,
    capacity: usize,
    counts: Arc<Counters>,
    sequence: u64,
}

/// A message that is not taken in.
struct Refusal {
    subject: String,
    reply: Option<String>,
    reason: IntakeProblem,
}

// ===== impl Pump =====

impl<O: Send + 'static> Pump<O> {
    /// Reads until `stop` is sent or dropped, and then what the server had sent by the time at which it knew.
    async fn run(
        mut self,
        mut messages: Merge<async_nats::Subscriber>,
        mut stop: oneshot::Receiver<()>,
    ) {
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.meet(message.into()).await,
                    None => return,
                },
                _ = &mut stop => break,
            }
            if self.sender.is_closed() {
                return;
            }
        }
        for subscriber in messages.streams_mut() {
            // It fails when the connection is closed, and then the stream ends as well.
            let _ = subscriber.drain().await;
        }
        let rest = async {
            while let Some(message) = messages.next().await {
                self.meet(message.into()).await;
            }
        };
        // While NATS is unreachable nothing comes, and nothing ends.
        let _ = timeout(DRAIN_TIMEOUT, rest).await;
    }

    async fn meet(&mut self, message: Message) {
        if let Some(refusal) = self.take(message) {
            self.refuse(refusal).await;
        }
    }

    /// Takes a message in, or says why not.
    fn take(&mut self, message: Message) -> Option<Refusal> {
        let refuse = |subject, reply, reason| {
            Some(Refusal {
                subject,
                reply,
                reason,
            })
        };
        let operation = match (self.side.parse)(&self.lattice, &message.subject) {
            Ok(operation) => operation,
            Err(error) => {
                let reason = IntakeProblem::Subject(error);
                return refuse(message.subject, message.reply, reason);
            }
        };
        let bytes = message.payload.len();
        if bytes > json::PAYLOAD_BYTES_MAX {
            let reason = IntakeProblem::TooLarge { bytes };
            return refuse(message.subject, message.reply, reason);
        }
        let request = Request {
            sequence: self.sequence + 1,
            operation,
            payload: message.payload,
            headers: message.headers,
            reply: message.reply,
            reply_headers: Arc::clone(&self.side.reply_headers),
            refuse: self.side.refuse,
            lattice: self.lattice.clone(),
        };
        match self.sender.try_send(request) {
            Ok(()) => {
                self.sequence += 1;
                self.counts.accepted.fetch_add(1, Ordering::Relaxed);
                None
            }
            // The serving has ended; whoever asked is told by silence, as after it.
            Err(TrySendError::Closed(_)) => None,
            Err(TrySendError::Full(request)) => {
                let waiting = self.capacity;
                let reason = IntakeProblem::Overloaded { waiting };
                refuse(message.subject, request.reply, reason)
            }
        }
    }

    async fn refuse(&self, refusal: Refusal) {
        let problem = Problem::new(&refusal.reason);
        match refusal.reason {
            IntakeProblem::Overloaded { .. } => {
                let overloaded = self.counts.overloaded.fetch_add(1, Ordering::Relaxed) + 1;
                // A flood of requests does not become a flood of records.
                if overloaded.is_power_of_two() {
                    warn!({ field::SUBJECT } = refusal.subject, { field::ERROR_CODE } = %problem.code, overloaded, "Requests refused, too many wait");
                }
            }
            IntakeProblem::Subject(_) | IntakeProblem::TooLarge { .. } => {
                debug!({ field::SUBJECT } = refusal.subject, { field::ERROR_CODE } = %problem.code, "Request refused");
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        let Some(reply) = refusal.reply else {
            return;
        };
        let (headers, body) = (&self.side.reply_headers, (self.side.refuse)(&problem));
        let sent = self.lattice.send(&reply, None, headers, body.into());
        if sent.await.is_err() {
            self.counts.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// ===== impl Requests =====

impl<O> Requests<O> {
    /// The next request; `None` after [`Self::stop`] and once the connection is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Request<O>> {
        self.receiver.recv().await
    }

    /// Takes no more requests in. Those that wait, and those that the server had sent already, can still be read; then
    /// [`Self::next`] gives `None`.
    pub fn stop(&mut self) {
        self.stop = None;
    }

    /// How many requests wait to be read.
    pub fn waiting(&self) -> usize {
        self.receiver.len()
    }

    /// How many requests were met so far.
    pub fn counts(&self) -> Counts {
        Counts {
            accepted: self.counts.accepted.load(Ordering::Relaxed),
            overloaded: self.counts.overloaded.load(Ordering::Relaxed),
            refused: self.counts.refused.load(Ordering::Relaxed),
            unanswered: self.counts.unanswered.load(Ordering::Relaxed),
        }
    }
}

// ===== impl Request =====

impl<O> Request<O> {
    /// Whether an answer is wanted.
    pub fn wants_reply(&self) -> bool {
        self.reply.is_some()
    }

    /// Answers with `body`, if an answer is wanted.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the answer cannot be sent. Where it is larger than the server takes, that is answered.
    pub async fn reply(&self, body: Vec<u8>) -> Result<(), RequestError> {
        let sent = self.send(body).await;
        if let Err(error @ RequestError::TooLarge { .. }) = &sent {
            self.refuse(&Problem::new(error)).await?;
        }
        sent
    }

    /// Answers with `problem`, in the form of refusals of the interface that was asked, if an answer is wanted.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the answer cannot be sent.
    pub async fn refuse(&self, problem: &Problem) -> Result<(), RequestError> {
        self.send((self.refuse)(problem)).await
    }

    /// The lease under which a manager asks; `None` when another client does.
    ///
    /// # Errors
    ///
    /// [`ParseLeaseError`] when the header is there but malformed.
    pub fn lease(&self) -> Result<Option<Lease>, ParseLeaseError> {
        self.headers
            .get(wire::header::LEASE)
            .map(|text| Lease::from_str(text))
            .transpose()
    }

    async fn send(&self, body: Vec<u8>) -> Result<(), RequestError> {
        match &self.reply {
            Some(reply) => {
                self.lattice
                    .send(reply, None, &self.reply_headers, body.into())
                    .await
            }
            None => Ok(()),
        }
    }
}

impl<O: fmt::Debug> fmt::Debug for Request<O> {
    /// Prints the size of the body alone: bodies hold configs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("sequence", &self.sequence)
            .field("operation", &self.operation)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
