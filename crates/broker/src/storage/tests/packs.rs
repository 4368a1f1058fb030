//! Packs tell what the heads tell.

use super::*;
use crate::storage::pack::PACK_LEN;

/// A store with so many packs.
fn packed(directory: &Path, packs: u64) -> Disk {
    let (disk, counters) = open(directory);
    assert!(readable(&disk, &counters).is_empty());
    fill(&disk, packs * PACK_LEN);
    disk.pack_all();
    disk
}

fn forget(disk: &Disk, seqs: impl IntoIterator<Item = u64>) {
    let mut writes = Writes::default();
    for seq in seqs {
        writes.forget(STREAM, seq);
    }
    disk.commit(writes).unwrap();
}

fn count(disk: &Disk, table: Table) -> usize {
    disk.records(table, ..).map(Result::unwrap).count()
}

/// Removes heads behind the back of the packs, so that only packs can tell of messages.
fn hide_heads(disk: &Disk) {
    let mut writes = Writes::default();
    for record in disk.records(Table::Heads, ..) {
        writes.sweep(Table::Heads, record.unwrap().0.to_vec());
    }
    disk.commit_as_is(writes).unwrap();
}

#[test]
fn a_start_reads_packs_instead_of_heads() {
    let directory = tempfile::tempdir().unwrap();
    let disk = packed(directory.path(), 5);
    // The last sequence of all begins another one.
    assert_eq!(count(&disk, Table::Packs), 5);
    hide_heads(&disk);
    drop(disk);
    let (disk, counters) = open(directory.path());
    assert_eq!(readable(&disk, &counters), (1..5 * PACK_LEN).collect());
}

#[test]
fn what_is_removed_stays_removed() {
    let directory = tempfile::tempdir().unwrap();
    let disk = packed(directory.path(), 4);
    let mut expected: BTreeSet<u64> = (1..=4 * PACK_LEN).collect();
    // One by one, many of one pack, and a whole one.
    let removed: Vec<u64> = [2, 3, PACK_LEN + 1]
        .into_iter()
        .chain(2 * PACK_LEN..2 * PACK_LEN + PACK_LEN / 2)
        .chain(3 * PACK_LEN..4 * PACK_LEN)
        .collect();
    for seq in &removed {
        expected.remove(seq);
        forget(&disk, [*seq]);
    }
    assert!(count(&disk, Table::Gone) > 0);
    drop(disk);
    for _ in 0..2 {
        let (disk, counters) = open(directory.path());
        assert_eq!(readable(&disk, &counters), expected);
        disk.pack_all();
        assert_eq!(
            count(&disk, Table::Gone),
            3,
            "only of packs that are still good"
        );
        assert_eq!(count(&disk, Table::Packs), 3, "none for what is all gone");
    }
}

#[test]
fn a_purged_stream_leaves_no_packs() {
    let directory = tempfile::tempdir().unwrap();
    let disk = packed(directory.path(), 4);
    let below = 3 * PACK_LEN + 2;
    let packed_below = disk.unpack(STREAM, below);
    assert_eq!(packed_below, 3 * PACK_LEN);
    let mut writes = Writes::default();
    for (table, below) in [(Table::Packs, packed_below), (Table::Heads, below)] {
        for key in disk.keys_below(table, STREAM, below, 10_000).unwrap() {
            writes.sweep(table, key);
        }
    }
    disk.commit(writes).unwrap();
    drop(disk);
    let (disk, counters) = open(directory.path());
    assert_eq!(readable(&disk, &counters), (below..=4 * PACK_LEN).collect());
    assert_eq!(count(&disk, Table::Packs), 1);
}

#[test]
fn packs_that_cannot_be_read_are_made_anew_from_the_heads() {
    let directory = tempfile::tempdir().unwrap();
    let disk = packed(directory.path(), 3);
    let mut writes = Writes::default();
    let key = disk.records(Table::Packs, ..).nth(1).unwrap().unwrap().0;
    writes.copy(
        Table::Packs,
        key.to_vec(),
        Bytes::from_static(b"\x01nonsense"),
    );
    disk.commit_as_is(writes).unwrap();
    drop(disk);
    let (disk, counters) = open(directory.path());
    let expected: BTreeSet<u64> = (1..=3 * PACK_LEN).collect();
    assert_eq!(readable(&disk, &counters), expected);
    assert_eq!(counters.corrupt_records.get(), 1);
    disk.pack_all();
    assert_eq!(count(&disk, Table::Packs), 3);
    drop(disk);
    let (disk, counters) = open(directory.path());
    assert_eq!(readable(&disk, &counters), expected);
    assert_eq!(counters.corrupt_records.get(), 0);
}

#[test]
fn damage_in_the_journal_costs_all_packs_and_no_message() {
    let directory = tempfile::tempdir().unwrap();
    let disk = packed(directory.path(), 3);
    disk.write_out();
    // What the journal tells now is of no weight.
    forget(&disk, [7]);
    forget(&disk, [8]);
    drop(disk);
    let mut journals = files(directory.path(), "jnl");
    journals.sort();
    let journal = journals.pop().unwrap();
    let bytes = fs::read(&journal).unwrap();
    let at = memchr::memmem::rfind(&bytes, &crate::storage::record::message_key(STREAM, 7));
    flip(&journal, at.unwrap(), 1);
    let (disk, counters) = open(directory.path());
    assert_eq!(count(&disk, Table::Packs), 0);
    assert!(counters.corrupt_records.get() > 0);
    let found = readable(&disk, &counters);
    assert!(found.contains(&7), "its removal was cut out");
    assert!(!found.contains(&8));
    assert_eq!(found.len() as u64, 3 * PACK_LEN - 1);
}
