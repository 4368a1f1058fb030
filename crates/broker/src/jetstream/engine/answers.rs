//! What receivers answer to what consumers send.

use super::Engine;
use crate::jetstream::Outgoing;
use crate::jetstream::clock::Now;
use crate::jetstream::config::AckPolicy;
use crate::jetstream::consumer::{Ack, Consumer, Input};
use crate::jetstream::names::FLOW_CONTROL_PREFIX;
use crate::router::Ingest;

impl Engine {
    /// Somebody says what became of a message.
    pub(super) fn acknowledged(&mut self, now: Now, ingest: &Ingest) {
        let body = ingest.payload.slice(ingest.header_len..);
        let heard = Ack::parse(&ingest.subject, &body, ingest.reply.clone())
            .and_then(|(stream, consumer, ack)| Some((self.consumer_key(&stream, &consumer)?, ack)))
            .filter(|(key, _)| self.consumer(*key).is_some_and(hears_acknowledgements));
        match heard {
            Some((key, ack)) => self.step_consumer(now, key, Input::Ack(ack)),
            None => self.tell_unheard(ingest),
        }
    }

    /// Somebody answers a flow control request.
    pub(super) fn flow_controlled(&mut self, now: Now, ingest: &Ingest) {
        let heard = flow_control_names(&ingest.subject)
            .and_then(|(stream, consumer)| self.consumer_key(stream, consumer))
            .filter(|key| {
                let consumer = self.consumer(*key);
                consumer.is_some_and(|consumer| consumer.config().flow_control)
            });
        match heard {
            Some(key) => {
                let subject = &ingest.subject;
                self.step_consumer(now, key, Input::FlowControl { subject });
            }
            None => self.tell_unheard(ingest),
        }
    }

    /// The reference server listens only for consumers that exist and want to know, so nobody answers.
    fn tell_unheard(&mut self, ingest: &Ingest) {
        if let Some(reply) = ingest.reply.clone() {
            self.send_at_once(Outgoing::no_responders(reply));
        }
    }
}

fn hears_acknowledgements(consumer: &Consumer) -> bool {
    consumer.config().ack_policy != AckPolicy::None
}

/// The names of stream and consumer in the subject of a flow control request.
fn flow_control_names(subject: &[u8]) -> Option<(&str, &str)> {
    let subject = str::from_utf8(subject).ok()?;
    let mut tokens = subject.strip_prefix(FLOW_CONTROL_PREFIX)?.split('.');
    let names = (tokens.next()?, tokens.next()?);
    // The number of the request; the consumer knows what it asked.
    tokens.next()?;
    tokens.next().is_none().then_some(names)
}
