//! Entries that nothing refers to: what a put left that did not come to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Moment;

/// How many orphans are named at once; the others come next time.
const SWEEP_MAX: usize = 100;

/// Since when entries have not been referred to.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    since: BTreeMap<String, Moment>,
}

// ===== impl Orphans =====

impl Orphans {
    /// Takes note of what is not referred to `now`, and names what has not been for `age`.
    pub(crate) fn sweep(
        &mut self,
        now: Moment,
        unreferenced: &BTreeSet<&str>,
        age: Duration,
    ) -> Vec<String> {
        self.since
            .retain(|key, _| unreferenced.contains(key.as_str()));
        for &key in unreferenced {
            self.since.entry(key.to_owned()).or_insert(now);
        }
        self.since
            .iter()
            .filter(|&(_, &since)| now.saturating_sub(since) >= age)
            .map(|(key, _)| key.clone())
            .take(SWEEP_MAX)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orphan_is_one_only_after_a_while() {
        let mut orphans = Orphans::default();
        let age = Duration::from_secs(10);
        let mut sweep = |seconds, keys: &[&str]| {
            let keys = keys.iter().copied().collect();
            orphans.sweep(Duration::from_secs(seconds), &keys, age)
        };
        assert!(sweep(0, &["a", "b"]).is_empty());
        assert!(sweep(9, &["a"]).is_empty());
        assert_eq!(sweep(10, &["a", "b"]), ["a"]);
        assert!(sweep(11, &["b"]).is_empty());
    }
}
