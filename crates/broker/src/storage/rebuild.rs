//! Copying what can be read of damaged tables into new ones.
//!
//! A damaged block makes an iteration over its table lose everything behind it. Messages have numbers, so the
//! copy steps over the block by asking for one number after another until one can be read again.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;

use super::disk::Tables;
use super::record::{MetaKey, StreamId, decode_message_key, message_key};
use super::recover::report;
use super::write::{Table, Writes};
use crate::stats::Counters;

/// Numbers of one stream that are asked for before the copy goes on with the next stream.
const PROBES_MAX: u64 = 16 * 1024 * 1024;

/// Numbers that are asked for before the copy tries to iterate again.
const PROBES_IN_ONE_GO: u64 = 64 * 1024;

/// What is written in one go.
const BATCH_LEN: usize = 1024;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Whether everything in the tables can be read.
pub(super) fn is_sound(tables: &Tables) -> bool {
    Table::ALL
        .into_iter()
        .all(|table| tables.records(table, ..).all(|record| record.is_ok()))
}

/// Copies what can be read of `from` to a new database in `path`, without packs, which tell nothing new. Each record that cannot is named and counted.
pub(super) fn rebuild(from: &Tables, path: &Path, counters: &Counters) -> fjall::Result<()> {
    let to = Tables::open(path)?;
    let mut copy = Copy {
        from,
        to: &to,
        counters,
        streams: BTreeSet::new(),
        writes: Writes::default(),
        bytes: 0,
    };
    copy.meta()?;
    copy.messages(Table::Heads)?;
    copy.messages(Table::Bodies)?;
    copy.flush()?;
    to.sync()
}

struct Copy<'a> {
    from: &'a Tables,
    to: &'a Tables,
    counters: &'a Counters,
    /// The streams that are known.
    streams: BTreeSet<StreamId>,
    writes: Writes,
    bytes: usize,
}

impl Copy<'_> {
    fn meta(&mut self) -> fjall::Result<()> {
        for record in self.from.records(Table::Meta, ..) {
            let Ok((key, value)) = record else {
                return self.meta_one_by_one();
            };
            self.put_meta(&key, value.into())?;
        }
        Ok(())
    }

    /// The same for a table that cannot be iterated over.
    fn meta_one_by_one(&mut self) -> fjall::Result<()> {
        self.meta_key(&MetaKey::NextId.encode())?;
        for id in 0..=self.stream_id_max().min(StreamId::MAX - 1) {
            if !self.meta_key(&MetaKey::Stream(id).encode())? {
                continue;
            }
            self.meta_key(&MetaKey::Bounds(id).encode())?;
            self.meta_key(&MetaKey::Sources(id).encode())?;
            for (prefix, next) in [
                (MetaKey::Consumer(id, ""), MetaKey::Consumer(id + 1, "")),
                (
                    MetaKey::ConsumerState(id, ""),
                    MetaKey::ConsumerState(id + 1, ""),
                ),
            ] {
                let range = prefix.encode()..next.encode();
                for record in self.from.records(Table::Meta, range) {
                    match record {
                        Ok((key, value)) => self.put_meta(&key, value.into())?,
                        Err(error) => {
                            report(self.counters, "meta", Some(&prefix.encode()), &error);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Copies one record. Returns whether there is one, readable or not.
    fn meta_key(&mut self, key: &[u8]) -> fjall::Result<bool> {
        match self.from.get(Table::Meta, key) {
            Ok(Some(value)) => self.put_meta(key, value.into())?,
            Ok(None) => return Ok(false),
            Err(error) => report(self.counters, "meta", Some(key), &error),
        }
        Ok(true)
    }

    /// The highest number of a stream that anything tells of.
    fn stream_id_max(&self) -> StreamId {
        let last_key = |table| self.from.last_key(table).ok().flatten();
        let of_messages = [Table::Heads, Table::Bodies]
            .map(|table| decode_message_key(&last_key(table)?).map(|(id, _)| id));
        // Streams come last in that table.
        let of_meta = last_key(Table::Meta).and_then(|key| match MetaKey::decode(&key)? {
            MetaKey::Stream(id) => Some(id),
            _ => None,
        });
        let of_copied = self.streams.last().copied();
        let known = of_messages
            .into_iter()
            .chain([of_meta, of_copied])
            .flatten();
        // Without any hint, the first thousand.
        known.max().unwrap_or(1000)
    }

    fn put_meta(&mut self, key: &[u8], value: Bytes) -> fjall::Result<()> {
        match MetaKey::decode(key) {
            Some(
                MetaKey::Stream(id)
                | MetaKey::Bounds(id)
                | MetaKey::Sources(id)
                | MetaKey::Consumer(id, _)
                | MetaKey::ConsumerState(id, _),
            ) => {
                self.streams.insert(id);
            }
            Some(MetaKey::NextId) | None => {}
        }
        self.put(Table::Meta, key.to_vec(), value)
    }

    fn messages(&mut self, table: Table) -> fjall::Result<()> {
        let mut from = Some((0, 0));
        let mut probes = 0;
        while let Some(start) = from {
            let Some(at) = self.copy_to_damage(table, start)? else {
                return Ok(());
            };
            if at.0 != start.0 {
                probes = 0;
            }
            from = self.step_over(table, at, &mut probes)?;
        }
        Ok(())
    }

    /// Copies from a place on. Returns the place where reading failed, if it did.
    fn copy_to_damage(
        &mut self,
        table: Table,
        start: (StreamId, u64),
    ) -> fjall::Result<Option<(StreamId, u64)>> {
        let mut next = start;
        let range = message_key(start.0, start.1).to_vec()..;
        for record in self.from.records(table, range) {
            let Ok((key, value)) = record else {
                return Ok(Some(next));
            };
            if let Some((stream, seq)) = decode_message_key(&key) {
                self.streams.insert(stream);
                next = (stream, seq.saturating_add(1));
            }
            self.put(table, key.to_vec(), value.into())?;
        }
        Ok(None)
    }

    /// Copies one by one from a place on until damage was met and is over. Returns where to go on, if anywhere.
    fn step_over(
        &mut self,
        table: Table,
        (stream, start): (StreamId, u64),
        probes: &mut u64,
    ) -> fjall::Result<Option<(StreamId, u64)>> {
        let mut is_met = false;
        for seq in start..start.saturating_add(PROBES_IN_ONE_GO) {
            let key = message_key(stream, seq);
            match self.from.get(table, &key) {
                Ok(Some(_)) if is_met => return Ok(Some((stream, seq))),
                Ok(Some(value)) => self.put(table, key.to_vec(), value.into())?,
                Ok(None) => {}
                Err(error) => {
                    is_met = true;
                    report(self.counters, table.name(), Some(&key), &error);
                }
            }
        }
        *probes += PROBES_IN_ONE_GO;
        if *probes < PROBES_MAX {
            return Ok(Some((stream, start.saturating_add(PROBES_IN_ONE_GO))));
        }
        tracing::error!(
            table = table.name(),
            stream,
            seq = start,
            "Gave up on the rest of a stream"
        );
        let following = self.streams.range(stream.saturating_add(1)..).next();
        Ok(following.map(|stream| (*stream, 0)))
    }

    fn put(&mut self, table: Table, key: Vec<u8>, value: Bytes) -> fjall::Result<()> {
        self.bytes += value.len();
        self.writes.copy(table, key, value);
        if self.writes.0.len() >= BATCH_LEN || self.bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> fjall::Result<()> {
        self.bytes = 0;
        self.to.commit(std::mem::take(&mut self.writes))
    }
}
