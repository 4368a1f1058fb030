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
        let reached = found.reached();
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
        self.skip_lost(&reached);
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
        mut messages: Messages,
    ) {
        for found in messages.streams() {
            let Some(slot) = self
                .streams
                .get_mut(&found.id)
                .filter(|slot| slot.is_file())
            else {
                continue;
            };
            let floor = bounds.get(&found.id).map_or(0, |bounds| bounds.floor);
            let mut costs: BTreeMap<u32, u64> = BTreeMap::new();
            let messages = found.messages().filter(|message| message.seq >= floor);
            let counted = messages.inspect(|message| {
                let len = message.header_len as usize + message.body_len as usize;
                let subject = &found.subjects[message.subject as usize];
                *costs.entry(message.place.0).or_default() += cost(subject.len(), len);
            });
            slot.core.restore(now, &found.subjects, counted);
            for (segment, cost) in costs {
                slot.count_in(segment, cost);
                self.gate.log.count_in(segment, cost);
            }
        }
    }

    /// Does not use again the sequences of messages that are lost, where a consumer or a follower knows of them: it
    /// would pass over what is stored under them.
    fn skip_lost(&mut self, reached: &BTreeMap<StreamId, u64>) {
        for (id, reached) in reached {
            let Some(slot) = self.streams.get_mut(id) else {
                continue;
            };
            let index = slot.core.index();
            let (last_seq, last_time) = (index.last_seq(), index.last_time());
            if *reached <= last_seq {
                continue;
            }
            let lost = *reached - last_seq;
            tracing::error!(stream.id = *id, lost, "The end of a stream is lost");
            slot.core.restored(slot.floor, *reached, last_time);
            let positions = slot.positions();
            let writes = self.gate.writes_of(&mut slot.gate, slot.is_synced);
            writes.bounds(*id, positions);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::jetstream::EngineBounds;
    use crate::jetstream::clock::TimeShift;
    use crate::jetstream::consumer::{Position, Saved};
    use crate::jetstream::engine::driver::Driver;
    use crate::stats::Counters;
    use crate::storage::Disk;

    fn open(path: &Path) -> Driver {
        let bounds = EngineBounds {
            streams_max: 1,
            consumers_max: 1,
            memory_bytes_max: 0,
            sync_interval: Duration::from_secs(1),
            synced_streams: Vec::new(),
            time_shift: TimeShift::default(),
        };
        Driver::open(path, bounds, 0, Arc::default()).unwrap()
    }

    fn ask(driver: &mut Driver, subject: &str, body: &str) -> Value {
        let answer = driver.request(subject, 0, body.as_bytes()).unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// A stream of two messages with a consumer that has seen five.
    fn without_its_end(path: &Path) {
        let mut driver = open(path);
        let config = r#"{"name":"S","subjects":["s.*"]}"#;
        ask(&mut driver, "$JS.API.STREAM.CREATE.S", config);
        let config = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}"#;
        ask(&mut driver, "$JS.API.CONSUMER.DURABLE.CREATE.S.C", config);
        for seq in 1..=2 {
            assert_eq!(ask(&mut driver, "s.a", "x")["seq"], seq);
        }
        driver.stop();
        let mut disk = Disk::open(path, &Counters::default()).unwrap();
        let seen = Position {
            consumer: 5,
            stream: 5,
        };
        let saved = Saved {
            next: 6,
            delivered: seen,
            floor: seen,
            ..Saved::default()
        };
        disk.log.consumer_state(1, "C", &saved);
        disk.log.commit(false).unwrap();
    }

    #[test]
    fn a_consumer_misses_nothing_that_follows_what_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        without_its_end(directory.path());
        let mut driver = open(directory.path());
        assert_eq!(ask(&mut driver, "s.a", "new")["seq"], 6);
        let info = ask(&mut driver, "$JS.API.CONSUMER.INFO.S.C", "");
        assert_eq!(info["num_pending"], 1, "{info}");
        let info = ask(&mut driver, "$JS.API.STREAM.INFO.S", "");
        assert_eq!(info["state"]["messages"], 3, "{info}");
        assert_eq!(info["state"]["num_deleted"], 3, "{info}");
    }

    #[test]
    fn sequences_of_lost_messages_stay_used_without_the_consumer() {
        let directory = tempfile::tempdir().unwrap();
        without_its_end(directory.path());
        let mut driver = open(directory.path());
        let answer = ask(&mut driver, "$JS.API.CONSUMER.DELETE.S.C", "");
        assert!(answer["success"] == true, "{answer}");
        driver.stop();
        let mut driver = open(directory.path());
        assert_eq!(ask(&mut driver, "s.a", "new")["seq"], 6);
    }
}
