//! The encoding of values (spec §4.5): a [`Writer`] and a [`Reader`] of single values, and a [`Scan`] that finds the end
//! of a tuple while its bytes still arrive.
//!
//! None of them builds a tree: whoever has values of its own writes and reads them piece by piece. Everything that is
//! read is bounded before anything is allocated for it.

mod input;
pub(crate) mod leb;
mod reader;
mod scan;
mod writer;

pub use input::Input;
pub use reader::{Flags, Reader};
pub use scan::{Progress, Scan};
pub use writer::{Encoded, Writer};

/// How deep values nest at most while they are read; types nest no deeper.
pub const VALUE_DEPTH_MAX: usize = crate::ty::TYPE_DEPTH_MAX + 1;
/// How much memory the values of one tuple may take once decoded, as its readers count it.
pub const DECODED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why bytes are not a value, or a value has no bytes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end within a value.
    #[error("the value ends after {read} bytes, before it is complete")]
    Truncated {
        /// How many bytes were read.
        read: usize,
    },
    /// Bytes follow the value.
    #[error("{bytes} bytes follow the value")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A number does not fit its type.
    #[error("a number at byte {at} does not fit {bits} bits")]
    Number {
        /// Where.
        at: usize,
        /// The width of the type.
        bits: u32,
    },
    /// A byte that is none of those allowed.
    #[error("the byte {found:#04x} at byte {at} is no {what}")]
    Byte {
        /// Where.
        at: usize,
        /// The byte.
        found: u8,
        /// What was to be there, such as `bool`.
        what: &'static str,
    },
    /// A string or char is not UTF-8.
    #[error("the text at byte {at} is not UTF-8")]
    Text {
        /// Where.
        at: usize,
    },
    /// A case that the type does not have.
    #[error("the case {found} at byte {at} is not one of {cases}")]
    Case {
        /// Where.
        at: usize,
        /// Its number.
        found: u32,
        /// How many cases there are.
        cases: usize,
    },
    /// A list that has more elements than bytes, or would take too much memory.
    #[error("a list of {count} elements at byte {at} is too large")]
    List {
        /// Where.
        at: usize,
        /// How many elements it claims to have.
        count: u64,
    },
    /// Bits are set that are no flags.
    #[error("bits at byte {at} are set that are no flags")]
    Flags {
        /// Where.
        at: usize,
    },
    /// More than [`VALUE_DEPTH_MAX`] values within each other.
    #[error("the value nests deeper than {VALUE_DEPTH_MAX} levels")]
    Depth,
    /// A stream or future stands where none has a path.
    #[error("a stream or future at byte {at} has no path")]
    NoPath {
        /// Where.
        at: usize,
    },
    /// The value is not of the type that it is written as.
    #[error("a value of type `{expected}` was expected")]
    Mismatch {
        /// The type.
        expected: String,
    },
}
