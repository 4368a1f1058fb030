//! What is left after a log was damaged, cut or cleaned.

mod cleaning;
mod damage;
mod summaries;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::log::Log;
use super::messages::Messages;
use super::open::Disk;
use super::record::{Bounds, StreamId, StreamRecord};
use super::{cost, segment};
use crate::jetstream::clock::WallTime;
use crate::jetstream::config::StreamConfig;
use crate::jetstream::stream::{Expiry, Place, Stored};
use crate::stats::Counters;

const STREAM: StreamId = 1;

/// A store with the messages it holds, as the engine would know them.
struct Store {
    log: Log,
    found: BTreeMap<u64, Place>,
    counters: Counters,
    directory: PathBuf,
    _lock: fs::File,
}

impl Store {
    fn open(directory: &Path) -> Self {
        let counters = Counters::default();
        let disk = Disk::open(directory, &counters).unwrap();
        let mut store = Self {
            log: disk.log,
            found: BTreeMap::new(),
            counters,
            directory: directory.join("log"),
            _lock: disk.lock,
        };
        store.take(disk.messages);
        store
    }

    /// Takes over messages after checking that they are what was written.
    fn take(&mut self, mut messages: Messages) {
        for stream in messages.streams() {
            assert_eq!(stream.id, STREAM);
            for found in stream.messages() {
                let stored = Stored {
                    seq: found.seq,
                    subject: stream.subjects[found.subject as usize].clone(),
                    time: found.time,
                    header_len: found.header_len,
                    body_len: found.body_len,
                    msg_id: found.msg_id.map(Box::from),
                    expiry: found.expiry,
                };
                assert_eq!(stored, message(found.seq));
                assert!(self.found.insert(found.seq, found.place).is_none());
                self.log.count_in(found.place.0, cost_of(found.seq));
            }
        }
    }

    fn fill_records(&mut self) {
        let record = StreamRecord {
            config: StreamConfig {
                name: "S".to_owned(),
                ..StreamConfig::default()
            },
            created: 1,
        };
        self.log.next_id(STREAM + 1);
        self.log.stream(STREAM, &record);
        self.log.bounds(STREAM, Bounds::default());
        self.log.commit(false).unwrap();
    }

    /// Stores a message in a batch of its own.
    fn put(&mut self, seq: u64) {
        let place = self.log.message(STREAM, &message(seq), &body(seq));
        self.found.insert(seq, place);
        self.log.commit(false).unwrap();
    }

    fn forget(&mut self, seq: u64) {
        let place = self.found.remove(&seq).unwrap();
        self.log.forget(STREAM, seq, place, cost_of(seq));
        self.log.commit(false).unwrap();
    }

    /// The messages whose bodies are what was written.
    fn readable(&self) -> Vec<u64> {
        let is_readable = |seq: u64, place: Place| {
            let found = self.log.body(STREAM, seq, place, body(seq).len());
            found.is_ok_and(|found| found == body(seq))
        };
        let mut readable = Vec::new();
        for (seq, place) in &self.found {
            if is_readable(*seq, *place) {
                readable.push(*seq);
            }
        }
        readable
    }

    fn reopen(self) -> Self {
        let root = self.directory.parent().unwrap().to_owned();
        drop(self);
        Self::open(&root)
    }

    fn reported(&self) -> (u64, u64) {
        let counters = &self.counters;
        (counters.corrupt_records.get(), counters.torn_batches.get())
    }

    fn has_stream(&self) -> bool {
        let found = self.log.recover(&self.counters);
        found.streams.contains_key(&STREAM) && found.next_id == STREAM + 1
    }

    fn segments(&self) -> Vec<u32> {
        segment::list(&self.directory).unwrap()
    }

    /// Cleans until there is nothing to clean, as the engine does.
    fn clean(&mut self) {
        let first = self.log.last;
        self.log.choose_cleaning();
        while let Some(wanted) = self.log.next_to_clean() {
            self.clean_portion(wanted);
            self.remove();
            self.log.choose_cleaning();
            assert!(self.log.last - first < 1000, "the cleaning never ends");
        }
    }

    fn clean_portion(&mut self, wanted: super::Wanted) {
        let found = &self.found;
        let is_live = |_, seq, place| found.get(&seq) == Some(&place);
        for moved in self.log.clean(&wanted.read(), is_live) {
            let from = self.found.insert(moved.seq, moved.to).unwrap();
            self.log.count_out(from.0, cost_of(moved.seq));
            self.log.count_in(moved.to.0, cost_of(moved.seq));
        }
        self.log.commit(false).unwrap();
    }

    fn remove(&mut self) {
        for number in self.log.take_removed() {
            fs::remove_file(segment::path(&self.directory, number)).unwrap();
        }
    }
}

fn message(seq: u64) -> Stored {
    Stored {
        seq,
        subject: format!("subject.number.{seq}").into(),
        time: WallTime(1_700_000_000_000_000_000),
        header_len: 0,
        body_len: u32::try_from(body(seq).len()).unwrap(),
        msg_id: None,
        expiry: Expiry::Stream,
    }
}

/// Not the same for each message, and nothing for some.
fn body(seq: u64) -> Vec<u8> {
    if seq.is_multiple_of(50) {
        return Vec::new();
    }
    (0..100_u64).map(|at| (seq * 31 + at * 7) as u8).collect()
}

fn cost_of(seq: u64) -> u64 {
    cost(message(seq).subject.len(), body(seq).len())
}

/// A store with these messages in a new directory.
fn filled(directory: &Path, messages: u64) -> Store {
    let mut store = Store::open(directory);
    store.fill_records();
    for seq in 1..=messages {
        store.put(seq);
    }
    store
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0xff;
    fs::write(path, bytes).unwrap();
}
