//! Streams that take messages from other streams.

use std::collections::BTreeSet;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Arrival, Engine, Owner};
use crate::jetstream::clock::{Nanos, Now};
use crate::jetstream::config::StreamConfig;
use crate::jetstream::source::{Life, Positions, Source, Verdict};
use crate::jetstream::stream::{Done, Scan, Sender};
use crate::storage::StreamId;

/// Messages that are taken from one source in a row, so that streams take turns.
const PORTION: usize = 256;

/// Sources that were removed whose positions are remembered, by stream.
const PAST_MAX: usize = 128;

/// How long a stream waits before it asks again for what it had no room for.
const RETRY_INTERVAL: Nanos = 250_000_000;

/// What is to be done next about a source.
enum Next {
    Take {
        seq: u64,
        message: Arrival,
    },
    /// Everything up to here is none of its business, or cannot be read.
    Pass {
        seq: u64,
        is_end: bool,
    },
}

impl Engine {
    /// Makes the sources of a configuration, which go on where those with the same wishes stopped.
    pub(super) fn new_sources(config: &StreamConfig, positions: &Positions) -> Vec<Source> {
        let sources = config.sources.iter().cloned().map(Source::new);
        sources
            .map(|mut source| {
                source.resume(positions.get(&source.key()).copied());
                source
            })
            .collect()
    }

    /// Takes from the sources that the configuration of a stream names now, and from no others. How far those came that
    /// are removed is remembered, so that nothing comes twice if they are added again.
    pub(super) fn replace_sources(&mut self, now: Now, id: StreamId) {
        let Some(slot) = self.streams.get_mut(&id) else {
            return;
        };
        let positions = slot.source_positions();
        let sources = Self::new_sources(slot.core.config(), &positions);
        slot.past_positions = positions;
        let is_used = |key: &str| sources.iter().any(|source| source.key() == *key);
        slot.past_positions.retain(|key, _| !is_used(key));
        while slot.past_positions.len() > PAST_MAX {
            slot.past_positions.pop_first();
        }
        let had_none = std::mem::replace(&mut slot.sources, sources).is_empty();
        if had_none && slot.sources.is_empty() {
            return;
        }
        let origins = self.unfollow(id);
        self.follow(id);
        self.write_positions(id);
        self.release_origins(now, &origins);
    }

    /// Notes which streams are to be told when another one changes, and lets them catch up.
    pub(super) fn follow(&mut self, id: StreamId) {
        let names: BTreeSet<String> = self
            .streams
            .get(&id)
            .into_iter()
            .flat_map(|slot| &slot.sources)
            .map(|source| source.stream().to_owned())
            .collect();
        for name in names {
            self.followers.entry(name).or_default().insert(id);
        }
        self.make_sourcing(id);
    }

    /// Forgets what [`Self::follow`] noted. Returns the names of the streams that this one followed.
    pub(super) fn unfollow(&mut self, id: StreamId) -> Vec<String> {
        let mut lost = Vec::new();
        self.followers.retain(|name, followers| {
            if followers.remove(&id) {
                lost.push(name.clone());
            }
            !followers.is_empty()
        });
        self.timers.set(Owner::Sources(id), None);
        lost
    }

    /// Lets streams with these names drop what they kept for a follower that they may have lost.
    pub(super) fn release_origins(&mut self, now: Now, names: &[String]) {
        for name in names {
            if let Some(origin) = self.stream_names.get(name.as_str()) {
                self.release_unneeded(now, *origin);
            }
        }
    }

    /// The sources of all streams that take from this one, and which of its lives this is.
    pub(super) fn sources_of(&self, id: StreamId) -> impl Iterator<Item = (&Source, Life)> {
        let origin = self.streams.get(&id);
        let followers = origin.and_then(|origin| {
            let followers = self.followers.get(&*origin.name)?;
            Some((origin, followers))
        });
        followers.into_iter().flat_map(move |(origin, followers)| {
            followers
                .iter()
                .filter_map(|follower| self.streams.get(follower))
                .flat_map(|slot| &slot.sources)
                .filter(|source| *source.stream() == *origin.name)
                .map(move |source| (source, origin.life(id)))
        })
    }

    /// Lets the streams that take from this one look for something new.
    pub(super) fn wake_followers(&mut self, id: StreamId) {
        if self.followers.is_empty() {
            return;
        }
        let followers = self
            .streams
            .get(&id)
            .and_then(|slot| self.followers.get(&*slot.name));
        for follower in followers.cloned().unwrap_or_default() {
            self.make_sourcing(follower);
        }
    }

    /// Lets a stream look for something new in its sources.
    pub(super) fn make_sourcing(&mut self, id: StreamId) {
        if let Some(slot) = self.streams.get_mut(&id)
            && !slot.sources.is_empty()
            && !std::mem::replace(&mut slot.is_sourcing, true)
        {
            self.sourcing.push_back(id);
        }
    }

    /// A stream has room again: it may have waited for that.
    pub(super) fn retry_sources(&mut self, id: StreamId) {
        let is_waiting = self.streams.get_mut(&id).is_some_and(|slot| {
            std::mem::take(&mut slot.has_full_source) && !slot.sources.is_empty()
        });
        if is_waiting {
            self.timers.set(Owner::Sources(id), None);
            self.make_sourcing(id);
        }
    }

    /// Lets each stream that may have something to take, take a portion of each source.
    pub(super) fn poll_sources(&mut self, now: Now) {
        for _ in 0..self.sourcing.len() {
            let Some(id) = self.sourcing.pop_front() else {
                return;
            };
            let Some(slot) = self.streams.get_mut(&id) else {
                continue;
            };
            slot.is_sourcing = false;
            let count = slot.sources.len();
            let mut has_taken = false;
            let mut has_more = false;
            for at in 0..count {
                let (taken, more) = self.take_portion(now, id, at);
                has_taken |= taken;
                has_more |= more;
            }
            if has_taken {
                self.write_positions(id);
            }
            if has_more {
                self.make_sourcing(id);
            }
        }
    }

    /// Takes messages from one source. Tells whether it took any, and whether there may be more at once.
    fn take_portion(&mut self, now: Now, id: StreamId, at: usize) -> (bool, bool) {
        let mut has_taken = false;
        for _ in 0..PORTION {
            let Some((origin, life, next)) = self.next_of_source(id, at) else {
                return (has_taken, false);
            };
            match next {
                Next::Pass { seq, is_end } => {
                    self.pass_source(id, at, life, seq);
                    if is_end {
                        return (has_taken, false);
                    }
                }
                Next::Take { seq, message } => {
                    let outcome = self.accept(now, id, &message);
                    let verdict = Verdict::of(&outcome);
                    if verdict == Verdict::Full {
                        self.wait_for_room(now, id);
                        return (has_taken, false);
                    }
                    has_taken = true;
                    self.pass_source(id, at, life, seq);
                    if verdict == Verdict::Taken {
                        self.settle(now, origin, seq, Done::Source);
                    } else {
                        self.counters.dropped.add(1);
                        tracing::warn!(stream.id = id, seq, ?outcome, "Skipped message of source");
                    }
                }
            }
        }
        (has_taken, true)
    }

    /// Looks for the next message of a source. None if there is no such stream.
    fn next_of_source(&self, id: StreamId, at: usize) -> Option<(StreamId, Life, Next)> {
        let slot = self.streams.get(&id)?;
        let source = slot
            .sources
            .get(at)
            .filter(|_| !slot.core.config().sealed)?;
        let origin_id = *self.stream_names.get(source.stream())?;
        let origin = self.streams.get(&origin_id)?;
        let life = origin.life(origin_id);
        let index = origin.core.index();
        let pass = |seq: u64, is_end: bool| (origin_id, life, Next::Pass { seq, is_end });
        let entry = match source.next(life, index) {
            Scan::Found(entry) => entry,
            Scan::Unfinished { next } => return Some(pass(next - 1, false)),
            Scan::End => return Some(pass(index.last_seq(), true)),
        };
        let seq = entry.seq;
        let Some(payload) = self.body(origin_id, &entry) else {
            return Some(pass(seq, false));
        };
        let (headers, body) = payload.split_at(entry.header_len as usize);
        let headers = source.headers(headers, seq);
        let mut whole = BytesMut::with_capacity(headers.len() + body.len());
        whole.put_slice(&headers);
        whole.put_slice(body);
        let message = Arrival {
            subject: source
                .subject(entry.subject)
                .map_or_else(|| entry.subject.clone(), Bytes::from),
            header_len: headers.len(),
            payload: whole.freeze(),
            sender: Sender::Source,
        };
        Some((origin_id, life, Next::Take { seq, message }))
    }

    fn wait_for_room(&mut self, now: Now, id: StreamId) {
        if let Some(slot) = self.streams.get_mut(&id) {
            slot.has_full_source = true;
        }
        let due = now.tick.plus(RETRY_INTERVAL);
        self.timers.set(Owner::Sources(id), Some(due));
    }

    fn pass_source(&mut self, id: StreamId, at: usize, life: Life, seq: u64) {
        let slot = self.streams.get_mut(&id);
        if let Some(source) = slot.and_then(|slot| slot.sources.get_mut(at)) {
            source.passed(life, seq);
        }
    }

    /// Stores how far the sources of a stream have come, in one batch with what was taken.
    pub(super) fn write_positions(&mut self, id: StreamId) {
        let Some(slot) = self.streams.get_mut(&id) else {
            return;
        };
        if slot.is_file() {
            let positions = slot.source_positions();
            let writes = self.gate.writes_of(&mut slot.gate, slot.is_synced);
            writes.source_positions(id, &positions);
        }
    }
}
