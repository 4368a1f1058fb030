//! Files that are not as they were left.

use std::fs;

use super::*;

#[test]
fn what_was_stored_is_there_after_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path(), 300);
    assert!(store.segments().len() > 3, "{:?}", store.segments());
    assert_eq!(store.readable(), (1..=300).collect::<Vec<_>>());
    let mut store = store.reopen();
    assert_eq!(store.readable(), (1..=300).collect::<Vec<_>>());
    assert!(store.has_stream());
    store.put(301);
    let store = store.reopen();
    assert_eq!(store.readable().last(), Some(&301));
    assert_eq!(store.reported(), (0, 0));
}

#[test]
fn a_message_can_be_read_before_it_is_committed() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = filled(directory.path(), 3);
    let place = store.log.message(STREAM, &message(4), &body(4));
    let other = store.log.message(STREAM, &message(5), &body(5));
    for (seq, place) in [(4, place), (5, other)] {
        assert_eq!(store.log.body(STREAM, seq, place, 100).unwrap(), body(seq));
    }
    assert!(store.log.body(STREAM, 4, other, 100).is_err(), "of another");
    store.log.commit(true).unwrap();
    assert_eq!(store.log.body(STREAM, 4, place, 100).unwrap(), body(4));
}

#[test]
fn damage_costs_what_stood_there_alone_and_is_mended_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path(), 200);
    let segments = store.segments();
    let root = store.directory.clone();
    drop(store);
    for number in segments {
        let path = segment::path(&root, number);
        let whole = fs::read(&path).unwrap();
        for at in (segment::HEADER_LEN..whole.len()).step_by(397) {
            flip(&path, at);
            let store = Store::open(directory.path());
            let (corrupt, torn) = store.reported();
            let lost = 200 - store.readable().len() as u64;
            assert_eq!(store.readable().len(), store.found.len());
            assert!(corrupt + torn > 0, "byte {at} of {number} is noticed");
            assert!(lost <= 1, "byte {at} of {number}: {lost} messages lost");
            assert!(corrupt + torn >= lost);
            assert!(store.has_stream(), "byte {at} of {number}");
            let store = store.reopen();
            assert_eq!(store.reported(), (0, 0), "byte {at} of {number}");
            assert_eq!(200 - store.readable().len() as u64, lost);
            drop(store);
            // As it was, apart from what is noted of a hole before a segment.
            for entry in fs::read_dir(&root).unwrap() {
                let other = entry.unwrap().path();
                if other.extension().is_some_and(|found| found == "damaged") {
                    fs::remove_file(other).unwrap();
                }
            }
            fs::write(&path, &whole).unwrap();
        }
    }
}

#[test]
fn a_batch_cut_short_at_the_end_is_not_damage() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path(), 20);
    let path = segment::path(&store.directory, store.log.last);
    drop(store);
    let bytes = fs::read(&path).unwrap();
    for cut in [1, 4, 12, 13, 50, 150] {
        for zeros in [0, 5000] {
            let mut torn = bytes[..bytes.len() - cut].to_vec();
            torn.resize(torn.len() + zeros, 0);
            fs::write(&path, torn).unwrap();
            let mut store = Store::open(directory.path());
            assert_eq!(store.readable(), (1..20).collect::<Vec<_>>());
            assert_eq!(store.reported(), (0, 1), "{cut} bytes cut");
            // What is stored next takes its place.
            store.put(20);
            let store = store.reopen();
            assert_eq!(store.readable(), (1..=20).collect::<Vec<_>>());
            assert_eq!(store.reported(), (0, 0), "{cut} bytes cut");
        }
    }
}

#[test]
fn a_batch_is_there_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = filled(directory.path(), 3);
    for seq in 4..=6 {
        store.log.message(STREAM, &message(seq), &body(seq));
    }
    store.log.commit(false).unwrap();
    let path = segment::path(&store.directory, store.log.last);
    drop(store);
    let bytes = fs::read(&path).unwrap();
    for cut in [1, 150, 300, 400] {
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        let store = Store::open(directory.path());
        assert_eq!(store.readable(), [1, 2, 3], "{cut} bytes cut");
    }
}

#[test]
fn a_missing_or_shortened_segment_is_noticed_once() {
    for remove in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let store = filled(directory.path(), 300);
        let number = store.segments()[1];
        let path = segment::path(&store.directory, number);
        drop(store);
        if remove {
            fs::remove_file(&path).unwrap();
        } else {
            // At the end of a batch.
            let bytes = fs::read(&path).unwrap();
            let scope = super::super::scan::Scope {
                bytes: &bytes,
                seal: segment::Header::decode(&bytes).unwrap().seal,
                first: None,
                is_last: false,
            };
            let mut ends = Vec::new();
            super::super::scan::scan(scope, |frame| {
                ends.extend(frame.entries.last().map(|raw| raw.range.end));
            });
            fs::write(&path, &bytes[..ends[ends.len() / 2]]).unwrap();
        }
        let store = Store::open(directory.path());
        let found = store.readable().len();
        assert!(found < 300 && store.reported().0 > 0, "{remove}");
        let store = store.reopen();
        assert_eq!(store.readable().len(), found);
        assert_eq!(store.reported(), (0, 0), "{remove}");
    }
}

#[test]
fn a_new_segment_without_its_header_is_no_obstacle() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path(), 20);
    let path = segment::path(&store.directory, store.log.last + 1);
    drop(store);
    for len in [0, 10, segment::HEADER_LEN - 1] {
        fs::write(&path, vec![7; len]).unwrap();
        let store = Store::open(directory.path());
        assert_eq!(store.readable().len(), 20);
        assert_eq!(store.reported(), (0, u64::from(len > 0)));
        assert!(!path.exists());
    }
}

#[test]
fn garbage_in_place_of_the_log_is_no_obstacle() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()));
    let path = segment::path(&directory.path().join("log"), 1);
    for garbage in [vec![0xff; 10_000], b"WEFTLOG\x01".repeat(50)] {
        fs::write(&path, garbage).unwrap();
        let mut store = Store::open(directory.path());
        assert!(store.found.is_empty());
        assert_eq!(store.reported(), (1, 0));
        assert!(path.with_extension("damaged").exists());
        store.put(1);
        let store = store.reopen();
        assert_eq!((store.readable(), store.reported()), (vec![1], (0, 0)));
    }
}

#[test]
fn a_message_that_looks_like_the_log_is_not_taken_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path(), 10);
    let path = segment::path(&store.directory, 1);
    let frames = fs::read(&path).unwrap()[segment::HEADER_LEN..].to_vec();
    drop(store);
    let other = tempfile::tempdir().unwrap();
    let mut store = Store::open(other.path());
    let mut stored = message(1);
    stored.body_len = u32::try_from(frames.len()).unwrap();
    store.log.message(STREAM, &stored, &frames);
    store.log.commit(false).unwrap();
    let path = segment::path(&store.directory, 1);
    drop(store);
    // The header of the frame that it stands in.
    flip(&path, segment::HEADER_LEN + 2);
    let store = Store::open(other.path());
    assert!(store.found.is_empty());
    assert_eq!(store.reported(), (0, 1));
}

#[test]
fn a_store_of_another_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("tables")).unwrap();
    let refused = Disk::open(directory.path(), &Counters::default());
    assert!(matches!(
        refused.err(),
        Some(super::super::OpenError::Version { .. })
    ));
}
