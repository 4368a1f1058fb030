//! Damage in the journal is cut out before the database opens it.
//!
//! The database itself drops everything behind the first damaged place of its journal, or does not open at all.
//! Its journal is a sequence of batches: a start mark, items, and an end mark with a checksum and a trailer. A
//! batch that does not hold is named, counted and left out; the good ones before and after it stay. The journal
//! as it was is kept next to it, as `*.jnl.damaged`. Batches that are in the tables already are cut out as well.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use memchr::memmem;
use xxhash_rust::xxh3::Xxh3;

use crate::stats::Counters;

const EXTENSION: &str = "jnl";

const TAG_START: u8 = 1;
const TAG_ITEM: u8 = 2;
const TAG_END: u8 = 3;
const TAG_CLEAR: u8 = 4;

/// Behind each batch.
const TRAILER: [u8; 4] = *b"FJL\x03";

/// What an item has between its tag and its key: kind, compression, table, and the lengths of key and value.
const ITEM_HEAD_LEN: usize = 1 + 1 + 8 + 2 + 4 + 4;

/// Number of a batch beyond what any store gets to.
const SEQNO_MAX: u64 = 1 << 48;

/// Bytes that are worth cutting out. Few in tests, so that they meet it.
const CUT_MIN: u64 = if cfg!(any(test, fuzzing)) {
    1
} else {
    1024 * 1024
};

/// Bytes looked at in search of a good batch. Only content that was made to look like batches needs as many.
const SEARCH_MAX: usize = 1024 * 1024 * 1024;

/// What the journals hold.
#[derive(Debug, Default)]
pub(super) struct Mended {
    pub(super) is_damaged: bool,
    /// Changes that are to be replayed, at least.
    pub(super) changes: u64,
}

/// What stands at some place of a journal.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Batch(Batch),
    /// A batch of this length whose content is not what was written.
    Mismatch(u64),
    /// No batch, or only a part of one.
    Nothing,
}

#[derive(Debug, PartialEq, Eq)]
struct Batch {
    len: u64,
    number: u64,
    changes: u32,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Inspection {
    good: Vec<Range<u64>>,
    /// Up to here everything is in the tables.
    written: u64,
    /// Changes in good batches behind that and before any damage.
    changes: u64,
    damaged: Vec<Range<u64>>,
    /// The last batch was being written when the process ended. Nobody counts on it.
    is_torn: bool,
}

// ---------------------------------------------------------------------------------------------------------

/// Mends all journals in `directory`, which nothing else may have open, and cuts what is in the tables already:
/// the batches before the one with the number `written`.
pub(super) fn mend(directory: &Path, written: u64, counters: &Counters) -> io::Result<Mended> {
    let mut mended = Mended::default();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(mended),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|found| found != EXTENSION) {
            continue;
        }
        let inspection = inspect(&path, written)?;
        mended.changes += inspection.changes;
        for part in &inspection.damaged {
            counters.corrupt_records.add(1);
            tracing::error!(
                journal = %path.display(),
                offset = part.start,
                bytes = part.end - part.start,
                "Skipped damaged batch"
            );
        }
        if inspection.is_torn {
            counters.torn_batches.add(1);
            tracing::info!(journal = %path.display(), "Dropped a batch that was being written");
        }
        if !inspection.damaged.is_empty() {
            fs::copy(&path, path.with_extension("jnl.damaged"))?;
            mended.is_damaged = true;
        }
        if !inspection.damaged.is_empty() || inspection.written >= CUT_MIN {
            rewrite(&path, &inspection.unwritten())?;
        }
    }
    Ok(mended)
}

impl Inspection {
    /// The good parts that are not in the tables.
    fn unwritten(&self) -> Vec<Range<u64>> {
        let parts = self.good.iter();
        parts
            .map(|part| part.start.max(self.written)..part.end)
            .filter(|part| !part.is_empty())
            .collect()
    }
}

/// Forces all journals in `directory` to the disk while the database goes on writing them.
///
/// The database would let nobody commit meanwhile. What was committed before the call is then on the disk: a
/// journal is synced before the database begins another, and it is removed only when the tables have its content.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|found| found != EXTENSION) {
            continue;
        }
        match OpenOptions::new().write(true).open(&path) {
            Ok(journal) => journal.sync_data()?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn inspect(path: &Path, written: u64) -> io::Result<Inspection> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut position = 0;
    let mut inspection = Inspection::default();
    // Numbers have no checksum, but they grow.
    let (mut is_written, mut last) = (true, None);
    while let Found::Batch(batch) = read_batch(&mut reader)? {
        position += batch.len;
        is_written &= batch.number < written && last.is_none_or(|last| last < batch.number);
        last = Some(batch.number);
        if is_written {
            inspection.written = position;
        } else {
            inspection.changes += u64::from(batch.changes);
        }
    }
    let whole = 0..position;
    reader.seek(SeekFrom::Start(position))?;
    if is_zero(&mut reader)? {
        // The usual end: room that was set aside.
        inspection.good.push(whole);
        return Ok(inspection);
    }
    reader.seek(SeekFrom::Start(position))?;
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest)?;
    let rest = inspect_rest(&rest, position)?;
    inspection.good.push(whole);
    inspection.good.extend(rest.good);
    Ok(Inspection {
        damaged: rest.damaged,
        is_torn: rest.is_torn,
        ..inspection
    })
}

/// Tells good and damaged parts of `rest` apart, which begins at `offset` in the journal.
fn inspect_rest(rest: &[u8], offset: u64) -> io::Result<Inspection> {
    let mut found = Inspection::default();
    let mut at = 0;
    while at < rest.len() {
        let start = offset + at as u64;
        match read_batch(&mut &rest[at..])? {
            Found::Batch(batch) => {
                found.good.push(start..start + batch.len);
                at += as_index(batch.len);
            }
            Found::Mismatch(len) => {
                found.damaged.push(start..start + len);
                at += as_index(len);
            }
            Found::Nothing => {
                let next = next_batch(rest, at + 1)?;
                let end = next.unwrap_or(rest.len());
                if next.is_none() && memmem::find(&rest[at..], &TRAILER).is_none() {
                    found.is_torn = true;
                } else {
                    found.damaged.push(start..offset + end as u64);
                }
                at = end;
            }
        }
    }
    Ok(found)
}

/// Where the next batch begins that is good, from `from` on.
fn next_batch(rest: &[u8], from: usize) -> io::Result<Option<usize>> {
    let mut searched = 0;
    for start in memchr::memchr_iter(TAG_START, &rest[from..]) {
        let mut reader = &rest[from + start..];
        let len = reader.len();
        if let Found::Batch(_) = read_batch(&mut reader)? {
            return Ok(Some(from + start));
        }
        searched += len - reader.len();
        if searched > SEARCH_MAX {
            break;
        }
    }
    Ok(None)
}

/// Reads one batch. Needs little memory, whatever lengths the bytes claim.
fn read_batch(reader: &mut impl Read) -> io::Result<Found> {
    match try_read_batch(reader) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Found::Nothing),
        found => found,
    }
}

fn try_read_batch(reader: &mut impl Read) -> io::Result<Found> {
    let mut len = 0;
    if read::<1>(reader, &mut len)? != [TAG_START] {
        return Ok(Found::Nothing);
    }
    let items = u32::from_le_bytes(read(reader, &mut len)?);
    // The checksum does not cover it.
    let number = u64::from_le_bytes(read(reader, &mut len)?);
    if number > SEQNO_MAX {
        return Ok(Found::Nothing);
    }
    let mut hash = Xxh3::new();
    for _ in 0..items {
        let tag = read::<1>(reader, &mut len)?;
        hash.update(&tag);
        match tag[0] {
            TAG_ITEM => {
                let head = read::<ITEM_HEAD_LEN>(reader, &mut len)?;
                hash.update(&head);
                let key_len = u16::from_le_bytes([head[10], head[11]]);
                let value_len = u32::from_le_bytes([head[16], head[17], head[18], head[19]]);
                let item_len = u64::from(key_len) + u64::from(value_len);
                let copied = io::copy(&mut reader.take(item_len), &mut HashWriter(&mut hash))?;
                if copied < item_len {
                    return Ok(Found::Nothing);
                }
                len += item_len;
            }
            TAG_CLEAR => hash.update(&read::<8>(reader, &mut len)?),
            _ => return Ok(Found::Nothing),
        }
    }
    if read::<1>(reader, &mut len)? != [TAG_END] {
        return Ok(Found::Nothing);
    }
    let expected = u64::from_le_bytes(read(reader, &mut len)?);
    if read::<4>(reader, &mut len)? != TRAILER {
        return Ok(Found::Nothing);
    }
    Ok(if hash.digest() == expected {
        Found::Batch(Batch {
            len,
            number,
            changes: items,
        })
    } else {
        Found::Mismatch(len)
    })
}

fn read<const N: usize>(reader: &mut impl Read, len: &mut u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    *len += N as u64;
    Ok(bytes)
}

fn is_zero(reader: &mut impl Read) -> io::Result<bool> {
    let mut block = vec![0; 64 * 1024];
    loop {
        let len = reader.read(&mut block)?;
        if len == 0 {
            return Ok(true);
        }
        if block[..len].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
    }
}

/// Replaces the journal at `path` by its `good` parts. After a crash there is either the old or the new one.
fn rewrite(path: &Path, good: &[Range<u64>]) -> io::Result<()> {
    let mended = path.with_extension("jnl.mended");
    let mut from = File::open(path)?;
    let mut to = BufWriter::new(File::create(&mended)?);
    for part in good {
        from.seek(SeekFrom::Start(part.start))?;
        io::copy(&mut (&from).take(part.end - part.start), &mut to)?;
    }
    to.into_inner()?.sync_all()?;
    fs::rename(mended, path)
}

fn as_index(len: u64) -> usize {
    usize::try_from(len).expect("a batch inside a slice is no longer than the slice")
}

struct HashWriter<'a>(&'a mut Xxh3);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
