//! A receiver tells what became of a message.

use bytes::Bytes;
use serde::Deserialize;

use super::{Consumer, Effect, Notice, Pull};
use crate::jetstream::clock::{Nanos, Now};
use crate::jetstream::config::AckPolicy;
use crate::jetstream::names::ACK_PREFIX;
use crate::jetstream::stream::parse_duration;

/// An acknowledgement, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) kind: AckKind,
    pub(crate) stream_seq: u64,
    pub(crate) consumer_seq: u64,
    pub(crate) deliveries: u64,
    /// Where to confirm it, if the receiver asked for that.
    pub(crate) reply: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AckKind {
    Done,
    /// Done, and send more: what follows is the body of a pull request.
    Next(Bytes),
    /// Deliver it again, after a while if one is given.
    Nak(Option<Nanos>),
    /// Work goes on; wait as long again.
    Progress,
    /// Never deliver it again.
    Term(String),
    /// Something else: the server says that it has heard it, and does nothing.
    Unknown,
}

#[derive(Debug, Deserialize)]
struct NakOptions {
    #[serde(default)]
    delay: Nanos,
}

// ---------------------------------------------------------------------------------------------------------

impl Ack {
    /// Reads an acknowledgement from its subject and body. Returns it with the names of stream and consumer,
    /// or nothing if it is none.
    pub(crate) fn parse(
        subject: &[u8],
        body: &Bytes,
        reply: Option<Bytes>,
    ) -> Option<(String, String, Self)> {
        let subject = str::from_utf8(subject).ok()?;
        let mut tokens = subject.strip_prefix(ACK_PREFIX)?.split('.');
        let mut next = || tokens.next();
        let (stream, consumer) = (next()?.to_owned(), next()?.to_owned());
        let deliveries = next()?.parse().ok()?;
        let stream_seq = next()?.parse().ok()?;
        let consumer_seq = next()?.parse().ok()?;
        // Time and number of pending messages tell nothing here, but must be there.
        let (_, _) = (next()?, next()?);
        if next().is_some() {
            return None;
        }
        let ack = Self {
            kind: AckKind::parse(body),
            stream_seq,
            consumer_seq,
            deliveries,
            reply,
        };
        Some((stream, consumer, ack))
    }

    pub(super) fn apply(self, consumer: &mut Consumer, now: Now, effects: &mut Vec<Effect>) {
        let is_known = self.stream_seq > 0 && self.stream_seq <= consumer.delivered.stream;
        if !is_known || consumer.config.ack_policy == AckPolicy::None {
            return;
        }
        let was_full = consumer.is_full();
        match &self.kind {
            AckKind::Done => consumer.acknowledge(self.stream_seq, now, effects),
            AckKind::Next(body) => {
                consumer.acknowledge(self.stream_seq, now, effects);
                if let Some(reply) = self.reply.clone() {
                    let body = body.clone();
                    effects.push(Effect::Save);
                    Pull { reply, body }.apply(consumer, now, effects);
                }
                return;
            }
            AckKind::Nak(delay) => self.nak(consumer, now, *delay, effects),
            AckKind::Progress => {
                let wait = consumer.ack_wait(self.deliveries.saturating_sub(1));
                consumer.acks.postpone(self.stream_seq, now.tick.plus(wait));
            }
            AckKind::Term(reason) => self.term(consumer, now, reason, effects),
            AckKind::Unknown => {}
        }
        effects.push(Effect::Save);
        if let Some(to) = self.reply {
            effects.push(Effect::Confirm { to });
        }
        if was_full || consumer.acks.redelivery_len() > 0 {
            consumer.ready(effects);
        }
    }

    fn nak(
        &self,
        consumer: &mut Consumer,
        now: Now,
        delay: Option<Nanos>,
        effects: &mut Vec<Effect>,
    ) {
        if consumer.acks.get(self.stream_seq).is_none() {
            return;
        }
        effects.push(Effect::Notice(Notice::Naked {
            stream_seq: self.stream_seq,
            consumer_seq: self.consumer_seq,
            deliveries: self.deliveries,
        }));
        match delay {
            Some(delay) => consumer
                .acks
                .postpone(self.stream_seq, now.tick.plus(delay)),
            None => consumer.acks.queue(self.stream_seq),
        }
    }

    fn term(&self, consumer: &mut Consumer, now: Now, reason: &str, effects: &mut Vec<Effect>) {
        if consumer.acks.get(self.stream_seq).is_none() {
            return;
        }
        consumer.acknowledge(self.stream_seq, now, effects);
        effects.push(Effect::Notice(Notice::Terminated {
            stream_seq: self.stream_seq,
            consumer_seq: self.consumer_seq,
            deliveries: self.deliveries,
            reason: reason.to_owned(),
        }));
    }
}

impl AckKind {
    fn parse(body: &Bytes) -> Self {
        let after = |prefix: &[u8]| {
            body.strip_prefix(prefix)
                .map(|rest| body.slice_ref(rest.trim_ascii()))
        };
        if body.is_empty() || **body == *b"+ACK" || **body == *b"+OK" {
            return Self::Done;
        }
        if **body == *b"+WPI" {
            return Self::Progress;
        }
        if let Some(rest) = after(b"+NXT") {
            return Self::Next(rest);
        }
        if let Some(rest) = after(b"-NAK") {
            return Self::Nak(parse_delay(&rest));
        }
        match after(b"+TERM") {
            Some(reason) => Self::Term(String::from_utf8_lossy(&reason).into_owned()),
            None => Self::Unknown,
        }
    }
}

impl Consumer {
    pub(super) fn is_full(&self) -> bool {
        self.config.max_ack_pending > 0
            && self.acks.len() as u64 >= self.config.max_ack_pending.unsigned_abs()
    }

    fn acknowledge(&mut self, stream_seq: u64, now: Now, effects: &mut Vec<Effect>) {
        match self.config.ack_policy {
            AckPolicy::None => return,
            AckPolicy::Explicit => {
                // One that comes after the last delivery was given up counts as well.
                let was_given_up = self.given_up.remove(&stream_seq);
                if self.acks.remove(stream_seq).is_some() || was_given_up {
                    effects.push(Effect::Settled { seq: stream_seq });
                }
            }
            AckPolicy::All => {
                let covered: Vec<u64> = self
                    .acks
                    .each()
                    .map(|(seq, _)| seq)
                    .take_while(|seq| *seq <= stream_seq)
                    .collect();
                for seq in covered {
                    self.acks.remove(seq);
                    effects.push(Effect::Settled { seq });
                }
            }
        }
        self.last_acked = Some(now.wall);
        self.move_floor();
    }

    /// The floor is what lies before the first message that is still awaited.
    pub(super) fn move_floor(&mut self) {
        match self.acks.each().next() {
            Some((stream_seq, pending)) => {
                self.floor.stream = self.floor.stream.max(stream_seq - 1);
                self.floor.consumer = self.floor.consumer.max(pending.consumer_seq - 1);
            }
            None => self.floor = self.delivered,
        }
    }
}

fn parse_delay(text: &[u8]) -> Option<Nanos> {
    if text.starts_with(b"{") {
        let options: NakOptions = serde_json::from_slice(text).ok()?;
        return Some(options.delay);
    }
    parse_duration(str::from_utf8(text).ok()?)
}
