//! What is in the tables is not replayed.

use std::time::{Duration, Instant};

use super::*;

/// Makes a checkpoint.
fn check_point(disk: &Disk) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let noted = disk
        .table(Table::Heads)
        .path()
        .ancestors()
        .nth(3)
        .unwrap()
        .join("written");
    while !noted.exists() {
        assert!(Instant::now() < deadline, "tables are never written out");
        disk.check_point().unwrap();
        std::thread::yield_now();
    }
}

fn add(disk: &Disk, seqs: impl IntoIterator<Item = u64>) {
    for seq in seqs {
        let mut writes = Writes::default();
        writes.message(STREAM, &message(seq), body(seq));
        disk.commit(writes).unwrap();
    }
}

#[test]
fn a_start_replays_what_came_after_the_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, _) = open(directory.path());
    fill(&disk, 400);
    assert!(disk.wants_checkpoint());
    check_point(&disk);
    add(&disk, 401..=410);
    drop(disk);
    let mut last = 410;
    // Numbers of batches are given again after the cut, and must not be taken for old ones.
    for _ in 0..4 {
        let (disk, counters) = open(directory.path());
        assert_eq!(readable(&disk, &counters), (1..=last).collect());
        assert_eq!(
            counters.corrupt_records.get() + counters.torn_batches.get(),
            0
        );
        let len = fs::metadata(only_journal(directory.path())).unwrap().len();
        let bytes = fs::read(only_journal(directory.path())).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        assert!(used < 20_000, "{used} of {len} bytes are used");
        add(&disk, last + 1..=last + 5);
        last += 5;
    }
}

#[test]
fn a_checkpoint_that_holds_nothing_but_nonsense_is_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, _) = open(directory.path());
    fill(&disk, 50);
    drop(disk);
    fs::write(
        directory.path().join("written"),
        u64::MAX.to_le_bytes().repeat(2),
    )
    .unwrap();
    let (disk, counters) = open(directory.path());
    assert_eq!(readable(&disk, &counters), (1..=50).collect());
    assert!(!directory.path().join("written").exists());
}

#[test]
fn a_cut_while_everything_is_in_the_tables_leaves_an_empty_journal() {
    let directory = tempfile::tempdir().unwrap();
    let (disk, _) = open(directory.path());
    fill(&disk, 400);
    check_point(&disk);
    drop(disk);
    for last in 400..403 {
        let (disk, counters) = open(directory.path());
        assert_eq!(readable(&disk, &counters), (1..=last).collect());
        add(&disk, [last + 1]);
    }
}
