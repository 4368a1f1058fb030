//! Receivers that ask for messages.

use bytes::Bytes;
use serde::Deserialize;

use super::{Consumer, Effect};
use crate::jetstream::clock::{Nanos, Now, Tick, render_duration};
use crate::jetstream::config::{parse, parse_object};
use crate::jetstream::names::{LAST_CONSUMER, LAST_STREAM, PENDING_BYTES, PENDING_MESSAGES};
use crate::wire::headers;

const FIELDS: [&str; 5] = ["batch", "expires", "max_bytes", "no_wait", "idle_heartbeat"];

/// Requests that may wait at one consumer, whatever it allows.
const WAITING_MAX: u64 = 16 * 1024;

/// A request for messages.
#[derive(Debug)]
pub(crate) struct Pull {
    /// Where to send them.
    pub(crate) reply: Bytes,
    /// JSON, a number, or nothing, which asks for one message.
    pub(crate) body: Bytes,
}

/// The wishes of a pull request. Zero means not set.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wishes {
    batch: i64,
    expires: Nanos,
    max_bytes: i64,
    no_wait: bool,
    idle_heartbeat: Nanos,
}

/// A request that waits for messages.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) reply: Bytes,
    /// Messages still wanted.
    left: i64,
    /// Bytes still wanted; 0 for no limit.
    bytes_left: i64,
    delivered: u64,
    expires: Option<Tick>,
    heartbeat: Nanos,
    heartbeat_due: Option<Tick>,
    no_wait: bool,
}

// ---------------------------------------------------------------------------------------------------------

impl Pull {
    pub(super) fn apply(self, consumer: &mut Consumer, now: Now, effects: &mut Vec<Effect>) {
        let refuse = |code: u16, text: &str| Effect::Status {
            to: self.reply.clone(),
            reply: None,
            block: headers::status(code, text),
        };
        if consumer.config.is_push() {
            effects.push(refuse(409, "Consumer is push based"));
            return;
        }
        let wishes = match Wishes::parse(&self.body) {
            Ok(wishes) => wishes,
            Err(why) => {
                effects.push(refuse(400, &format!("Bad Request - {why}")));
                return;
            }
        };
        consumer.idle_since = Some(now.tick);
        if let Err((code, text)) = consumer.admit(now, &wishes, effects) {
            effects.push(refuse(code, &text));
            return;
        }
        let request = Request {
            reply: self.reply,
            left: wishes.batch.max(1),
            bytes_left: wishes.max_bytes.max(0),
            delivered: 0,
            expires: (wishes.expires != 0).then(|| now.tick.plus(wishes.expires)),
            heartbeat: wishes.idle_heartbeat,
            heartbeat_due: (wishes.idle_heartbeat > 0)
                .then(|| now.tick.plus(wishes.idle_heartbeat)),
            no_wait: wishes.no_wait,
        };
        if request.is_expired(now) {
            effects.push(request.status(408, "Request Timeout"));
            return;
        }
        effects.push(Effect::Watch {
            subject: request.reply.clone(),
        });
        consumer.waiting.push_back(request);
        consumer.ready(effects);
    }
}

impl Wishes {
    fn parse(body: &[u8]) -> Result<Self, String> {
        let body = body.trim_ascii();
        if !body.starts_with(b"{") {
            let number = str::from_utf8(body).ok().and_then(|text| text.parse().ok());
            return Ok(Self {
                batch: number.unwrap_or(1),
                ..Self::default()
            });
        }
        let mut unknown = None;
        let wishes: Result<Self, _> = parse_object(body).and_then(|object| {
            parse(object, &FIELDS, |option| {
                unknown = Some(option.to_owned());
                crate::jetstream::ApiError::BAD_REQUEST
            })
        });
        match (wishes, unknown) {
            (_, Some(option)) => Err(format!("option \"{option}\" is not supported")),
            (Err(error), None) => Err(error.description.into_owned()),
            (Ok(wishes), None)
                if wishes.idle_heartbeat.saturating_mul(2) > wishes.expires
                    && wishes.idle_heartbeat > 0 =>
            {
                Err("heartbeat value too large".to_owned())
            }
            (Ok(wishes), None) => Ok(wishes),
        }
    }
}

impl Consumer {
    /// Checks whether a request may wait.
    fn admit(
        &mut self,
        now: Now,
        wishes: &Wishes,
        effects: &mut Vec<Effect>,
    ) -> Result<(), (u16, String)> {
        let config = &self.config;
        if config.max_batch > 0 && wishes.batch > config.max_batch {
            return Err((
                409,
                format!("Exceeded MaxRequestBatch of {}", config.max_batch),
            ));
        }
        if config.max_expires > 0 && wishes.expires > config.max_expires {
            let max = render_duration(config.max_expires);
            return Err((409, format!("Exceeded MaxRequestExpires of {max}")));
        }
        if config.max_bytes > 0 && wishes.max_bytes > config.max_bytes {
            return Err((
                409,
                format!("Exceeded MaxRequestMaxBytes of {}", config.max_bytes),
            ));
        }
        self.expire_requests(now, effects);
        if wishes.no_wait {
            let available = self.num_pending + self.acks.redelivery_len() as u64;
            if available == 0 && wishes.expires == 0 {
                return Err((404, "No Messages".to_owned()));
            }
            let wanted = self
                .waiting
                .iter()
                .fold(0_i64, |sum, request| sum.saturating_add(request.left));
            if available > 0 && available < wanted.unsigned_abs() {
                return Err((408, "Requests Pending".to_owned()));
            }
        }
        let waiting_max = self.config.max_waiting.unsigned_abs().min(WAITING_MAX);
        if self.waiting.len() as u64 >= waiting_max {
            return Err((409, "Exceeded MaxWaiting".to_owned()));
        }
        Ok(())
    }

    /// Picks the request that a message of `len` bytes goes to. Requests take turns.
    pub(super) fn next_request(
        &mut self,
        now: Now,
        len: usize,
        effects: &mut Vec<Effect>,
    ) -> Option<Bytes> {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        loop {
            let request = self.waiting.front_mut()?;
            if request.is_expired(now) {
                self.end_front(now, 408, "Request Timeout", effects);
                continue;
            }
            if request.bytes_left > 0 {
                if len > request.bytes_left {
                    self.end_front(now, 409, "Message Size Exceeds MaxBytes", effects);
                    continue;
                }
                request.bytes_left -= len;
                if request.bytes_left == 0 {
                    request.left = 1;
                }
            }
            request.left -= 1;
            request.delivered += 1;
            if request.heartbeat > 0 {
                request.heartbeat_due = Some(now.tick.plus(request.heartbeat));
            }
            return Some(request.reply.clone());
        }
    }

    /// After a delivery to the front request: it goes to the back, or away if it has all it wanted.
    pub(super) fn finish_request(&mut self, now: Now, to: &Bytes, effects: &mut Vec<Effect>) {
        if self.config.is_push() || self.request_reply() != Some(to) {
            return;
        }
        let Some(request) = self.waiting.pop_front() else {
            return;
        };
        if request.left > 0 {
            self.waiting.push_back(request);
            return;
        }
        self.idle_since = Some(now.tick);
        if request.bytes_left > 0 {
            effects.push(request.status(409, "Batch Completed"));
        }
        effects.push(Effect::Unwatch {
            subject: request.reply,
        });
    }

    /// Ends requests whose time is up, and sends the heartbeats that are due.
    pub(super) fn expire_requests(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.end_requests(
            now,
            |request| request.is_expired(now),
            Some((408, "Request Timeout")),
            effects,
        );
        let (consumer_seq, stream_seq) = (self.delivered.consumer, self.last_seen());
        for request in &mut self.waiting {
            if request.heartbeat_due.is_some_and(|due| due <= now.tick) {
                request.heartbeat_due = Some(now.tick.plus(request.heartbeat));
                effects.push(Effect::Status {
                    to: request.reply.clone(),
                    reply: None,
                    block: headers::Builder::with_status(100, "Idle Heartbeat")
                        .line(LAST_CONSUMER, consumer_seq.to_string())
                        .line(LAST_STREAM, stream_seq.to_string())
                        .finish(),
                });
            }
        }
    }

    /// Ends requests that take only what is there, once they have had some of it.
    pub(super) fn end_one_shots(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.end_requests(
            now,
            |request| request.no_wait && request.delivered > 0,
            Some((408, "Request Timeout")),
            effects,
        );
    }

    /// Drops requests that nobody listens for any more.
    pub(super) fn drop_requests(&mut self, now: Now, reply: &[u8], effects: &mut Vec<Effect>) {
        self.end_requests(now, |request| request.reply == reply, None, effects);
    }

    /// Tells everyone who waits that the consumer is gone.
    pub(crate) fn farewell(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let block = headers::status(409, "Consumer Deleted");
        for request in self.waiting.drain(..) {
            effects.push(Effect::Status {
                to: request.reply.clone(),
                reply: None,
                block: block.clone(),
            });
            effects.push(Effect::Unwatch {
                subject: request.reply,
            });
        }
        if self.config.is_push() {
            effects.push(Effect::Unwatch {
                subject: self.deliver_subject(),
            });
        }
        effects
    }

    /// When a request expires or wants a heartbeat.
    pub(super) fn request_deadline(&self) -> Option<Tick> {
        self.waiting
            .iter()
            .flat_map(|request| [request.expires, request.heartbeat_due])
            .flatten()
            .min()
    }

    /// Ends some requests. Whoever waited used the consumer until now.
    fn end_requests(
        &mut self,
        now: Now,
        is_over: impl Fn(&Request) -> bool,
        status: Option<(u16, &str)>,
        effects: &mut Vec<Effect>,
    ) {
        if !self.waiting.iter().any(&is_over) {
            return;
        }
        self.idle_since = Some(now.tick);
        self.waiting.retain(|request| {
            if !is_over(request) {
                return true;
            }
            if let Some((code, text)) = status {
                effects.push(request.status(code, text));
            }
            effects.push(Effect::Unwatch {
                subject: request.reply.clone(),
            });
            false
        });
    }

    fn end_front(&mut self, now: Now, code: u16, text: &str, effects: &mut Vec<Effect>) {
        if let Some(request) = self.waiting.pop_front() {
            self.idle_since = Some(now.tick);
            effects.push(request.status(code, text));
            effects.push(Effect::Unwatch {
                subject: request.reply,
            });
        }
    }
}

impl Request {
    fn is_expired(&self, now: Now) -> bool {
        self.expires.is_some_and(|expires| expires <= now.tick)
    }

    /// The end of this request, with what it did not get.
    fn status(&self, code: u16, text: &str) -> Effect {
        Effect::Status {
            to: self.reply.clone(),
            reply: None,
            block: headers::Builder::with_status(code, text)
                .line(PENDING_MESSAGES, self.left.to_string())
                .line(PENDING_BYTES, self.bytes_left.to_string())
                .finish(),
        }
    }
}
