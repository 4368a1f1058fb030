//! What happens to streams.

use bytes::Bytes;

use super::{Engine, Owner, StreamSlot};
use crate::jetstream::clock::Now;
use crate::jetstream::consumer;
use crate::jetstream::stream::{
    Effect, Entry, Input, Outcome, Publish, PublishHeaders, Remains, Sender, Stored,
};
use crate::jetstream::{ApiError, Outgoing};
use crate::router::Ingest;
use crate::stats::Counters;
use crate::storage::{StreamId, cost};

/// Removals of one step that consumers are told one by one; with more, they count anew.
const REMOVALS_TOLD_MAX: usize = 64;

/// A message on its way into a stream.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) subject: Bytes,
    /// How much of the payload is headers.
    pub(super) header_len: usize,
    pub(super) payload: Bytes,
    pub(super) sender: Sender,
}

// ---------------------------------------------------------------------------------------------------------

impl Engine {
    pub(in crate::jetstream) fn stream_id(&self, name: &str) -> Result<StreamId, ApiError> {
        self.stream_names
            .get(name)
            .copied()
            .ok_or(ApiError::STREAM_NOT_FOUND)
    }

    /// A message for a stream arrives.
    pub(super) fn publish(&mut self, now: Now, id: StreamId, ingest: &Ingest) {
        let arrival = Arrival {
            subject: ingest.subject.clone(),
            header_len: ingest.header_len,
            payload: ingest.payload.clone(),
            sender: Sender::Publisher,
        };
        let outcome = self.accept(now, id, &arrival);
        let reply = ingest.reply.clone();
        if let Some(slot) = self.streams.get_mut(&id)
            && let Some(reply) = reply
            && !slot.core.config().no_ack
            && let Some(answer) = render_ack(&slot.name, &outcome)
        {
            let outgoing = Outgoing::plain(reply, answer);
            self.gate.send(&mut slot.gate, slot.is_synced, outgoing);
        }
    }

    /// Offers a message to a stream, and stores it if it is taken.
    pub(super) fn accept(&mut self, now: Now, id: StreamId, arrival: &Arrival) -> Outcome {
        let Some(slot) = self.streams.get(&id) else {
            return Outcome::Refused(ApiError::STREAM_NOT_FOUND);
        };
        if slot.is_file() && self.gate.has_failed() {
            return Outcome::Refused(ApiError::stream_store_failed("storage failed"));
        }
        let memory = self.counters.memory_bytes.get() + arrival.payload.len() as u64;
        if !slot.is_file() && memory > self.bounds.memory_bytes_max {
            return Outcome::Refused(ApiError::RESOURCES_EXCEEDED);
        }
        let (header, body) = arrival.payload.split_at(arrival.header_len);
        let mapped = slot.core.mapped(&arrival.subject);
        let subject = mapped.as_deref().unwrap_or(&arrival.subject);
        let publish = Publish {
            subject,
            headers: PublishHeaders::parse(header),
            header_len: len_u32(header.len()),
            body_len: len_u32(body.len()),
            sender: arrival.sender,
            is_wanted: self.is_wanted(id, subject),
        };
        let Some(slot) = self.streams.get_mut(&id) else {
            return Outcome::Refused(ApiError::STREAM_NOT_FOUND);
        };
        let effects = step(slot, &self.counters, now, Input::Publish(publish));
        self.carry_out(now, id, effects, Some(&arrival.payload))
    }

    /// Steps a stream and carries out the effects.
    pub(in crate::jetstream) fn step_stream(
        &mut self,
        now: Now,
        id: StreamId,
        input: Input<'_>,
    ) -> Outcome {
        let Some(slot) = self.streams.get_mut(&id) else {
            return Outcome::Refused(ApiError::STREAM_NOT_FOUND);
        };
        let effects = step(slot, &self.counters, now, input);
        self.carry_out(now, id, effects, None)
    }

    pub(super) fn tick_stream(&mut self, now: Now, id: StreamId) {
        if let Some(slot) = self.streams.get_mut(&id) {
            let effects = step(slot, &self.counters, now, Input::Tick);
            self.carry_out(now, id, effects, None);
        }
    }

    /// Carries out what a stream said. `payload` is that of the message being published.
    fn carry_out(
        &mut self,
        now: Now,
        id: StreamId,
        effects: Vec<Effect>,
        payload: Option<&Bytes>,
    ) -> Outcome {
        let mut outcome = Outcome::Ignored;
        let removals = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Forget { .. }))
            .count();
        let is_told = removals <= REMOVALS_TOLD_MAX;
        let mut has_room = removals > 0;
        for effect in effects {
            match effect {
                Effect::Store(stored) => self.store(now, id, &stored, payload),
                Effect::Skip => self.skip(id),
                Effect::Forget { seq, remains } => {
                    self.forget(id, seq, &remains);
                    if is_told {
                        let input = || consumer::Input::Removed { seq };
                        self.signal(now, id, &remains.subject, input);
                    }
                }
                Effect::ForgetAll { below } => {
                    has_room = true;
                    self.forget_all(id, below);
                    self.tell_all(now, id);
                }
                Effect::Outcome(result) => outcome = result,
            }
        }
        if !is_told {
            self.tell_all(now, id);
        }
        if has_room {
            self.retry_sources(id);
        }
        self.note_deadline(now, id);
        outcome
    }

    fn store(&mut self, now: Now, id: StreamId, stored: &Stored, payload: Option<&Bytes>) {
        let Some(slot) = self.streams.get_mut(&id) else {
            return;
        };
        let payload = payload.cloned().unwrap_or_default();
        match &mut slot.memory {
            Some(memory) => {
                memory.insert(stored.seq, payload);
            }
            None => {
                let writes = self.gate.writes_of(&mut slot.gate, slot.is_synced);
                let place = writes.message(id, stored, &payload);
                slot.core.set_place(stored.seq, place);
                slot.count_in(place.0, cost(stored.subject.len(), payload.len()));
            }
        }
        let subject = stored.subject.clone();
        self.signal(now, id, &subject, || consumer::Input::Stored);
        self.wake_followers(id);
    }

    /// Remembers that a sequence was used, which no message tells.
    fn skip(&mut self, id: StreamId) {
        if let Some(slot) = self.streams.get_mut(&id)
            && slot.is_file()
        {
            let positions = slot.positions();
            let writes = self.gate.writes_of(&mut slot.gate, slot.is_synced);
            writes.bounds(id, positions);
        }
    }

    fn forget(&mut self, id: StreamId, seq: u64, remains: &Remains) {
        let Some(slot) = self.streams.get_mut(&id) else {
            return;
        };
        match &mut slot.memory {
            Some(memory) => {
                memory.remove(&seq);
            }
            None => {
                let positions = slot.positions();
                let writes = self.gate.writes_of(&mut slot.gate, slot.is_synced);
                let cost = cost(remains.subject.len(), remains.len as usize);
                writes.forget(id, seq, remains.place, cost);
                slot.count_out(remains.place.0, cost);
                if seq == positions.last_seq {
                    // No message tells any more how far the sequences went.
                    writes.bounds(id, positions);
                }
            }
        }
    }

    fn forget_all(&mut self, id: StreamId, below: u64) {
        let Some(slot) = self.streams.get_mut(&id) else {
            return;
        };
        match &mut slot.memory {
            Some(memory) => memory.clear(),
            None => {
                slot.floor = below;
                let positions = slot.positions();
                let writes = self.gate.writes_of(&mut slot.gate, slot.is_synced);
                writes.bounds(id, positions);
                for (segment, cost) in std::mem::take(&mut slot.costs) {
                    writes.count_out(segment, cost);
                }
                writes.choose_cleaning();
            }
        }
    }

    /// Tells the consumers that want `subject`.
    fn signal<'a>(
        &mut self,
        now: Now,
        id: StreamId,
        subject: &[u8],
        input: impl Fn() -> consumer::Input<'a>,
    ) {
        let Some(slot) = self.streams.get(&id) else {
            return;
        };
        if slot.consumers.is_empty() {
            return;
        }
        let mut wanting: Vec<u64> = Vec::new();
        slot.signals
            .for_each_match(subject, |consumers| wanting.extend(consumers));
        for consumer in wanting {
            self.step_consumer(now, (id, consumer), input());
        }
    }

    /// Tells all consumers of a stream that much was removed.
    fn tell_all(&mut self, now: Now, id: StreamId) {
        let Some(slot) = self.streams.get(&id) else {
            return;
        };
        let consumers: Vec<u64> = slot.consumers.keys().copied().collect();
        for consumer in consumers {
            self.step_consumer(now, (id, consumer), consumer::Input::Purged);
        }
    }

    fn note_deadline(&mut self, now: Now, id: StreamId) {
        let deadline = self
            .streams
            .get(&id)
            .and_then(|slot| slot.core.deadline())
            .map(|wall| now.tick_at(wall));
        self.timers.set(Owner::Stream(id), deadline);
    }

    /// Headers and body of a message.
    pub(in crate::jetstream) fn body(&self, id: StreamId, entry: &Entry<'_>) -> Option<Bytes> {
        let slot = self.streams.get(&id)?;
        let found = match &slot.memory {
            Some(memory) => memory.get(&entry.seq).cloned(),
            None => self.read_body(id, entry),
        }?;
        let expected = entry.header_len as usize + entry.body_len as usize;
        if found.len() == expected {
            return Some(found);
        }
        self.counters.corrupt_records.add(1);
        tracing::error!(stream = %slot.name, seq = entry.seq, "Skipped message whose body is damaged");
        None
    }

    fn read_body(&self, id: StreamId, entry: &Entry<'_>) -> Option<Bytes> {
        let (seq, len) = (
            entry.seq,
            entry.header_len as usize + entry.body_len as usize,
        );
        match self.gate.log.body(id, seq, entry.place, len) {
            Ok(body) => Some(body),
            Err(error) => {
                self.counters.corrupt_records.add(1);
                tracing::error!(stream.id = id, seq, %error, "Skipped message that cannot be read");
                None
            }
        }
    }

    /// Sends an answer about a stream, in order with its others.
    pub(in crate::jetstream) fn send_about(&mut self, id: StreamId, outgoing: Outgoing) {
        match self.streams.get_mut(&id) {
            Some(slot) => self.gate.send(&mut slot.gate, slot.is_synced, outgoing),
            None => self.gate.send_behind(outgoing),
        }
    }

    /// Sends what depends on no stream.
    pub(in crate::jetstream) fn send_at_once(&mut self, outgoing: Outgoing) {
        self.gate.send_at_once(outgoing);
    }
}

/// Steps a stream and counts what it holds.
fn step(slot: &mut StreamSlot, counters: &Counters, now: Now, input: Input<'_>) -> Vec<Effect> {
    let before = (slot.core.index().len(), slot.core.index().bytes());
    let effects = slot.core.step(now, input);
    let after = (slot.core.index().len(), slot.core.index().bytes());
    counters.stored_messages.add(after.0.wrapping_sub(before.0));
    counters.stored_bytes.add(after.1.wrapping_sub(before.1));
    if !slot.is_file() {
        counters.memory_bytes.add(after.1.wrapping_sub(before.1));
    }
    effects
}

fn len_u32(len: usize) -> u32 {
    // Payloads are bounded far below.
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The answer to a publisher, with the spacing of the reference server.
fn render_ack(stream: &str, outcome: &Outcome) -> Option<String> {
    let name = serde_json::Value::from(stream);
    match outcome {
        Outcome::Stored { seq } => Some(format!(r#"{{"stream":{name}, "seq":{seq}}}"#)),
        Outcome::Duplicate { seq } => Some(format!(
            r#"{{"stream":{name}, "seq":{seq},"duplicate": true}}"#
        )),
        Outcome::Refused(error) => {
            let error = serde_json::to_string(error).ok()?;
            Some(format!(r#"{{"error":{error},"stream":{name},"seq":0}}"#))
        }
        _ => None,
    }
}
