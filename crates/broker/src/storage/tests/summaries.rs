//! Starts that read summaries in place of segments.

use std::fs;

use super::super::summary;
use super::*;

/// A store whose full segments all have summaries.
fn summarized(directory: &Path) -> Store {
    let mut store = filled(directory, 300);
    for seq in 1..=300 {
        if seq % 7 == 0 {
            store.forget(seq);
        }
    }
    for number in store.segments() {
        if number != store.log.last {
            summary::write(&store.directory, number, store.log.seal).unwrap();
        }
    }
    store
}

fn expected() -> Vec<u64> {
    (1..=300).filter(|seq| seq % 7 != 0).collect()
}

#[test]
fn a_summary_tells_what_its_segment_does() {
    let directory = tempfile::tempdir().unwrap();
    let store = summarized(directory.path()).reopen();
    let with = store.log.segments.values();
    let with = with.filter(|segment| segment.info.has_summary).count();
    assert_eq!(with, store.segments().len() - 1);
    assert_eq!((store.readable(), store.reported()), (expected(), (0, 0)));
    assert!(store.has_stream());
}

#[test]
fn a_damaged_summary_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let store = summarized(directory.path());
    let path = segment::path(&store.directory, 2).with_extension("sum");
    drop(store);
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(101) {
        flip(&path, at);
        let store = Store::open(directory.path());
        assert!(!store.log.segments[&2].info.has_summary, "byte {at}");
        assert_eq!((store.readable(), store.reported()), (expected(), (0, 0)));
        drop(store);
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn damage_to_a_body_behind_a_summary_is_noticed_by_who_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = summarized(directory.path());
    let (seq, place) = store.found.iter().find(|(_, place)| place.0 == 2).unwrap();
    let (seq, place) = (*seq, *place);
    let path = segment::path(&store.directory, 2);
    drop(store);
    flip(&path, place.1 as usize + 10);
    let store = Store::open(directory.path());
    assert_eq!(store.reported(), (0, 0));
    let mut left = expected();
    left.retain(|other| *other != seq);
    assert_eq!(store.readable(), left);
    assert!(store.log.body(STREAM, seq, place, 100).is_err());
}

#[test]
fn segments_that_are_mostly_bodies_get_summaries() {
    assert!(summary::is_worth(4097, 1024));
    assert!(!summary::is_worth(4096, 1024));
}
