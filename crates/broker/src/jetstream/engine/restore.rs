//! The start: what the disk holds comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Engine, Owner};
use crate::jetstream::clock::{Now, WallTime};
use crate::jetstream::consumer::Consumer;
use crate::storage::{Bounds, Messages, StreamId, cost};

impl Engine {
    pub(super) fn restore(&mut self, messages: Messages) {
        let found = self.gate.log.recover(&self.counters);
        // Also where the configuration of a stream is lost: its number is not used again.
        let used = messages.stream_max().unwrap_or(0);
        self.next_stream = found.next_id.max(used.saturating_add(1));
        let mut bounds = BTreeMap::new();
        let mut consumers = BTreeMap::new();
        let mut followers = Vec::new();
        for (id, stream) in found.streams {
            let created = WallTime(stream.record.created);
            let mut slot = self.new_slot(id, stream.record.config, created);
            let mut positions = stream.source_positions;
            for source in &mut slot.sources {
                source.resume(positions.remove(&source.key()));
                followers.push(id);
            }
            slot.past_positions = positions;
            self.streams.insert(id, slot);
            bounds.insert(id, stream.bounds);
            consumers.insert(id, stream.consumers);
        }
        let now = self.clock.now();
        self.restore_messages(now, &bounds, messages);
        for (id, stream) in &mut self.streams {
            if let Some(bounds) = bounds.get(id) {
                stream.floor = bounds.floor;
                stream
                    .core
                    .restored(bounds.floor, bounds.last_seq, bounds.last_time);
            }
            let deadline = stream.core.deadline().map(|wall| now.tick_at(wall));
            self.timers.set(Owner::Stream(*id), deadline);
        }
        for (id, consumers) in consumers {
            for (name, found) in consumers {
                let Some(stream) = self.streams.get(&id) else {
                    continue;
                };
                let core = Consumer::restore(
                    now,
                    Arc::clone(&stream.name),
                    name.into(),
                    found.record.config,
                    WallTime(found.record.created),
                    &found.saved,
                    stream.core.index(),
                );
                self.add_consumer(now, id, core, true);
            }
        }
        for id in followers {
            self.follow(id);
        }
        self.count_stored();
        self.gate.log.choose_cleaning();
    }

    /// Rebuilds the indexes, and counts what of the log is needed.
    fn restore_messages(
        &mut self,
        now: Now,
        bounds: &BTreeMap<StreamId, Bounds>,
        messages: Messages,
    ) {
        for (id, stored, place) in messages.into_each() {
            let floor = bounds.get(&id).map_or(0, |bounds| bounds.floor);
            if let Some(slot) = self.streams.get_mut(&id)
                && stored.seq >= floor
                && slot.is_file()
            {
                let len = stored.header_len as usize + stored.body_len as usize;
                let cost = cost(stored.subject.len(), len);
                slot.count_in(place.0, cost);
                self.gate.log.count_in(place.0, cost);
                slot.core.restore(now, &stored, place);
            }
        }
    }
}
