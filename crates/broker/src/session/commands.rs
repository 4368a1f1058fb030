//! What each operation of a client does.

use std::sync::Arc;

use bytes::Bytes;

use super::{Session, user_info};
use crate::client::{CloseReason, Profile};
use crate::router::{Origin, Subscription, Target};
use crate::subject;
use crate::wire::connect::{ConnectError, SelfDescription};
use crate::wire::message::{Message, Payload};
use crate::wire::parser::{Frame, ParseError, Publish, Span};

impl Session {
    /// Acts on one operation; its spans are relative to `bytes`.
    pub(super) fn act(&mut self, frame: &Frame, bytes: &[u8]) -> Result<(), CloseReason> {
        match frame {
            Frame::Publish(publish) => {
                let payload = Payload::Borrowed(&bytes[publish.payload.clone()]);
                self.publish(publish, bytes, payload)
            }
            Frame::Subscribe {
                subject,
                queue,
                sid,
            } => {
                let queue = queue.as_ref().map(|queue| &bytes[queue.clone()]);
                self.subscribe(&bytes[subject.clone()], queue, &bytes[sid.clone()]);
                Ok(())
            }
            Frame::Unsubscribe { sid, max } => {
                self.unsubscribe(&bytes[sid.clone()], *max);
                Ok(())
            }
            Frame::Ping => {
                self.client.send(b"PONG\r\n", &mut self.batch);
                Ok(())
            }
            Frame::Pong => {
                self.pings_unanswered = 0;
                if let Some(asked) = self.pinged.take() {
                    self.client.traffic.note_round_trip(asked.elapsed());
                }
                Ok(())
            }
            Frame::Connect { json } => self.connect(&bytes[json.clone()]),
            Frame::Ignored => Ok(()),
            Frame::Error => Err(CloseReason::ClientGone),
        }
    }

    /// A message whose memory may be shared with its receivers.
    pub(super) fn publish_shared(&mut self, publish: &Publish, bytes: &Bytes) {
        let payload = Payload::Shared(bytes.slice(publish.payload.clone()));
        // Only messages with headers can be refused here, and then the connection is already closing.
        if let Err(reason) = self.publish(publish, bytes, payload) {
            self.client.close(reason);
        }
    }

    fn publish(
        &mut self,
        publish: &Publish,
        bytes: &[u8],
        payload: Payload<'_>,
    ) -> Result<(), CloseReason> {
        if publish.header_len.is_some() && !self.switches.headers {
            // The reference server says nothing here either.
            return Err(CloseReason::ProtocolViolation);
        }
        let slice = |span: &Span| &bytes[span.clone()];
        let subject = slice(&publish.subject);
        self.batch.count_in(payload.len());
        self.messages_in += 1;
        self.bytes_in += payload.len() as u64;
        if self.switches.pedantic && !subject::is_valid_literal(subject) {
            self.error("Invalid Publish Subject");
        }
        if self.checks.is_some() && !self.check_publish(subject) {
            return Ok(());
        }
        self.acknowledge();
        let reply = publish.reply.as_ref().map(slice);
        if subject == user_info::SUBJECT
            && let Some(reply) = reply
        {
            self.answer_user_info(reply);
            return Ok(());
        }
        let message = Message {
            subject,
            reply,
            // An empty block of headers is none.
            header_len: publish.header_len.filter(|len| *len > 0),
            payload,
        };
        let origin = Origin::Client(&self.client);
        let receivers = self
            .router
            .publish(origin, subject, &message, &mut self.batch);
        if receivers == 0
            && self.switches.no_responders
            && let Some(reply) = reply
        {
            self.report_no_responders(reply);
        }
        Ok(())
    }

    /// Tells the client that nobody received its request.
    fn report_no_responders(&mut self, reply: &[u8]) {
        if let Some(sid) = self.router.subscription_for(&self.client, reply) {
            const STATUS: &[u8] = b"NATS/1.0 503\r\n\r\n";
            let message = Message {
                subject: reply,
                reply: None,
                header_len: Some(STATUS.len()),
                payload: Payload::Borrowed(STATUS),
            };
            self.client.deliver(&message, &sid, &mut self.batch);
        }
    }

    fn subscribe(&mut self, subject: &[u8], queue: Option<&[u8]>, sid: &[u8]) {
        let Some(denied) = self.check_subscribe(subject, queue) else {
            return;
        };
        let mut subscriptions = self.client.subscriptions();
        if subscriptions.contains_key(sid) {
            // As the reference server does: the first stays, and that is no error.
            drop(subscriptions);
            self.acknowledge();
            return;
        }
        if subscriptions.len() >= self.bounds.subscriptions_max {
            drop(subscriptions);
            self.error("maximum subscriptions exceeded");
            return;
        }
        if !subject::is_valid_filter(subject) {
            drop(subscriptions);
            self.error("Invalid Subject");
            return;
        }
        let subscription = Subscription::new(
            subject.into(),
            queue.map(Into::into),
            sid.into(),
            Target::Client(Arc::clone(&self.client)),
        );
        let subscription = Arc::new(subscription.without(denied));
        subscriptions.insert(sid.into(), Arc::clone(&subscription));
        drop(subscriptions);
        self.router.counters.subscriptions.add(1);
        self.router.subscribe(&subscription);
        self.acknowledge();
    }

    fn unsubscribe(&mut self, sid: &[u8], max: Option<u64>) {
        let mut subscriptions = self.client.subscriptions();
        let goes_on = match (subscriptions.get(sid), max) {
            (Some(subscription), Some(max)) => subscription.limit(max),
            _ => false,
        };
        let removed = if goes_on {
            None
        } else {
            subscriptions.remove(sid)
        };
        drop(subscriptions);
        if let Some(subscription) = removed {
            self.router.counters.subscriptions.sub(1);
            self.router.unsubscribe(std::iter::once(&subscription));
        }
        self.acknowledge();
    }

    pub(super) fn connect(&mut self, json: &[u8]) -> Result<(), CloseReason> {
        match self.switches.parse(json) {
            Ok(switches) => {
                self.switches = switches;
                self.client
                    .set_switches(switches.headers, switches.echo, switches.dynamic_info);
                self.client.profile.get_or_init(|| {
                    let described = SelfDescription::parse(json);
                    let texts = [described.name, described.lang, described.version];
                    Box::new(Profile::new(texts))
                });
                self.acknowledge();
                Ok(())
            }
            Err(error) => {
                match error {
                    ConnectError::Json => {}
                    ConnectError::Protocol => self.error("invalid client protocol"),
                    ConnectError::NoRespondersWithoutHeaders => {
                        self.error("no responders requires headers support");
                    }
                }
                Err(CloseReason::ProtocolViolation)
            }
        }
    }

    /// Tells the client what it broke, where the reference server does.
    pub(super) fn refuse(&mut self, error: ParseError) -> CloseReason {
        match error {
            ParseError::UnknownOperation => self.error("Unknown Protocol Operation"),
            ParseError::ControlLine => self.error("maximum control line exceeded"),
            ParseError::Payload { .. } => self.error("Maximum Payload Violation"),
            ParseError::Arguments => {}
        }
        tracing::debug!(client.id = self.client.id, %error, "Refused client");
        CloseReason::ProtocolViolation
    }

    fn acknowledge(&mut self) {
        if self.switches.verbose {
            self.client.send(b"+OK\r\n", &mut self.batch);
        }
    }

    pub(super) fn error(&mut self, text: &str) {
        let line = format!("-ERR '{text}'\r\n");
        self.client.send(line.as_bytes(), &mut self.batch);
    }
}
