//! The database: opening, reading, committing.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::RangeBounds;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Database, Guard, Keyspace, KeyspaceCreateOptions, LsmError, PersistMode, Slice};

use super::checkpoint::Checkpoint;
use super::contain::{Records, contain};
use super::journal;
use super::layout::Layout;
use super::packs::Packs;
use super::record::{StreamId, message_key};
use super::write::{Table, Writes};

/// Memory for blocks read from disk.
const CACHE_LEN: u64 = 16 * 1024 * 1024;

/// Recent changes kept in memory per table before they are written out in order.
const MEMTABLE_LEN_MAX: u64 = 16 * 1024 * 1024;

/// Journal on disk before tables are written out to shorten it: what a start after a kill replays. The least that
/// the database allows.
const JOURNAL_LEN_MAX: u64 = 64 * 1024 * 1024;

/// The open store.
#[derive(Clone)]
pub(crate) struct Disk {
    tables: Tables,
    pub(super) packs: Arc<Packs>,
    pub(super) checkpoint: Arc<Checkpoint>,
    layout: Arc<Layout>,
    /// Keeps other processes out; given up last.
    _lock: Arc<File>,
}

/// The open database.
#[derive(Clone)]
pub(super) struct Tables {
    database: Database,
    meta: Keyspace,
    heads: Keyspace,
    bodies: Keyspace,
    packs: Keyspace,
    gone: Keyspace,
}

// ---------------------------------------------------------------------------------------------------------

impl Disk {
    pub(super) fn new(tables: Tables, layout: Layout, lock: File) -> Self {
        Self {
            tables,
            packs: Arc::default(),
            checkpoint: Arc::default(),
            layout: Arc::new(layout),
            _lock: Arc::new(lock),
        }
    }

    /// Headers and body of a message. Empty if it has neither.
    pub(crate) fn body(&self, stream: StreamId, seq: u64) -> fjall::Result<Bytes> {
        let found = self
            .tables
            .get(Table::Bodies, &message_key(stream, seq))
            .inspect_err(|error| self.note(error))?;
        Ok(found.map_or_else(Bytes::new, Bytes::from))
    }

    /// Hands changes to the operating system: from then on they survive the end of this process.
    pub(crate) fn commit(&self, writes: Writes) -> fjall::Result<()> {
        self.packs
            .during(writes, |writes| self.commit_as_is(writes))
    }

    /// The same for changes that concern no pack, or packs alone.
    pub(super) fn commit_as_is(&self, writes: Writes) -> fjall::Result<()> {
        self.checkpoint.note(writes.0.len() as u64);
        self.tables
            .commit(writes)
            .inspect_err(|error| self.note(error))
    }

    /// Drops all packs.
    pub(super) fn clear_packs(&self) -> fjall::Result<()> {
        self.packs.begin(HashMap::new(), Vec::new());
        self.tables.clear_packs()
    }

    /// Forces everything that was committed to the disk: from then on it survives a loss of power.
    pub(crate) fn sync(&self) -> fjall::Result<()> {
        self.tables.sync().inspect_err(|error| self.note(error))
    }

    /// Has all tables write out what they hold in memory, in the background. Returns the number of the first batch
    /// that may not be among it.
    pub(super) fn begin_writing_out(&self) -> fjall::Result<u64> {
        contain(|| {
            let batch = self.tables.database.seqno();
            for table in Table::ALL {
                self.tables.table(table).rotate_memtable()?;
            }
            Ok(batch)
        })
    }

    /// Whether no table has anything left to write out.
    pub(super) fn is_written_out(&self) -> bool {
        Table::ALL
            .into_iter()
            .all(|table| self.tables.table(table).sealed_memtable_count() == 0)
    }

    /// Notes that everything before a batch is in the tables.
    pub(super) fn note_written(&self, batch: u64) -> fjall::Result<()> {
        Ok(self.layout.note_written(batch)?)
    }

    /// The same as [`Self::sync`], while others can go on to commit.
    pub(super) fn sync_aside(&self) -> io::Result<()> {
        journal::sync(&self.layout.tables)
    }

    /// Moves everything from the journal to the tables.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn write_out(&self) {
        for table in Table::ALL {
            let written = self.tables.table(table).rotate_memtable_and_wait();
            written.expect("tests have a working disk");
        }
    }

    /// Leaves a mark if `error` says that tables are damaged, so that the next start mends them.
    pub(super) fn note(&self, error: &fjall::Error) {
        let is_damage = !matches!(
            error,
            fjall::Error::Io(_) | fjall::Error::Storage(LsmError::Io(_))
        );
        if is_damage && let Err(error) = self.layout.mark() {
            tracing::error!(%error, "Cannot note that the store is damaged");
        }
    }

    /// All records of a table in a range of keys, in order.
    pub(super) fn records(&self, table: Table, range: impl RangeBounds<Vec<u8>>) -> Records {
        self.tables.records(table, range)
    }

    #[cfg(test)]
    pub(super) fn table(&self, table: Table) -> &Keyspace {
        self.tables.table(table)
    }
}

impl Tables {
    pub(super) fn open(path: &Path) -> fjall::Result<Self> {
        contain(|| Self::try_open(path))
    }

    fn try_open(path: &Path) -> fjall::Result<Self> {
        let database = Database::builder(path)
            .worker_threads(1)
            .cache_size(CACHE_LEN)
            .max_journaling_size(JOURNAL_LEN_MAX)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_LEN_MAX);
        Ok(Self {
            meta: database.keyspace("meta", options)?,
            heads: database.keyspace("heads", options)?,
            bodies: database.keyspace("bodies", options)?,
            packs: database.keyspace("packs", options)?,
            gone: database.keyspace("gone", options)?,
            database,
        })
    }

    /// Drops all packs.
    pub(super) fn clear_packs(&self) -> fjall::Result<()> {
        contain(|| {
            self.packs.clear()?;
            self.gone.clear()
        })
    }

    pub(super) fn commit(&self, writes: Writes) -> fjall::Result<()> {
        let mut batch = self.database.batch();
        for write in writes.0 {
            let table = self.table(write.table);
            match write.value {
                Some(value) => batch.insert(table, write.key, value),
                None => batch.remove(table, write.key),
            }
        }
        contain(|| batch.commit())
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> fjall::Result<Option<Slice>> {
        contain(|| self.table(table).get(key))
    }

    /// All records in a range of keys, in order.
    pub(super) fn records(&self, table: Table, range: impl RangeBounds<Vec<u8>>) -> Records {
        Records::new(|| self.table(table).range(range))
    }

    pub(super) fn last_key(&self, table: Table) -> fjall::Result<Option<Slice>> {
        contain(|| {
            self.table(table)
                .last_key_value()
                .map(Guard::key)
                .transpose()
        })
    }

    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncData)
    }

    fn table(&self, table: Table) -> &Keyspace {
        match table {
            Table::Meta => &self.meta,
            Table::Heads => &self.heads,
            Table::Bodies => &self.bodies,
            Table::Packs => &self.packs,
            Table::Gone => &self.gone,
        }
    }
}
