//! Streams come, change and go.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Engine, Owner, StreamSlot, internal};
use crate::jetstream::ApiError;
use crate::jetstream::clock::{Now, WallTime};
use crate::jetstream::config::{Storage, StreamConfig};
use crate::jetstream::stream::{Input, Outcome, Stream, Update};
use crate::router::Internal;
use crate::storage::{StreamId, StreamRecord};
use crate::subject;

impl Engine {
    /// Adds a stream with a checked configuration. There must be none of its name.
    pub(in crate::jetstream) fn create_stream(
        &mut self,
        now: Now,
        config: StreamConfig,
    ) -> Result<StreamId, ApiError> {
        if self.streams.len() >= self.bounds.streams_max {
            return Err(ApiError::STREAMS_MAX);
        }
        self.check_overlap(&config, None)?;
        self.check_sources(&config)?;
        if config.storage == Storage::File && self.gate.has_failed() {
            return Err(ApiError::stream_store_failed("storage failed"));
        }
        let id = self.next_stream;
        self.next_stream += 1;
        let slot = self.new_slot(id, config, now.wall);
        for subscription in &slot.subscriptions {
            self.router.subscribe(subscription);
        }
        self.streams.insert(id, slot);
        self.write_stream(id);
        self.count_stored();
        self.follow(id);
        Ok(id)
    }

    /// A slot for a stream without messages.
    pub(super) fn new_slot(
        &mut self,
        id: StreamId,
        config: StreamConfig,
        created: WallTime,
    ) -> StreamSlot {
        let name: Arc<str> = config.name.as_str().into();
        let subscriptions = config
            .subjects
            .iter()
            .map(|filter| internal(filter, Internal::Stream(id)))
            .collect();
        self.stream_names.insert(Arc::clone(&name), id);
        StreamSlot {
            memory: (config.storage == Storage::Memory).then(HashMap::new),
            is_synced: self.is_synced(&name),
            sources: Self::new_sources(&config, &BTreeMap::new()),
            past_positions: BTreeMap::new(),
            is_sourcing: false,
            has_full_source: false,
            core: Stream::new(config, created),
            name,
            gate: 0,
            floor: 0,
            costs: BTreeMap::new(),
            consumers: BTreeMap::new(),
            consumer_names: BTreeMap::new(),
            signals: subject::SubjectIndex::default(),
            subscriptions,
        }
    }

    /// Replaces the configuration of a stream with a checked one.
    pub(in crate::jetstream) fn update_stream(
        &mut self,
        now: Now,
        id: StreamId,
        config: StreamConfig,
    ) -> Result<(), ApiError> {
        self.check_overlap(&config, Some(id))?;
        self.check_sources(&config)?;
        let update = Update {
            config: Box::new(config),
        };
        if let Outcome::Refused(error) = self.step_stream(now, id, Input::Update(update)) {
            return Err(error);
        }
        self.resubscribe(id);
        self.write_stream(id);
        self.replace_sources(now, id);
        self.release_unneeded(now, id);
        Ok(())
    }

    /// Listens on the subjects that the configuration names now, and on no others.
    fn resubscribe(&mut self, id: StreamId) {
        let Some(slot) = self.streams.get_mut(&id) else {
            return;
        };
        let wanted = &slot.core.config().subjects;
        let is_wanted = |held: &[u8]| wanted.iter().any(|filter| filter.as_bytes() == held);
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut slot.subscriptions)
            .into_iter()
            .partition(|subscription| is_wanted(&subscription.subject));
        let is_held = |filter: &str| kept.iter().any(|held| *held.subject == *filter.as_bytes());
        let added: Vec<_> = wanted
            .iter()
            .filter(|filter| !is_held(filter))
            .map(|filter| internal(filter, Internal::Stream(id)))
            .collect();
        for subscription in &added {
            self.router.subscribe(subscription);
        }
        self.router.unsubscribe(dropped.iter());
        slot.subscriptions = kept;
        slot.subscriptions.extend(added);
    }

    /// Removes a stream with its consumers.
    pub(in crate::jetstream) fn delete_stream(&mut self, now: Now, id: StreamId) {
        let consumers: Vec<u64> = self
            .streams
            .get(&id)
            .map(|slot| slot.consumers.keys().copied().collect())
            .unwrap_or_default();
        for consumer in consumers {
            self.remove_consumer((id, consumer));
        }
        let Some(mut slot) = self.streams.remove(&id) else {
            return;
        };
        self.stream_names.remove(&slot.name);
        let origins = self.unfollow(id);
        self.release_origins(now, &origins);
        self.router.unsubscribe(slot.subscriptions.iter());
        self.timers.set(Owner::Stream(id), None);
        if slot.is_file() {
            let is_synced = slot.is_synced;
            let writes = self.gate.writes_of(&mut slot.gate, is_synced);
            writes.remove_stream(id);
            for (segment, cost) in slot.costs {
                writes.count_out(segment, cost);
            }
            writes.choose_cleaning();
        }
        self.count_stored();
    }

    fn check_overlap(&self, config: &StreamConfig, own: Option<StreamId>) -> Result<(), ApiError> {
        let others = self.streams.iter().filter(|(id, _)| Some(**id) != own);
        for held in others.flat_map(|(_, slot)| &slot.core.config().subjects) {
            if config
                .subjects
                .iter()
                .any(|wanted| subject::collide(wanted.as_bytes(), held.as_bytes()))
            {
                return Err(ApiError::STREAM_SUBJECT_OVERLAP);
            }
        }
        Ok(())
    }

    fn check_sources(&self, config: &StreamConfig) -> Result<(), ApiError> {
        config.check_among(|name| {
            let id = self.stream_names.get(name)?;
            Some(self.streams.get(id)?.core.config())
        })
    }

    fn write_stream(&mut self, id: StreamId) {
        let next_id = self.next_stream;
        let Some(slot) = self.streams.get_mut(&id) else {
            return;
        };
        if slot.is_file() {
            let record = StreamRecord {
                config: slot.core.config().clone(),
                created: slot.core.created().0,
            };
            let writes = self.gate.writes_of(&mut slot.gate, slot.is_synced);
            writes.next_id(next_id);
            writes.stream(id, &record);
        }
    }

    /// Whether a rule asks for this stream to be forced to the disk, or nothing may be lost in any interval.
    fn is_synced(&self, name: &str) -> bool {
        let mut rules = self.bounds.synced_streams.iter();
        self.bounds.sync_interval.is_zero()
            || rules.any(|rule| match rule.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == rule,
            })
    }

    /// Brings the counters up to date after streams or consumers came or went.
    pub(super) fn count_stored(&self) {
        let sum = |of: fn(&StreamSlot) -> u64| self.streams.values().map(of).sum();
        self.counters.streams.set(self.streams.len() as u64);
        self.counters
            .consumers
            .set(sum(|slot| slot.consumers.len() as u64));
        self.counters
            .stored_messages
            .set(sum(|slot| slot.core.index().len()));
        self.counters
            .stored_bytes
            .set(sum(|slot| slot.core.index().bytes()));
        self.counters.memory_bytes.set(sum(|slot| {
            if slot.is_file() {
                0
            } else {
                slot.core.index().bytes()
            }
        }));
    }
}
