//! Cursors of listings. The interface has 64 bits for one, which cannot hold a key, so the key is kept here.

use std::collections::VecDeque;

use super::{Error, PAGE_KEYS_MAX};

/// Listings that can be continued at once; the oldest is forgotten first.
const CURSORS_MAX: usize = 4096;

/// The last keys of pages that another page follows.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    /// Ascending by cursor, without gaps.
    keys: VecDeque<String>,
    /// The cursor of the first of `keys`, less one: zero is the cursor of no page.
    first: u64,
}

// ===== impl Cursors =====

impl Cursors {
    /// The key after which the page of `cursor` begins; `None` for the first page.
    pub(super) fn resume(&self, cursor: Option<u64>) -> Result<Option<String>, Error> {
        let Some(cursor) = cursor.filter(|&cursor| cursor != 0) else {
            return Ok(None);
        };
        let key = cursor
            .checked_sub(self.first + 1)
            .and_then(|position| usize::try_from(position).ok())
            .and_then(|position| self.keys.get(position));
        key.cloned().map(Some).ok_or(Error::Cursor)
    }

    /// Cuts `keys` to a page and returns the cursor of what follows, if something does.
    pub(super) fn cut(&mut self, keys: &mut Vec<String>) -> Option<u64> {
        if keys.len() <= PAGE_KEYS_MAX {
            return None;
        }
        keys.truncate(PAGE_KEYS_MAX);
        if self.keys.len() == CURSORS_MAX {
            self.keys.pop_front();
            self.first += 1;
        }
        self.keys.push_back(keys.last()?.clone());
        Some(self.first + self.keys.len() as u64)
    }
}
