//! Ids that sort in the order in which they were made.

use std::sync::Mutex;

use ulid::{Generator, Ulid};

/// Makes ULIDs, each above the one before, also within a millisecond.
#[derive(Debug)]
pub(crate) struct Ids(Mutex<Generator>);

// ===== impl Ids =====

impl Ids {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Generator::new()))
    }

    pub(super) fn next(&self) -> String {
        let mut generator = match self.0.lock() {
            Ok(generator) => generator,
            // Whoever panicked left a whole generator.
            Err(poisoned) => poisoned.into_inner(),
        };
        // Overflows where one millisecond has seen more ids than it has: any will do then.
        let id = generator.generate().unwrap_or_else(|_| Ulid::generate());
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_in_the_order_of_their_making() {
        let ids = Ids::new();
        let made: Vec<_> = (0..1000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
    }
}
