//! Reading what is known of all messages, as a start does.
//!
//! One thread reads packs, and heads where there is no pack; the other, which called, builds its indexes.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::disk::Disk;
use super::pack::{self, PACK_MESSAGES_MIN, PackId};
use super::record::{StreamId, decode_head, decode_message_key, message_key};
use super::recover::{Unreadable, report};
use super::write::{Table, Writes};
use crate::jetstream::stream::Stored;
use crate::stats::Counters;

/// Messages that one thread hands to the other at a time.
const BATCH_LEN: usize = 4096;

/// Batches that may wait.
const BATCHES_MAX: usize = 8;

/// Changes that are committed together.
const WRITES_MAX: usize = 1024;

type Batch = Vec<(StreamId, Stored)>;

/// Sequences of removed messages that a pack still has, in order.
type Gone = HashMap<PackId, Vec<u64>>;

struct Loader<'a> {
    disk: &'a Disk,
    counters: &'a Counters,
    batches: SyncSender<Batch>,
    batch: Batch,
    known: HashMap<PackId, u32>,
    wanted: Vec<PackId>,
    /// Where the last heads without a pack were found, and how many.
    unpacked: Option<(PackId, usize)>,
}

// ---------------------------------------------------------------------------------------------------------

impl Disk {
    /// Calls `found` with every message of every stream, in order. Records that make no sense are named, counted
    /// and skipped.
    pub(crate) fn each_head(
        &self,
        counters: &Counters,
        mut found: impl FnMut(StreamId, Stored),
    ) -> Result<(), Unreadable> {
        thread::scope(|scope| {
            let (batches, filled) = sync_channel(BATCHES_MAX);
            let loader = Loader {
                disk: self,
                counters,
                batches,
                batch: Batch::new(),
                known: HashMap::new(),
                wanted: Vec::new(),
                unpacked: None,
            };
            let reader = scope.spawn(move || loader.run());
            for batch in filled {
                for (stream, stored) in batch {
                    found(stream, stored);
                }
            }
            reader.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

impl Loader<'_> {
    fn run(mut self) -> Result<(), Unreadable> {
        let rest = match self.packs(message_key(0, 0).to_vec()) {
            Ok(rest) => rest,
            Err((error, rest)) => {
                self.without_packs(&error)?;
                rest
            }
        };
        self.heads(rest, None)?;
        self.flush();
        self.disk.packs.begin(self.known, self.wanted);
        Ok(())
    }

    /// Reads packs, and heads before and between them, from `next` on. Returns the key to go on from.
    fn packs(&mut self, mut next: Vec<u8>) -> Result<Vec<u8>, (fjall::Error, Vec<u8>)> {
        let mut gone = match self.gone() {
            Ok(gone) => gone,
            Err(error) => return Err((error, next)),
        };
        for record in self.disk.records(Table::Packs, ..) {
            let (key, value) = match record {
                Ok(record) => record,
                Err(error) => return Err((error, next)),
            };
            let decoded = decode_message_key(&key).and_then(|(stream, seq)| {
                let pack = PackId::of(stream, seq);
                (pack.first() == seq).then_some(())?;
                Some((pack, pack::decode(pack, &value)?))
            });
            let Some((pack, messages)) = decoded else {
                report(
                    self.counters,
                    Table::Packs.name(),
                    Some(&key),
                    &"unreadable record",
                );
                let mut writes = Writes::default();
                writes.sweep(Table::Packs, key.to_vec());
                if let Err(error) = self.disk.commit_as_is(writes) {
                    return Err((error, next));
                }
                continue;
            };
            if let Err(Unreadable(error)) = self.heads(next.clone(), Some(&key)) {
                return Err((error, next));
            }
            let removed = gone.remove(&pack).unwrap_or_default();
            self.known
                .insert(pack, u32::try_from(removed.len()).unwrap_or(u32::MAX));
            for stored in messages {
                if removed.binary_search(&stored.seq).is_err() {
                    self.push(pack.stream, stored);
                }
            }
            next = message_key(pack.stream, pack.last()).to_vec();
            // Past the last one: no key of a message is longer.
            next.push(0);
        }
        if let Err(error) = self.sweep(gone) {
            return Err((error, next));
        }
        Ok(next)
    }

    fn gone(&self) -> fjall::Result<Gone> {
        let mut gone = Gone::new();
        for record in self.disk.records(Table::Gone, ..) {
            let (key, _) = record?;
            if let Some((stream, seq)) = decode_message_key(&key) {
                gone.entry(PackId::of(stream, seq)).or_default().push(seq);
            }
        }
        Ok(gone)
    }

    /// Removes what packs left behind that are no more.
    fn sweep(&self, gone: Gone) -> fjall::Result<()> {
        let mut writes = Writes::default();
        for (pack, seqs) in gone {
            for seq in seqs {
                writes.sweep(Table::Gone, message_key(pack.stream, seq).to_vec());
            }
            if writes.0.len() >= WRITES_MAX {
                self.disk.commit_as_is(std::mem::take(&mut writes))?;
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.disk.commit_as_is(writes)
    }

    /// Goes on without packs, as some of them cannot be read: the heads have it all. All are dropped, so that no
    /// later start takes one for up to date.
    fn without_packs(&mut self, error: &fjall::Error) -> Result<(), Unreadable> {
        report(self.counters, Table::Packs.name(), None, error);
        self.known.clear();
        self.wanted.clear();
        self.disk
            .clear_packs()
            .map_err(|error| self.disk.unreadable(error))
    }

    /// Reads heads from one key on, up to another or to the end.
    fn heads(&mut self, from: Vec<u8>, to: Option<&[u8]>) -> Result<(), Unreadable> {
        let records = match to {
            Some(to) if *to <= *from => return Ok(()),
            Some(to) => self.disk.records(Table::Heads, from..to.to_vec()),
            None => self.disk.records(Table::Heads, from..),
        };
        for record in records {
            let (key, value) = record.map_err(|error| self.disk.unreadable(error))?;
            let decoded = decode_message_key(&key)
                .and_then(|(stream, seq)| Some((stream, decode_head(seq, &value)?)));
            match decoded {
                Some((stream, stored)) => {
                    self.note_unpacked(PackId::of(stream, stored.seq));
                    self.push(stream, stored);
                }
                None => report(self.counters, "heads", Some(&key), &"unreadable record"),
            }
        }
        Ok(())
    }

    /// Wants a pack where many messages have none, once there are later ones in their stream.
    fn note_unpacked(&mut self, pack: PackId) {
        match &mut self.unpacked {
            Some((last, count)) if *last == pack => *count += 1,
            unpacked => {
                if let Some((last, count)) = unpacked.replace((pack, 1))
                    && last.stream == pack.stream
                    && count >= PACK_MESSAGES_MIN
                {
                    self.wanted.push(last);
                }
            }
        }
    }

    fn push(&mut self, stream: StreamId, stored: Stored) {
        self.batch.push((stream, stored));
        if self.batch.len() >= BATCH_LEN {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Batch::with_capacity(BATCH_LEN));
        // The other end is gone only where the caller panicked.
        let _ = self.batches.send(batch);
    }
}
