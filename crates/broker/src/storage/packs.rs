//! Which packs there are, and how they are made.
//!
//! A pack is made in the background once all its sequences are used. From then on the number of each of its
//! messages that is removed is noted in the table `gone`; when those are many, the pack is made anew.
//!
//! Removing and packing meet in [`Packs::known`]: who commits holds it for reading, so a removal either is
//! committed before a pack is announced, and the pack does not have the message, or it is noted as gone.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;

use super::disk::Disk;
use super::pack::{self, GONE_MAX, PACK_LEN, PACK_MESSAGES_MIN, PackId};
use super::record::{StreamId, decode_head, decode_message_key, message_key};
use super::write::{Table, Write, Writes};

/// The packs of a store.
#[derive(Debug, Default)]
pub(super) struct Packs {
    /// Each with the number of messages that were removed since it was made.
    known: RwLock<HashMap<PackId, AtomicU32>>,
    /// Those to be made.
    wanted: Mutex<VecDeque<PackId>>,
}

// ---------------------------------------------------------------------------------------------------------

impl Packs {
    /// Begins with packs that were read.
    pub(super) fn begin(&self, known: HashMap<PackId, u32>, wanted: Vec<PackId>) {
        let worn = known.iter().filter(|(_, gone)| **gone >= GONE_MAX);
        let mut wanted: VecDeque<PackId> = wanted.into();
        wanted.extend(worn.map(|(pack, _)| *pack));
        let known = known
            .into_iter()
            .map(|(pack, gone)| (pack, AtomicU32::new(gone)))
            .collect();
        // First: another thread announces a pack as soon as one is wanted.
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        *self.wanted() = wanted;
    }

    /// Calls `commit` with `writes` and what they mean for packs.
    pub(super) fn during<T>(&self, mut writes: Writes, commit: impl FnOnce(Writes) -> T) -> T {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut gone = Vec::new();
        for write in &writes.0 {
            if write.table != Table::Heads {
                continue;
            }
            let Some((stream, seq)) = decode_message_key(&write.key) else {
                continue;
            };
            if write.value.is_some() {
                if seq.is_multiple_of(PACK_LEN) && seq > 0 {
                    self.wanted().push_back(PackId::of(stream, seq - 1));
                }
            } else if let Some(count) = known.get(&PackId::of(stream, seq)) {
                gone.push(Write {
                    table: Table::Gone,
                    key: write.key.clone(),
                    value: Some(Bytes::new()),
                });
                if count.fetch_add(1, Ordering::Relaxed) + 1 == GONE_MAX {
                    self.wanted().push_back(PackId::of(stream, seq));
                }
            }
        }
        writes.0.extend(gone);
        commit(writes)
    }

    fn announce(&self, pack: PackId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(pack).or_default();
    }

    /// Forgets the packs that `is_dropped` says.
    fn drop_where(&self, is_dropped: impl Fn(PackId) -> bool) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|pack, _| !is_dropped(*pack));
    }

    /// Notes that the numbers of so many removed messages are not kept any more.
    fn renewed(&self, pack: PackId, gone: usize) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.get(&pack) {
            let gone = u32::try_from(gone).unwrap_or(u32::MAX);
            // An earlier pack may have left some behind that were not counted.
            let less = |count: u32| Some(count.saturating_sub(gone));
            let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    fn wanted(&self) -> MutexGuard<'_, VecDeque<PackId>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// Whether there is a pack to be made.
    pub(super) fn wants_packing(&self) -> bool {
        !self.packs.wanted().is_empty()
    }

    /// Makes all packs that are wanted.
    #[cfg(test)]
    pub(super) fn pack_all(&self) {
        while self.wants_packing() {
            self.pack_next().expect("tests have a working disk");
        }
    }

    /// Makes no packs until more are wanted.
    pub(super) fn drop_wanted(&self) {
        self.packs.wanted().clear();
    }

    /// Makes one pack, or makes one anew. At most one thread may do so at a time.
    pub(super) fn pack_next(&self) -> fjall::Result<()> {
        let Some(pack) = self.packs.wanted().pop_front() else {
            return Ok(());
        };
        self.packs.announce(pack);
        let made = self.make(pack);
        if !matches!(made, Ok(true)) {
            self.packs.drop_where(|known| known == pack);
        }
        made.map(|_| ())
    }

    /// Forgets the packs of messages before `below`. Returns up to where none is left in the tables either, once
    /// all keys up to there are removed from them.
    pub(super) fn unpack(&self, stream: StreamId, below: u64) -> u64 {
        let upto = PackId::of(stream, below).first();
        self.packs
            .drop_where(|pack| pack.stream == stream && pack.last() < upto);
        upto
    }

    /// Writes a pack of what the heads say. False if it is not worth one.
    fn make(&self, pack: PackId) -> fjall::Result<bool> {
        let keys = || {
            let [first, last] =
                [pack.first(), pack.last()].map(|seq| message_key(pack.stream, seq));
            first.to_vec()..=last.to_vec()
        };
        let mut writes = Writes::default();
        // First: the heads of these are gone for certain.
        for record in self.records(Table::Gone, keys()) {
            writes.sweep(Table::Gone, record?.0.to_vec());
        }
        let gone = writes.0.len();
        let mut messages = Vec::new();
        for record in self.records(Table::Heads, keys()) {
            let (key, value) = record?;
            let stored = decode_message_key(&key).and_then(|(_, seq)| decode_head(seq, &value));
            // Those that make no sense are named at a start, which therefore has to see them.
            let Some(stored) = stored else {
                messages.clear();
                break;
            };
            messages.push(stored);
        }
        let key = message_key(pack.stream, pack.first()).to_vec();
        let is_worth_it = messages.len() >= PACK_MESSAGES_MIN;
        if is_worth_it {
            writes.copy(Table::Packs, key, pack::encode(&messages).into());
        } else {
            writes.sweep(Table::Packs, key);
        }
        self.commit_as_is(writes)?;
        self.packs.renewed(pack, gone);
        Ok(is_worth_it)
    }
}
