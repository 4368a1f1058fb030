//! Where in a tuple a stream or future lies.

use std::fmt::{self, Write as _};

/// How many indexes a path has at most.
pub const PATH_DEPTH_MAX: usize = 8;

/// The indexes that lead from a tuple of parameters or results to a value (spec §4.4). Copied cheaply.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Path {
    length: u8,
    indexes: [u32; PATH_DEPTH_MAX],
}

// ===== impl Path =====

impl Path {
    /// The tuple itself.
    pub const ROOT: Self = Self {
        length: 0,
        indexes: [0; PATH_DEPTH_MAX],
    };

    /// The path with one more index, or `None` when it has [`PATH_DEPTH_MAX`] already.
    pub fn child(mut self, index: u32) -> Option<Self> {
        *self.indexes.get_mut(usize::from(self.length))? = index;
        self.length += 1;
        Some(self)
    }

    /// The indexes, outermost first.
    pub fn indexes(&self) -> &[u32] {
        &self.indexes[..usize::from(self.length)]
    }

    /// Whether it is the tuple itself.
    pub fn is_root(&self) -> bool {
        self.length == 0
    }

    /// Reads tokens such as `0.1`; `None` for anything that is no path. An empty text is the root.
    pub fn parse(text: &str) -> Option<Self> {
        let mut path = Self::ROOT;
        if text.is_empty() {
            return Some(path);
        }
        for token in text.split('.') {
            // `parse` alone would take a sign.
            if !token.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            path = path.child(token.parse().ok()?)?;
        }
        Some(path)
    }

    /// Appends the path to a subject, each index after a dot.
    pub(crate) fn push_to(&self, subject: &mut String) {
        for index in self.indexes() {
            write!(subject, ".{index}").expect("writing to a string cannot fail");
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, index) in self.indexes().iter().enumerate() {
            let separator = if position == 0 { "" } else { "." };
            write!(f, "{separator}{index}")?;
        }
        Ok(())
    }
}
