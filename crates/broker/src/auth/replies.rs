//! The requests that a client received and may answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Responses;

/// Requests that are remembered for one client; the oldest are forgotten.
const REQUESTS_MAX: usize = 16 * 1024;

/// The requests that one client received and may answer.
#[derive(Debug)]
pub(crate) struct Replies {
    responses: Responses,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    requests: HashMap<Box<[u8]>, Request>,
    /// Subjects in the order they came, those that are gone included.
    order: VecDeque<(Box<[u8]>, Instant)>,
}

#[derive(Debug)]
struct Request {
    since: Instant,
    answers: u64,
}

// ---------------------------------------------------------------------------------------------------------

impl Replies {
    pub(crate) fn new(responses: Responses) -> Self {
        Self {
            responses,
            held: Mutex::default(),
        }
    }

    /// A request arrived that wants its answer under `subject`.
    pub(crate) fn note(&self, subject: &[u8], now: Instant) {
        let mut held = self.lock();
        let request = Request {
            since: now,
            answers: 0,
        };
        held.requests.insert(subject.into(), request);
        held.order.push_back((subject.into(), now));
        self.forget(&mut held, now);
    }

    /// Whether an answer may be sent under `subject`, and counts it.
    pub(crate) fn may_answer(&self, subject: &[u8], now: Instant) -> bool {
        let mut held = self.lock();
        let Some(request) = held.requests.get_mut(subject) else {
            return false;
        };
        request.answers += 1;
        let (answers, since) = (request.answers, request.since);
        let max = self.responses.messages_max;
        let is_late = self.is_late(since, now);
        if is_late || max.is_some_and(|max| answers >= max) {
            held.requests.remove(subject);
        }
        !is_late && max.is_none_or(|max| answers <= max)
    }

    /// Drops what is too old, too much, or answered.
    fn forget(&self, held: &mut Held, now: Instant) {
        while let Some((subject, since)) = held.order.front() {
            // A later request may have used the subject again.
            let is_held = held
                .requests
                .get(subject)
                .is_some_and(|request| request.since == *since);
            let is_too_much = held.requests.len() > REQUESTS_MAX;
            if is_held && !is_too_much && !self.is_late(*since, now) {
                break;
            }
            if is_held {
                held.requests.remove(subject);
            }
            held.order.pop_front();
        }
        if held.order.len() > 2 * REQUESTS_MAX {
            let requests = &held.requests;
            held.order.retain(|(subject, since)| {
                requests
                    .get(subject)
                    .is_some_and(|request| request.since == *since)
            });
        }
    }

    fn is_late(&self, since: Instant, now: Instant) -> bool {
        self.responses
            .ttl
            .is_some_and(|ttl| now.saturating_duration_since(since) > ttl)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // At worst a request is in one of the two and not in the other, which both sides expect.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn replies(messages_max: Option<u64>) -> Replies {
        Replies::new(Responses {
            messages_max,
            ttl: Some(Duration::from_secs(1)),
        })
    }

    #[test]
    fn a_request_may_be_answered_so_often_and_so_long() {
        let now = Instant::now();
        let replies = replies(Some(2));
        assert!(!replies.may_answer(b"r", now));
        replies.note(b"r", now);
        replies.note(b"late", now);
        assert!(replies.may_answer(b"r", now) && replies.may_answer(b"r", now));
        assert!(!replies.may_answer(b"r", now));
        assert!(!replies.may_answer(b"late", now + Duration::from_secs(2)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = Instant::now();
        let replies = replies(None);
        for number in 0..3 * REQUESTS_MAX {
            replies.note(number.to_string().as_bytes(), now);
            replies.note(b"again", now);
        }
        let held = replies.lock();
        assert!(held.requests.len() <= REQUESTS_MAX && held.order.len() <= 2 * REQUESTS_MAX + 2);
        drop(held);
        assert!(replies.may_answer(b"again", now) && !replies.may_answer(b"0", now));
    }
}
