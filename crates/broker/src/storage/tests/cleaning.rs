//! Room is made, and nothing that counts is lost or comes back.

use std::collections::BTreeSet;

use super::*;
use crate::entropy::Entropy;
use crate::jetstream::consumer::Saved;

#[test]
fn segments_of_which_nothing_counts_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = filled(directory.path(), 1);
    for seq in 2..2000 {
        store.put(seq);
        store.forget(seq - 1);
        store.clean();
    }
    assert!(store.segments().len() <= 3, "{:?}", store.segments());
    let store = store.reopen();
    assert_eq!((store.readable(), store.reported()), (vec![1999], (0, 0)));
    assert!(store.has_stream());
}

#[test]
fn what_counts_moves_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = filled(directory.path(), 1000);
    let before = store.segments().len();
    let kept: Vec<u64> = (1..=1000).filter(|seq| seq % 10 == 0).collect();
    for seq in (1..=1000).filter(|seq| seq % 10 != 0) {
        store.forget(seq);
    }
    store.clean();
    let after = store.segments().len();
    assert!(after * 2 < before, "{after} of {before}");
    assert_eq!(store.readable(), kept);
    let store = store.reopen();
    assert_eq!((store.readable(), store.reported()), (kept, (0, 0)));
}

#[test]
fn many_records_are_not_written_over_and_over() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = filled(directory.path(), 1);
    let saved = Saved {
        given_up: (0..1000).collect(),
        ..Saved::default()
    };
    // As much as five segments take.
    for number in 0..5 {
        let name = format!("consumer-{number}");
        store.log.consumer_state(STREAM, &name, &saved);
    }
    store.log.commit(false).unwrap();
    let begun = store.log.last;
    // Segments of which nothing counts, and some of which everything does: about 70 KiB.
    for seq in 2..=200 {
        store.put(seq);
        store.forget(seq - 1);
        store.clean();
    }
    for seq in 201..=300 {
        store.put(seq);
        store.clean();
    }
    let (last, segments) = (store.log.last, store.segments());
    assert!(last - begun <= 12, "{begun} to {last}");
    assert!(segments.len() <= 6, "{segments:?}");
    let kept: Vec<u64> = (200..=300).collect();
    assert_eq!(store.readable(), kept);
    // A start knows what of a segment is records.
    let mut store = store.reopen();
    assert_eq!((store.readable(), store.reported()), (kept, (0, 0)));
    assert!(store.has_stream());
    for seq in 301..=310 {
        store.put(seq);
        store.clean();
    }
    assert!(store.log.last <= last + 1, "{last} to {}", store.log.last);
}

#[test]
fn nothing_comes_back_wherever_a_crash_comes() {
    for seed in 0..30 {
        let directory = tempfile::tempdir().unwrap();
        let mut store = filled(directory.path(), 1);
        let mut random = Entropy::seeded(seed);
        let mut expected: BTreeSet<u64> = BTreeSet::from([1]);
        let mut next = 2;
        for _ in 0..1500 {
            match random.below(100) {
                0..50 => {
                    store.put(next);
                    expected.insert(next);
                    next += 1;
                }
                50..90 if !expected.is_empty() => {
                    let at = random.below(expected.len());
                    let seq = *expected.iter().nth(at).unwrap();
                    expected.remove(&seq);
                    store.forget(seq);
                }
                90..98 => {
                    store.log.choose_cleaning();
                    if let Some(wanted) = store.log.next_to_clean() {
                        store.clean_portion(wanted);
                    }
                    // A crash may come before segments are removed, but they are removed in order.
                    if random.below(2) == 0 {
                        store.remove();
                    }
                }
                98.. => {
                    store = store.reopen();
                    let found: BTreeSet<u64> = store.readable().into_iter().collect();
                    assert_eq!(found, expected, "seed {seed}");
                    assert_eq!(store.reported(), (0, 0), "seed {seed}");
                }
                _ => {}
            }
        }
    }
}
