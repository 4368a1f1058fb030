//! Places in the text of a manifest.

use std::fmt;

/// A place between two characters of a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

/// A stretch of a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Span {
    /// Where it begins.
    pub start: Position,
    /// Where it ends, exclusive; never before `start`.
    pub end: Position,
}

// ===== impl Position =====

impl Position {
    /// The first place of every text.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

// ===== impl Span =====

impl Span {
    /// The empty stretch at `position`.
    pub fn at(position: Position) -> Self {
        Self {
            start: position,
            end: position,
        }
    }

    /// The stretch from the start of `self` to the end of `last`.
    pub(crate) fn to(self, last: Self) -> Self {
        Self {
            start: self.start,
            end: last.end.max(self.start),
        }
    }
}
