//! What happens to consumers.

use std::sync::Arc;

use bytes::Bytes;

use super::{BACKLOG_MAX, BACKLOG_PAUSE, ConsumerKey, ConsumerSlot, Engine, Owner, SAVE_INTERVAL};
use crate::jetstream::api::advisory;
use crate::jetstream::clock::Now;
use crate::jetstream::config::ConsumerConfig;
use crate::jetstream::consumer::{Consumer, Delivery, Effect, Input};
use crate::jetstream::names::MSG_SIZE;
use crate::jetstream::stream::Done;
use crate::jetstream::{ApiError, Outgoing};
use crate::storage::{ConsumerRecord, StreamId};
use crate::wire::headers;

/// Length of a name that the broker makes up.
const NAME_LEN: usize = 8;

impl Engine {
    pub(in crate::jetstream) fn consumer_key(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Option<ConsumerKey> {
        let id = *self.stream_names.get(stream)?;
        let consumer = *self.streams.get(&id)?.consumer_names.get(consumer)?;
        Some((id, consumer))
    }

    pub(in crate::jetstream) fn consumer(&self, key: ConsumerKey) -> Option<&Consumer> {
        let slot = self.streams.get(&key.0)?.consumers.get(&key.1)?;
        Some(&slot.core)
    }

    /// Steps a consumer and carries out the effects.
    pub(in crate::jetstream) fn step_consumer(
        &mut self,
        now: Now,
        key: ConsumerKey,
        input: Input<'_>,
    ) {
        if let Err(error) = self.try_step_consumer(now, key, input) {
            tracing::debug!(%error, "Refused change of consumer");
        }
    }

    /// The same, for inputs that may be refused.
    fn try_step_consumer(
        &mut self,
        now: Now,
        key: ConsumerKey,
        input: Input<'_>,
    ) -> Result<(), ApiError> {
        let Some(stream) = self.streams.get_mut(&key.0) else {
            return Ok(());
        };
        let Some(slot) = stream.consumers.get_mut(&key.1) else {
            return Ok(());
        };
        let effects = slot.core.step(now, stream.core.index(), input);
        let deadline = slot.core.deadline();
        self.timers.set(Owner::Consumer(key), deadline);
        self.carry_out_for(now, key, effects)
    }

    fn carry_out_for(
        &mut self,
        now: Now,
        key: ConsumerKey,
        effects: Vec<Effect>,
    ) -> Result<(), ApiError> {
        for effect in effects {
            match effect {
                Effect::Deliver(delivery) => self.deliver(key.0, delivery),
                Effect::Status { to, reply, block } => {
                    self.send_about(key.0, Outgoing::status(to, reply, block));
                }
                Effect::Confirm { to } => self.confirm(key, to),
                Effect::Watch { subject } => self.watch(now, key, &subject),
                Effect::Unwatch { subject } => self.unwatch(key, &subject),
                Effect::Settled { seq } => self.settle(now, key.0, seq, Done::Consumer),
                Effect::Ready => self.make_ready(key),
                Effect::Save => self.note_unsaved(now, key),
                Effect::Expire => self.delete_consumer(now, key),
                Effect::Notice(notice) => {
                    if let Some(consumer) = self.consumer(key).map(|core| Arc::clone(core.name())) {
                        advisory::consumer_notice(self, now, key.0, &consumer, &notice);
                    }
                }
                Effect::Refused(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn deliver(&mut self, id: StreamId, delivery: Delivery) {
        let Some(entry) = self
            .streams
            .get(&id)
            .and_then(|slot| slot.core.index().get(delivery.seq))
        else {
            return;
        };
        let subject = entry.subject.clone();
        let header_len = entry.header_len as usize;
        let body_len = entry.body_len;
        let Some(payload) = self.body(id, &entry) else {
            return;
        };
        let (header_len, payload) = if delivery.headers_only {
            let block = headers::Builder::from_block(&payload[..header_len])
                .line(MSG_SIZE, body_len.to_string())
                .finish();
            (block.len(), Bytes::from(block))
        } else {
            (header_len, payload)
        };
        let reply = Bytes::from(delivery.reply);
        let outgoing = Outgoing::delivery(delivery.to, subject, reply, header_len, payload);
        self.send_about(id, outgoing);
    }

    pub(super) fn make_ready(&mut self, key: ConsumerKey) {
        if let Some(slot) = self
            .streams
            .get_mut(&key.0)
            .and_then(|stream| stream.consumers.get_mut(&key.1))
            && !std::mem::replace(&mut slot.is_ready, true)
        {
            self.ready.push_back(key);
        }
    }

    /// Lets each consumer that is ready deliver a portion.
    pub(super) fn poll_consumers(&mut self, now: Now) {
        for _ in 0..self.ready.len() {
            let Some(key) = self.ready.pop_front() else {
                return;
            };
            let Some(slot) = self
                .streams
                .get_mut(&key.0)
                .and_then(|stream| stream.consumers.get_mut(&key.1))
            else {
                continue;
            };
            slot.is_ready = false;
            // Flow control does better what this does for receivers without it.
            let receiver = slot
                .core
                .receiver()
                .filter(|_| !slot.core.config().flow_control);
            let is_behind =
                receiver.is_some_and(|subject: Bytes| self.router.backlog(&subject) > BACKLOG_MAX);
            if is_behind {
                self.paused.insert((now.tick.plus(BACKLOG_PAUSE), key));
            } else {
                self.step_consumer(now, key, Input::Poll);
            }
        }
    }

    /// Adds a consumer with a checked configuration. There must be none of its name.
    pub(in crate::jetstream) fn create_consumer(
        &mut self,
        now: Now,
        id: StreamId,
        mut config: ConsumerConfig,
    ) -> Result<ConsumerKey, ApiError> {
        let total: usize = self.streams.values().map(|slot| slot.consumers.len()).sum();
        let stream = self.streams.get(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let allowed = usize::try_from(stream.core.config().max_consumers).unwrap_or(usize::MAX);
        if stream.consumers.len() >= allowed || total >= self.bounds.consumers_max {
            return Err(ApiError::CONSUMERS_MAX);
        }
        config.check_joining(stream.core.config(), stream.configs_of_others(None))?;
        if config.is_durable() {
            // The reference server names it in both places.
            config.name.clone_from(&config.durable);
        }
        let mut name = config.name.clone();
        while name.is_empty()
            || (config.name.is_empty() && stream.consumer_names.contains_key(name.as_str()))
        {
            name = self.entropy.text(NAME_LEN);
        }
        let name: Arc<str> = name.into();
        let is_stored = stream.is_file() && !config.mem_storage;
        let index = stream.core.index();
        let core = Consumer::new(now, Arc::clone(&stream.name), name, config, index);
        let key = self.add_consumer(now, id, core, is_stored);
        self.write_consumer(key);
        self.save_consumer(key);
        self.count_stored();
        Ok(key)
    }

    /// Puts a consumer in place.
    pub(super) fn add_consumer(
        &mut self,
        now: Now,
        id: StreamId,
        core: Consumer,
        is_stored: bool,
    ) -> ConsumerKey {
        let key = (id, self.next_consumer);
        self.next_consumer += 1;
        let deliver = Bytes::copy_from_slice(core.config().deliver_subject.as_bytes());
        if let Some(stream) = self.streams.get_mut(&id) {
            for filter in signal_filters(core.config()) {
                stream
                    .signals
                    .update(filter.as_bytes(), |wanting| wanting.push(key.1));
            }
            stream.consumer_names.insert(Arc::clone(core.name()), key.1);
            self.timers.set(Owner::Consumer(key), core.deadline());
            let slot = ConsumerSlot {
                core,
                is_ready: false,
                is_stored,
            };
            stream.consumers.insert(key.1, slot);
        }
        if !deliver.is_empty() {
            self.watch(now, key, &deliver);
        }
        key
    }

    /// Replaces the configuration of a consumer with a checked one.
    pub(in crate::jetstream) fn update_consumer(
        &mut self,
        now: Now,
        key: ConsumerKey,
        mut config: ConsumerConfig,
    ) -> Result<(), ApiError> {
        let Some(old) = self.consumer(key).map(|core| core.config().clone()) else {
            return Err(ApiError::CONSUMER_NOT_FOUND);
        };
        config.name.clone_from(&old.name);
        if let Some(stream) = self.streams.get(&key.0) {
            config.check_beside(stream.core.config(), stream.configs_of_others(Some(key.1)))?;
        }
        if config == old {
            return Ok(());
        }
        let new_filters: Vec<String> = signal_filters(&config).map(str::to_owned).collect();
        self.try_step_consumer(now, key, Input::Update(Box::new(config)))?;
        if let Some(stream) = self.streams.get_mut(&key.0) {
            for filter in signal_filters(&old) {
                stream.signals.update(filter.as_bytes(), |wanting| {
                    wanting.retain(|held| *held != key.1)
                });
            }
            for filter in new_filters {
                stream
                    .signals
                    .update(filter.as_bytes(), |wanting| wanting.push(key.1));
            }
        }
        self.write_consumer(key);
        self.release_unneeded(now, key.0);
        Ok(())
    }

    /// Removes a consumer, and with it what the stream kept for it alone.
    pub(in crate::jetstream) fn delete_consumer(&mut self, now: Now, key: ConsumerKey) {
        self.remove_consumer(key);
        self.release_unneeded(now, key.0);
    }

    /// Removes a consumer.
    pub(super) fn remove_consumer(&mut self, key: ConsumerKey) {
        let Some(stream) = self.streams.get_mut(&key.0) else {
            return;
        };
        let Some(mut slot) = stream.consumers.remove(&key.1) else {
            return;
        };
        for filter in signal_filters(slot.core.config()) {
            stream.signals.update(filter.as_bytes(), |wanting| {
                wanting.retain(|held| *held != key.1)
            });
        }
        stream.consumer_names.remove(slot.core.name());
        if slot.is_stored {
            let writes = self.gate.writes_of(&mut stream.gate, stream.is_synced);
            writes.remove_consumer(key.0, slot.core.name());
        }
        self.timers.set(Owner::Consumer(key), None);
        self.unsaved.remove(&key);
        let now = self.clock.now();
        let name = Arc::clone(slot.core.name());
        for effect in slot.core.farewell() {
            match effect {
                Effect::Unwatch { subject } => self.unwatch(key, &subject),
                Effect::Status { to, reply, block } => {
                    self.send_about(key.0, Outgoing::status(to, reply, block));
                }
                _ => {}
            }
        }
        advisory::consumer_action(self, now, key.0, &name, advisory::Action::Delete);
        self.count_stored();
    }

    /// Tells a receiver that its acknowledgement is noted: once it is stored, where it survives a restart.
    fn confirm(&mut self, key: ConsumerKey, to: Bytes) {
        if let Some(stream) = self.streams.get_mut(&key.0)
            && let Some(slot) = stream.consumers.get(&key.1)
            && slot.is_stored
        {
            // One write serves all that are confirmed in this round.
            self.confirmed.insert(key);
            self.gate.writes_of(&mut stream.gate, stream.is_synced);
        }
        self.send_about(key.0, Outgoing::plain(to, Bytes::new()));
    }

    /// Stores what was confirmed in this round.
    pub(super) fn save_confirmed(&mut self) {
        for key in std::mem::take(&mut self.confirmed) {
            self.unsaved.remove(&key);
            self.save_consumer(key);
        }
    }

    fn note_unsaved(&mut self, now: Now, key: ConsumerKey) {
        let is_stored = self
            .streams
            .get(&key.0)
            .and_then(|stream| stream.consumers.get(&key.1))
            .is_some_and(|slot| slot.is_stored);
        if is_stored {
            self.unsaved.insert(key);
            self.save_due
                .get_or_insert_with(|| now.tick.plus(SAVE_INTERVAL));
        }
    }

    /// Stores the state of all consumers that changed.
    pub(super) fn save_consumers(&mut self) {
        self.save_due = None;
        for key in std::mem::take(&mut self.unsaved) {
            self.save_consumer(key);
        }
    }

    fn save_consumer(&mut self, key: ConsumerKey) {
        let Some(stream) = self.streams.get_mut(&key.0) else {
            return;
        };
        if let Some(slot) = stream.consumers.get(&key.1)
            && slot.is_stored
        {
            let writes = self.gate.writes_of(&mut stream.gate, stream.is_synced);
            writes.consumer_state(key.0, slot.core.name(), &slot.core.save());
        }
    }

    fn write_consumer(&mut self, key: ConsumerKey) {
        let Some(stream) = self.streams.get_mut(&key.0) else {
            return;
        };
        if let Some(slot) = stream.consumers.get(&key.1)
            && slot.is_stored
        {
            let record = ConsumerRecord {
                config: slot.core.config().clone(),
                created: slot.core.created().0,
            };
            let writes = self.gate.writes_of(&mut stream.gate, stream.is_synced);
            writes.consumer(key.0, slot.core.name(), &record);
        }
    }
}

/// The filters under which a consumer is told of changes.
fn signal_filters(config: &ConsumerConfig) -> impl Iterator<Item = &str> {
    let all = config.filters().next().is_none().then_some(">");
    all.into_iter().chain(config.filters().map(String::as_str))
}
