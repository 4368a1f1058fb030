//! The start: what the disk holds comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Engine, Owner};
use crate::jetstream::clock::{Now, WallTime};
use crate::jetstream::config::Storage;
use crate::jetstream::consumer::Consumer;
use crate::storage::{Bounds, StreamId, Unreadable};

impl Engine {
    pub(super) fn restore(&mut self) -> Result<(), Unreadable> {
        let found = self.disk.recover(&self.counters)?;
        self.next_stream = found.next_id;
        let mut bounds = BTreeMap::new();
        let mut consumers = BTreeMap::new();
        let mut followers = Vec::new();
        for (id, stream) in found.streams {
            let created = WallTime(stream.record.created);
            let mut slot = self.new_slot(id, stream.record.config, created);
            for source in &mut slot.sources {
                source.resume(stream.source_positions.get(&source.key()).copied());
                followers.push(id);
            }
            self.streams.insert(id, slot);
            bounds.insert(id, stream.bounds);
            consumers.insert(id, stream.consumers);
        }
        let now = self.clock.now();
        self.restore_messages(now, &bounds, found.is_whole)?;
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
        Ok(())
    }

    /// Rebuilds the indexes, and notes what is to be swept. Messages of unknown streams are left alone unless all
    /// configurations are there: the one of their stream may be readable some day.
    fn restore_messages(
        &mut self,
        now: Now,
        bounds: &BTreeMap<StreamId, Bounds>,
        is_whole: bool,
    ) -> Result<(), Unreadable> {
        let mut remains: BTreeMap<StreamId, u64> = BTreeMap::new();
        let disk = self.disk.clone();
        let counters = Arc::clone(&self.counters);
        disk.each_head(&counters, |id, stored| {
            let floor = bounds.get(&id).map_or(0, |bounds| bounds.floor);
            match self.streams.get_mut(&id) {
                Some(slot)
                    if stored.seq >= floor && slot.core.config().storage == Storage::File =>
                {
                    slot.core.restore(now, &stored);
                }
                Some(_) => {
                    remains.insert(id, floor);
                }
                None if is_whole => {
                    remains.insert(id, u64::MAX);
                }
                None => self.next_stream = self.next_stream.max(id.saturating_add(1)),
            }
        })?;
        for (id, below) in remains {
            self.gate.sweep(id, below);
        }
        Ok(())
    }
}
