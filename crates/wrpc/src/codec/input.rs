//! The bytes of a tuple, in the pieces in which they arrived.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Error, Reader};

/// Bytes in pieces, without copying them together. Pieces are never empty.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Almost always all there is.
    first: Bytes,
    rest: Vec<Bytes>,
    length: usize,
}

// ===== impl Input =====

impl Input {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a piece.
    pub fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len();
        if bytes.is_empty() {
        } else if self.first.is_empty() {
            self.first = bytes;
        } else {
            self.rest.push(bytes);
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// A reader of the values in it, for which pending streams have nowhere to come from.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self, None)
    }

    /// Decodes one value that is all there is.
    ///
    /// # Errors
    ///
    /// When the bytes are not such a value.
    pub fn decode<T: crate::encode::Decode>(&self) -> Result<T, Error> {
        let mut reader = self.reader();
        let value = T::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        let first = Some(&self.first).filter(|first| !first.is_empty());
        first.into_iter().chain(&self.rest)
    }

    /// The pieces, in order, to be taken one by one.
    pub(crate) fn into_pieces(self) -> VecDeque<Bytes> {
        let mut pieces = VecDeque::from(self.rest);
        if !self.first.is_empty() {
            pieces.push_front(self.first);
        }
        pieces
    }

    pub(super) fn first(&self) -> &Bytes {
        &self.first
    }

    pub(super) fn rest(&self) -> &[Bytes] {
        &self.rest
    }
}

impl From<Bytes> for Input {
    fn from(bytes: Bytes) -> Self {
        let mut input = Self::new();
        input.push(bytes);
        input
    }
}
