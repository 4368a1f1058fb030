//! A list whose members are found at once, however many they are.

use std::collections::HashMap;
use std::hash::Hash;

/// From how many members on their places are noted: a few are looked through as quickly.
const NOTED_MIN: usize = 32;

/// What tells a member from all others.
pub(super) trait Keyed {
    type Key: Eq + Hash;

    fn key(&self) -> Self::Key;

    fn has_key(&self, key: &Self::Key) -> bool;
}

/// Members in no order, each key once.
#[derive(Debug)]
pub(super) struct Roster<T: Keyed> {
    members: Vec<T>,
    /// Where each member is, once there are many.
    #[expect(
        clippy::box_collection,
        reason = "there are as many rosters as subjects, and hardly one has it"
    )]
    places: Option<Box<HashMap<T::Key, usize>>>,
}

// ---------------------------------------------------------------------------------------------------------

impl<T: Keyed> Roster<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        &self.members
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn get_mut(&mut self, key: &T::Key) -> Option<&mut T> {
        let at = self.place(key)?;
        self.members.get_mut(at)
    }

    pub(super) fn contains(&self, key: &T::Key) -> bool {
        self.place(key).is_some()
    }

    /// Adds a member that is not there.
    pub(super) fn add(&mut self, member: T) {
        if let Some(places) = &mut self.places {
            places.insert(member.key(), self.members.len());
        }
        self.members.push(member);
        if self.places.is_none() && self.members.len() >= NOTED_MIN {
            let keys = self.members.iter().map(T::key);
            self.places = Some(Box::new(keys.zip(0..).collect()));
        }
    }

    pub(super) fn remove(&mut self, key: &T::Key) {
        let Some(at) = self.place(key) else {
            return;
        };
        self.members.swap_remove(at);
        if let Some(places) = &mut self.places {
            places.remove(key);
            if let Some(moved) = self.members.get(at) {
                places.insert(moved.key(), at);
            }
            if self.members.is_empty() {
                self.places = None;
            }
        }
    }

    fn place(&self, key: &T::Key) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(key).copied(),
            None => self.members.iter().position(|member| member.has_key(key)),
        }
    }
}

impl<T: Keyed> Default for Roster<T> {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            places: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    impl Keyed for u8 {
        type Key = Self;

        fn key(&self) -> Self {
            *self
        }

        fn has_key(&self, key: &Self) -> bool {
            self == key
        }
    }

    proptest! {
        #[test]
        fn it_has_who_was_added_and_not_removed(steps: Vec<(bool, u8)>) {
            let mut roster = Roster::default();
            let mut model = BTreeSet::new();
            for (is_added, key) in steps {
                if is_added && model.insert(key) {
                    roster.add(key);
                } else if !is_added {
                    roster.remove(&key);
                    model.remove(&key);
                }
                prop_assert_eq!(roster.contains(&key), model.contains(&key));
                prop_assert_eq!(roster.as_slice().len(), model.len());
            }
            for key in &model {
                prop_assert_eq!(roster.get_mut(key), Some(&mut key.clone()));
            }
            prop_assert_eq!(roster.is_empty(), model.is_empty());
        }
    }
}
