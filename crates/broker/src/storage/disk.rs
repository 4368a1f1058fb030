//! The database: opening, reading, committing.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, LsmError, PersistMode};

use super::layout::Layout;
use super::record::{StreamId, message_key};
use super::write::{Table, Writes};

/// Memory for blocks read from disk.
const CACHE_LEN: u64 = 16 * 1024 * 1024;

/// Recent changes kept in memory per table before they are written out in order.
const MEMTABLE_LEN_MAX: u64 = 16 * 1024 * 1024;

/// Journal on disk before tables are written out to shorten it.
const JOURNAL_LEN_MAX: u64 = 128 * 1024 * 1024;

/// The open store.
#[derive(Clone)]
pub(crate) struct Disk {
    tables: Tables,
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
}

// ---------------------------------------------------------------------------------------------------------

impl Disk {
    pub(super) fn new(tables: Tables, layout: Layout, lock: File) -> Self {
        Self {
            tables,
            layout: Arc::new(layout),
            _lock: Arc::new(lock),
        }
    }

    /// Headers and body of a message. Empty if it has neither.
    pub(crate) fn body(&self, stream: StreamId, seq: u64) -> fjall::Result<Bytes> {
        let found = self
            .tables
            .bodies
            .get(message_key(stream, seq))
            .inspect_err(|error| self.note(error))?;
        Ok(found.map_or_else(Bytes::new, Bytes::from))
    }

    /// Hands changes to the operating system: from then on they survive the end of this process.
    pub(crate) fn commit(&self, writes: Writes) -> fjall::Result<()> {
        self.tables
            .commit(writes)
            .inspect_err(|error| self.note(error))
    }

    /// Forces everything that was committed to the disk: from then on it survives a loss of power.
    pub(crate) fn sync(&self) -> fjall::Result<()> {
        self.tables.sync().inspect_err(|error| self.note(error))
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

    pub(super) fn table(&self, table: Table) -> &Keyspace {
        self.tables.table(table)
    }
}

impl Tables {
    pub(super) fn open(path: &Path) -> fjall::Result<Self> {
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
            database,
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
        batch.commit()
    }

    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncData)
    }

    pub(super) fn table(&self, table: Table) -> &Keyspace {
        match table {
            Table::Meta => &self.meta,
            Table::Heads => &self.heads,
            Table::Bodies => &self.bodies,
        }
    }
}
