//! `CONSUMER.MSG.NEXT.{stream}.{consumer}`: a receiver asks for messages.

use super::Request;
use crate::jetstream::clock::Now;
use crate::jetstream::consumer::{Input, Pull};
use crate::jetstream::{Engine, Outgoing};

pub(super) fn serve(engine: &mut Engine, now: Now, names: &str, request: &Request<'_>) {
    let Some(reply) = request.reply.clone() else {
        return;
    };
    let key = names
        .split_once('.')
        .and_then(|(stream, consumer)| engine.consumer_key(stream, consumer));
    match key {
        Some(key) => {
            let body = request.body.clone();
            engine.step_consumer(now, key, Input::Pull(Pull { reply, body }));
        }
        None => {
            // The reference server listens only for consumers that exist, so nobody answers.
            engine.send_at_once(Outgoing::no_responders(reply));
        }
    }
}
