//! Which subjects of a stream someone asks for.

use crate::subject;

/// A set of filters. None at all means every subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    filters: Vec<Box<[u8]>>,
    /// None of them has a wildcard.
    are_literal: bool,
}

impl Filters {
    pub(crate) fn new<T: AsRef<[u8]>>(filters: impl IntoIterator<Item = T>) -> Self {
        let filters: Vec<Box<[u8]>> = filters
            .into_iter()
            .map(|filter| filter.as_ref().into())
            .collect();
        if filters.iter().any(|filter| **filter == *b">") {
            return Self::default();
        }
        let are_literal =
            !filters.is_empty() && !filters.iter().any(|filter| subject::has_wildcard(filter));
        Self {
            filters,
            are_literal,
        }
    }

    /// One filter; an empty one means every subject.
    pub(crate) fn one(filter: &[u8]) -> Self {
        Self::new(Some(filter).filter(|filter| !filter.is_empty()))
    }

    pub(crate) fn is_all(&self) -> bool {
        self.filters.is_empty()
    }

    pub(crate) fn are_literal(&self) -> bool {
        self.are_literal
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.filters.iter().map(AsRef::as_ref)
    }

    pub(crate) fn matches(&self, literal: &[u8]) -> bool {
        self.is_all() || self.each().any(|filter| subject::matches(literal, filter))
    }
}
