//! Labels of hosts and annotations of what runs on them.

use std::collections::BTreeMap;

/// Key to value, both free text; what hosts carry and placement rules ask for.
pub type Labels = BTreeMap<String, String>;

/// Key to value, carried by a running component or provider from the command that started it.
pub type Annotations = BTreeMap<String, String>;

/// Whether `labels` has every key of `requirements` with the same value (spec §9.8).
pub fn satisfies(labels: &Labels, requirements: &Labels) -> bool {
    requirements
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn all_required_labels_have_to_match() {
        let host = labels(&[("zone", "east"), ("arch", "arm")]);
        assert!(satisfies(&host, &labels(&[])));
        assert!(satisfies(&host, &labels(&[("zone", "east")])));
        assert!(!satisfies(&host, &labels(&[("zone", "west")])));
        assert!(!satisfies(
            &host,
            &labels(&[("zone", "east"), ("disk", "ssd")])
        ));
    }
}
