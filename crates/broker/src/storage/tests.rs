//! What is left after a store was damaged.

mod checkpoint;
mod packs;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::disk::Disk;
use super::open::OpenError;
use super::record::{Bounds, StreamRecord};
use super::write::{Table, Writes};
use crate::jetstream::clock::WallTime;
use crate::jetstream::config::StreamConfig;
use crate::jetstream::stream::{Expiry, Stored};
use crate::stats::Counters;

const STREAM: u32 = 1;

fn open(directory: &Path) -> (Disk, Counters) {
    let counters = Counters::default();
    (Disk::open(directory, &counters).unwrap(), counters)
}

fn message(seq: u64) -> Stored {
    Stored {
        seq,
        subject: format!("subject.number.{seq}").into(),
        time: WallTime(1_700_000_000_000_000_000),
        header_len: 0,
        body_len: 100,
        msg_id: None,
        expiry: Expiry::Stream,
    }
}

/// Not the same for each message, so that no two blocks are.
fn body(seq: u64) -> Bytes {
    (0..100_u64).map(|at| (seq * 31 + at * 7) as u8).collect()
}

/// A stream with this many messages, each in a batch of its own.
fn fill(disk: &Disk, messages: u64) {
    let mut writes = Writes::default();
    let record = StreamRecord {
        config: StreamConfig {
            name: "S".to_owned(),
            ..StreamConfig::default()
        },
        created: 1,
    };
    writes.next_id(STREAM + 1);
    writes.stream(STREAM, &record);
    writes.bounds(STREAM, Bounds::default());
    disk.commit(writes).unwrap();
    for seq in 1..=messages {
        let mut writes = Writes::default();
        writes.message(STREAM, &message(seq), body(seq));
        disk.commit(writes).unwrap();
    }
}

/// Many streams without messages.
fn fill_meta(disk: &Disk) {
    let mut writes = Writes::default();
    for id in 1..=500 {
        let record = StreamRecord {
            config: StreamConfig {
                name: format!("S{id}"),
                ..StreamConfig::default()
            },
            created: 1,
        };
        writes.stream(id, &record);
    }
    disk.commit(writes).unwrap();
}

/// The messages that are there, after checking that they are what was written.
fn readable(disk: &Disk, counters: &Counters) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    disk.each_head(counters, |stream, stored| {
        assert_eq!(stream, STREAM);
        assert_eq!(stored, message(stored.seq));
        found.insert(stored.seq);
    })
    .unwrap();
    found
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().unwrap_or_default() == extension {
            found.push(path);
        }
    }
    found
}

fn only_journal(directory: &Path) -> PathBuf {
    let mut journals = files(directory, "jnl");
    assert_eq!(journals.len(), 1);
    journals.remove(0)
}

fn flip(path: &Path, at: usize, len: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at..at + len]
        .iter_mut()
        .for_each(|byte| *byte ^= 0xff);
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_in_the_journal_costs_the_damaged_batch_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, _) = open(directory.path());
    fill(&disk, 200);
    drop(disk);
    let journal = only_journal(directory.path());
    let bytes = fs::read(&journal).unwrap();
    let len = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    // Behind the first batches, which hold the configuration.
    for at in (2000..len - 300).step_by(997) {
        fs::write(&journal, &bytes[..=len]).unwrap();
        flip(&journal, at, 1);
        let (disk, counters) = open(directory.path());
        let found = readable(&disk, &counters);
        let lost = 200 - found.len() as u64;
        assert!(lost <= 1, "byte {at}: {lost} messages lost");
        assert!(found.contains(&200), "byte {at}");
        // The number of a batch has no checksum, and does not matter much.
        let reported = counters.corrupt_records.get();
        assert!(reported >= lost, "byte {at}: loss is reported");
        drop(disk);
        let (_, counters) = open(directory.path());
        assert_eq!(
            counters.corrupt_records.get(),
            0,
            "byte {at}: mended for good"
        );
    }
}

#[test]
fn a_batch_cut_short_at_the_end_is_not_damage() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, _) = open(directory.path());
    fill(&disk, 20);
    drop(disk);
    let journal = only_journal(directory.path());
    let bytes = fs::read(&journal).unwrap();
    let len = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in [1, 4, 12, 13, 50, 150] {
        for zeros in [0, 5000] {
            let mut torn = bytes[..len - cut].to_vec();
            torn.resize(torn.len() + zeros, 0);
            fs::write(&journal, torn).unwrap();
            let (disk, counters) = open(directory.path());
            let found = readable(&disk, &counters);
            assert_eq!(found, (1..20).collect(), "{cut} bytes cut");
            assert_eq!(counters.corrupt_records.get(), 0, "{cut} bytes cut");
            assert_eq!(counters.torn_batches.get(), 1, "{cut} bytes cut");
        }
    }
}

#[test]
fn garbage_in_place_of_the_journal_is_no_obstacle() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, _) = open(directory.path());
    drop(disk);
    let journal = only_journal(directory.path());
    for garbage in [
        vec![0xff; 10_000],
        b"\x01\xff\xff\xff\xff12345678\x02FJL\x03".repeat(50),
    ] {
        fs::write(&journal, garbage).unwrap();
        let (disk, counters) = open(directory.path());
        assert!(readable(&disk, &counters).is_empty());
        fill(&disk, 5);
        assert_eq!(readable(&disk, &counters).len(), 5);
    }
}

#[test]
fn damage_in_a_table_costs_what_stood_there() {
    const MESSAGES: u64 = 8_000;
    for table in [Table::Heads, Table::Bodies, Table::Meta] {
        let directory = tempfile::tempdir().unwrap();
        let (disk, _) = open(directory.path());
        match table {
            Table::Meta => fill_meta(&disk),
            _ => fill(&disk, MESSAGES),
        }
        disk.table(table).rotate_memtable_and_wait().unwrap();
        let folder = disk.table(table).path().join("tables");
        drop(disk);
        // The tables alone.
        fs::write(only_journal(directory.path()), b"").unwrap();
        let mut tables: Vec<_> = fs::read_dir(folder).unwrap().collect();
        let path = tables.remove(0).unwrap().path();
        let len = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
        flip(&path, len / 3, 100);

        let (disk, counters) = open(directory.path());
        match table {
            Table::Heads => {
                assert!(disk.each_head(&counters, |_, _| {}).is_err());
            }
            Table::Bodies => {
                let failed = (1..=MESSAGES).filter(|seq| disk.body(STREAM, *seq).is_err());
                assert!((1..200).contains(&failed.count()));
            }
            _ => assert!(disk.recover(&counters).is_err()),
        }
        drop(disk);

        let (disk, counters) = open(directory.path());
        let lost = counters.corrupt_records.get();
        assert!((1..200).contains(&lost), "{table:?}: {lost}");
        match table {
            Table::Heads => {
                let found = readable(&disk, &counters).len() as u64;
                assert_eq!(found, MESSAGES - lost);
            }
            Table::Bodies => {
                let whole = (1..=MESSAGES)
                    .filter(|seq| disk.body(STREAM, *seq).unwrap() == body(*seq))
                    .count();
                assert_eq!(whole as u64, MESSAGES - lost);
            }
            _ => {
                let found = disk.recover(&counters).unwrap().streams.len() as u64;
                assert_eq!(found, 500 - lost);
            }
        }
        drop(disk);
        let (_, counters) = open(directory.path());
        assert_eq!(
            counters.corrupt_records.get(),
            0,
            "{table:?}: mended for good"
        );
        assert!(directory.path().join("tables.damaged").exists());
    }
}

#[test]
fn a_rebuild_that_was_cut_short_is_settled() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, _) = open(directory.path());
    fill(&disk, 5);
    drop(disk);
    let [tables, rebuilt] = ["tables", "tables.rebuilt"].map(|name| directory.path().join(name));
    // Before the old tables were moved away.
    fs::create_dir(&rebuilt).unwrap();
    let (disk, counters) = open(directory.path());
    assert_eq!(readable(&disk, &counters).len(), 5);
    assert!(!rebuilt.exists());
    drop(disk);
    // After that.
    fs::rename(&tables, &rebuilt).unwrap();
    let (disk, counters) = open(directory.path());
    assert_eq!(readable(&disk, &counters).len(), 5);
    assert!(!rebuilt.exists());
}

#[test]
fn damage_to_the_list_of_files_is_refused_and_nothing_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, _) = open(directory.path());
    fill(&disk, 100);
    disk.write_out();
    let folder = disk.table(Table::Heads).path().to_owned();
    drop(disk);
    let current = fs::read(folder.join("current")).unwrap();
    let list = folder.join(format!("v{}", current[0]));
    let bytes = fs::read(&list).unwrap();
    let before = fs::read_dir(folder.join("tables")).unwrap().count();
    let refused = || {
        let refused = Disk::open(directory.path(), &Counters::default());
        assert!(matches!(refused.err(), Some(OpenError::Damaged { .. })));
    };
    flip(&list, bytes.len() / 2, 1);
    refused();
    fs::write(&list, bytes).unwrap();
    fs::rename(folder.join("current"), folder.join("elsewhere")).unwrap();
    refused();
    fs::rename(folder.join("elsewhere"), folder.join("current")).unwrap();
    assert_eq!(fs::read_dir(folder.join("tables")).unwrap().count(), before);
    let (disk, counters) = open(directory.path());
    assert_eq!(readable(&disk, &counters).len(), 100);
}
