//! Puts the messages of calls together: no IO, no clock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use async_nats::{Message, Subject};
use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::{Captured, ObserveOptions, ObservedCall, Outcome};
use crate::header::{self, AcceptHeader, CallHeader, Context};
use crate::request::{Received, Request};
use crate::subject::Prefix;

/// What an answer may take longer than its caller allows, until it is not waited for any more.
const GRACE: Duration = Duration::from_secs(2);

/// The calls that run.
#[derive(Debug)]
pub(super) struct Tracker {
    callees: Vec<Prefix>,
    options: ObserveOptions,
    calls: BTreeMap<u64, Call>,
    next_id: u64,
    /// Roots of both ends.
    roots: HashMap<String, (u64, End)>,
    ended: VecDeque<ObservedCall>,
}

/// Whose root it is.
#[derive(Clone, Copy, Debug)]
enum End {
    Caller,
    Callee,
}

#[derive(Debug)]
struct Call {
    callee: Prefix,
    function: String,
    context: Context,
    header: Option<CallHeader>,
    caller_root: Subject,
    callee_root: Option<Subject>,
    is_accepted_by_weft: bool,
    params: Capture,
    results: Capture,
    stream_bytes: u64,
    began: Instant,
    expires: Instant,
}

/// Bytes up to a bound.
#[derive(Debug, Default)]
struct Capture {
    bytes: BytesMut,
    total: u64,
}

// ===== impl Tracker =====

impl Tracker {
    pub(super) fn new(callees: Vec<Prefix>, options: ObserveOptions) -> Self {
        Self {
            callees,
            options,
            calls: BTreeMap::new(),
            next_id: 0,
            roots: HashMap::new(),
            ended: VecDeque::new(),
        }
    }

    /// A call that has come to its end.
    pub(super) fn pop(&mut self) -> Option<ObservedCall> {
        self.ended.pop_front()
    }

    /// When the next call is given up, at the earliest.
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.calls.values().map(|call| call.expires).min()
    }

    /// Gives up what was not answered by `now`.
    pub(super) fn expire(&mut self, now: Instant) {
        let late = self.calls.iter().filter(|(_, call)| call.expires <= now);
        let late: Vec<u64> = late.map(|(id, _)| *id).collect();
        for id in late {
            self.end(id, now, Outcome::Unanswered);
        }
    }

    pub(super) fn receive(&mut self, now: Instant, message: Message) {
        if let Some((id, end, tail)) = self.find(&message.subject) {
            return self.receive_part(now, id, end, &tail, message);
        }
        let request = self.callees.iter().find_map(|callee| {
            let (function, form) = callee.parse_function(&message.subject)?;
            Some((callee.clone(), function.to_owned(), form))
        });
        if let Some((callee, function, form)) = request {
            if let Some(Received::Call(request)) = Received::read(form, message) {
                self.begin(now, callee, function, request);
            }
            return;
        }
        let is_cancellation = |callee: &Prefix| *callee.cancellations() == *message.subject;
        if self.callees.iter().any(is_cancellation)
            && let Ok(root) = str::from_utf8(&message.payload)
            && let Some((id, End::Caller)) = self.roots.get(root).copied()
        {
            self.end(id, now, Outcome::Cancelled);
        }
    }

    /// The call that a message to an inbox is of, and what follows the root in its subject.
    fn find(&self, subject: &Subject) -> Option<(u64, End, String)> {
        let mut root = subject.as_str();
        loop {
            if let Some((id, end)) = self.roots.get(root) {
                return Some((*id, *end, subject[root.len()..].to_owned()));
            }
            root = root.rsplit_once('.')?.0;
        }
    }

    fn begin(&mut self, now: Instant, callee: Prefix, function: String, request: Request) {
        let Request {
            root: caller_root,
            call: header,
            origin,
            params: first,
        } = request;
        if self.calls.len() >= self.options.calls_max
            && let Some(oldest) = self.calls.keys().next().copied()
        {
            self.end(oldest, now, Outcome::Displaced);
        }
        let patience = header
            .and_then(|header| header.remaining)
            .map_or(self.options.answer_timeout, |left| {
                left.saturating_add(GRACE).min(self.options.answer_timeout)
            });
        let mut params = Capture::default();
        params.push(&first, self.options.captured_bytes_max);
        let id = self.next_id;
        self.next_id += 1;
        self.roots
            .insert(caller_root.to_string(), (id, End::Caller));
        let call = Call {
            callee,
            function,
            context: origin.context(header.map_or(0, |header| header.depth)),
            header,
            caller_root,
            callee_root: None,
            is_accepted_by_weft: false,
            params,
            results: Capture::default(),
            stream_bytes: 0,
            began: now,
            expires: now + patience,
        };
        self.calls.insert(id, call);
    }

    fn receive_part(&mut self, now: Instant, id: u64, end: End, tail: &str, message: Message) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let max = self.options.captured_bytes_max;
        if let Some(failure) = header::parse_failure(message.headers.as_ref(), &message.payload) {
            // That of a stream is not that of the call.
            if tail.is_empty() || tail == ".results" {
                self.end(id, now, Outcome::Failed(failure));
            }
            return;
        }
        match (end, tail) {
            (End::Caller, "") => self.receive_answer(now, id, message),
            (End::Callee, ".params") => call.params.push(&message.payload, max),
            (End::Caller, ".results") if message.payload.is_empty() => {
                let outcome = call.outcome();
                self.end(id, now, outcome);
            }
            (End::Caller, ".results") => call.results.push(&message.payload, max),
            (_, tail) if tail.starts_with(".params.") || tail.starts_with(".results.") => {
                call.stream_bytes += message.payload.len() as u64;
            }
            _ => {}
        }
    }

    /// The first message to the caller: an accept, or all there is.
    fn receive_answer(&mut self, now: Instant, id: u64, message: Message) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let accept = AcceptHeader::parse(message.headers.as_ref());
        let is_weft = call.header.is_some();
        call.results
            .push(&message.payload, self.options.captured_bytes_max);
        let Some(callee_root) = message.reply else {
            let outcome = if is_weft {
                Outcome::Answered
            } else {
                Outcome::NoResults
            };
            return self.end(id, now, outcome);
        };
        call.is_accepted_by_weft = accept.is_some();
        if accept.is_some_and(|accept| accept.is_complete) {
            return self.end(id, now, Outcome::Answered);
        }
        if call.callee_root.is_none() {
            call.callee_root = Some(callee_root.clone());
            self.roots
                .insert(callee_root.to_string(), (id, End::Callee));
        }
    }

    fn end(&mut self, id: u64, now: Instant, outcome: Outcome) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        self.roots.remove(call.caller_root.as_str());
        if let Some(root) = &call.callee_root {
            self.roots.remove(root.as_str());
        }
        self.ended.push_back(ObservedCall {
            callee: call.callee,
            function: call.function,
            context: call.context,
            is_weft: call.header.is_some()
                && (call.is_accepted_by_weft || call.callee_root.is_none()),
            params: call.params.into(),
            results: call.results.into(),
            stream_bytes: call.stream_bytes,
            outcome,
            elapsed: now.saturating_duration_since(call.began),
        });
    }
}

// ===== impl Call =====

impl Call {
    /// What the end of the results means: without any, a function may have none, or have failed. Ends of Weft say which.
    fn outcome(&self) -> Outcome {
        if self.results.total == 0 && !self.is_accepted_by_weft {
            Outcome::NoResults
        } else {
            Outcome::Answered
        }
    }
}

// ===== impl Capture =====

impl Capture {
    fn push(&mut self, bytes: &Bytes, max: usize) {
        self.total += bytes.len() as u64;
        let room = max.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

impl From<Capture> for Captured {
    fn from(capture: Capture) -> Self {
        Self {
            bytes: capture.bytes.freeze(),
            total: capture.total,
        }
    }
}
