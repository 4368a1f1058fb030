//! Room is made, and nothing that counts is lost or comes back.

use std::collections::BTreeSet;

use super::*;
use crate::entropy::Entropy;

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
