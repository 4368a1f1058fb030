//! An index from filters to entries, asked which filters match a literal subject.

use std::collections::HashMap;

use super::{has_wildcard, tokens};

/// Filters without wildcards stand in a hash map, the others in a tree of tokens.
///
/// A look-up costs one hash of the subject plus a walk of the tree, so it does not grow with the number of
/// literal filters. Each tree node is visited at most once per look-up.
///
/// `E` is what stands under one filter; it is removed once it is empty.
#[derive(Debug)]
pub(crate) struct SubjectIndex<E> {
    literals: HashMap<Box<[u8]>, E>,
    wildcards: Node<E>,
}

#[derive(Debug)]
struct Node<E> {
    children: HashMap<Box<[u8]>, Self>,
    /// What follows a `*`.
    any: Option<Box<Self>>,
    /// The entry of a filter that ends here with `>`.
    rest: E,
    /// The entry of a filter that ends with this token.
    here: E,
}

/// What stands under one filter.
pub(crate) trait Entry: Default {
    fn is_empty(&self) -> bool;
}

impl<T> Entry for Vec<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<E: Entry> Default for SubjectIndex<E> {
    fn default() -> Self {
        Self {
            literals: HashMap::new(),
            wildcards: Node::default(),
        }
    }
}

impl<E: Entry> Default for Node<E> {
    fn default() -> Self {
        Self {
            children: HashMap::new(),
            any: None,
            rest: E::default(),
            here: E::default(),
        }
    }
}

impl<E: Entry> SubjectIndex<E> {
    /// Changes the entry of `filter`, which is made if there is none and removed if it is left empty.
    pub(crate) fn update<R>(&mut self, filter: &[u8], change: impl FnOnce(&mut E) -> R) -> R {
        if has_wildcard(filter) {
            return self.wildcards.update(tokens(filter), change);
        }
        if let Some(entry) = self.literals.get_mut(filter) {
            let result = change(entry);
            if entry.is_empty() {
                self.literals.remove(filter);
                self.shrink();
            }
            return result;
        }
        let mut entry = E::default();
        let result = change(&mut entry);
        if !entry.is_empty() {
            self.literals.insert(filter.into(), entry);
        }
        result
    }

    /// Calls `found` with the entry of every filter that matches the literal `subject`.
    pub(crate) fn for_each_match<'a>(&'a self, subject: &[u8], mut found: impl FnMut(&'a E)) {
        if let Some(entry) = self.literals.get(subject) {
            found(entry);
        }
        if !self.wildcards.is_empty() {
            self.wildcards.walk(Some(subject), &mut found);
        }
    }

    /// Whether any filter matches the literal `subject`.
    pub(crate) fn has_match(&self, subject: &[u8]) -> bool {
        let mut any = false;
        self.for_each_match(subject, |_| any = true);
        any
    }

    /// Gives memory back after a burst of short-lived literal filters.
    fn shrink(&mut self) {
        if self.literals.capacity() > 1024 && self.literals.len() < self.literals.capacity() / 8 {
            self.literals.shrink_to(self.literals.len() * 2);
        }
    }
}

impl<E: Entry> Node<E> {
    fn update<'f, R>(
        &mut self,
        mut tokens: impl Iterator<Item = &'f [u8]>,
        change: impl FnOnce(&mut E) -> R,
    ) -> R {
        match tokens.next() {
            None => change(&mut self.here),
            Some(b">") => change(&mut self.rest),
            Some(b"*") => {
                let next = self.any.get_or_insert_default();
                let result = next.update(tokens, change);
                if next.is_empty() {
                    self.any = None;
                }
                result
            }
            Some(token) => {
                let next = self.children.entry(token.into()).or_default();
                let result = next.update(tokens, change);
                if next.is_empty() {
                    self.children.remove(token);
                }
                result
            }
        }
    }

    /// `subject` is what is left to match: `None` after its last token.
    fn walk<'a>(&'a self, subject: Option<&[u8]>, found: &mut impl FnMut(&'a E)) {
        let Some(subject) = subject else {
            if !self.here.is_empty() {
                found(&self.here);
            }
            return;
        };
        let (token, left) = match memchr::memchr(b'.', subject) {
            Some(at) => (&subject[..at], Some(&subject[at + 1..])),
            None => (subject, None),
        };
        if token.is_empty() {
            // No filter matches an empty token; `>` does not either.
            return;
        }
        if !self.rest.is_empty() && is_whole(left) {
            found(&self.rest);
        }
        if let Some(next) = &self.any {
            next.walk(left, found);
        }
        if !self.children.is_empty()
            && let Some(next) = self.children.get(token)
        {
            next.walk(left, found);
        }
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty()
            && self.any.is_none()
            && self.rest.is_empty()
            && self.here.is_empty()
    }
}

/// Whether every token that is left is there.
fn is_whole(left: Option<&[u8]>) -> bool {
    left.is_none_or(|left| {
        !left.is_empty()
            && left[0] != b'.'
            && left[left.len() - 1] != b'.'
            && memchr::memmem::find(left, b"..").is_none()
    })
}
