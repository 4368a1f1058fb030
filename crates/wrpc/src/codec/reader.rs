//! Reads single values off bytes.

use std::slice;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::leb::{Signed, Step, Unsigned};
use super::{DECODED_BYTES_MAX, Error, Input, VALUE_DEPTH_MAX};
use crate::encode::Decode;
use crate::endpoint::Session;
use crate::stream::{FutureReader, StreamReader};
use crate::ty::Path;

/// Byte strings up to this length are copied, so that a short one does not keep the whole message in memory.
const COPIED_BYTES_MAX: usize = 4096;

/// Reads the values of a tuple one after the other.
///
/// The caller knows the types and asks for the values in their order. Members of tuples, fields of records and payloads
/// of variants are read within [`Self::at`], which is what gives streams their paths; payloads of options and results
/// are not (spec §4.4). An error leaves the reader where it was or further; reading on makes no sense then.
#[derive(Debug)]
pub struct Reader<'a> {
    /// What is left of the current piece.
    current: &'a [u8],
    /// The current piece, to take parts of without copying.
    piece: &'a Bytes,
    rest: slice::Iter<'a, Bytes>,
    length: usize,
    /// How many bytes are left, of all pieces.
    left: usize,
    /// How much memory may still be spent on what is decoded.
    memory_left: usize,
    depth: usize,
    /// `None` where paths have become too deep, or within elements.
    path: Option<Path>,
    session: Option<&'a Arc<Session>>,
    /// Whether streams and futures are passed over.
    leaves_streams: bool,
}

/// Flags as they were read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    bits: Vec<u8>,
    count: usize,
}

// ===== impl Reader =====

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a Input, session: Option<&'a Arc<Session>>) -> Self {
        Self {
            current: input.first(),
            piece: input.first(),
            rest: input.rest().iter(),
            length: input.len(),
            left: input.len(),
            memory_left: DECODED_BYTES_MAX,
            depth: 0,
            path: Some(Path::ROOT),
            session,
            leaves_streams: false,
        }
    }

    /// This reader for somebody who has only seen the tuple pass: [`crate::Value`] has [`crate::Value::Pending`] in place of
    /// its streams and futures.
    #[must_use]
    pub fn without_streams(mut self) -> Self {
        self.leaves_streams = true;
        self
    }

    pub(crate) fn leaves_streams(&self) -> bool {
        self.leaves_streams
    }

    /// Passes over a stream of `element`, with what of it stands in the tuple.
    pub(crate) fn pass_stream(&mut self, element: &crate::ty::Type) -> Result<(), Error> {
        match self.count(1)? {
            0 => Ok(()),
            count => self.skip(element, count).map(|_| ()),
        }
    }

    /// Passes over a future of `payload`, with its value if that stands in the tuple.
    pub(crate) fn pass_future(&mut self, payload: &crate::ty::Type) -> Result<(), Error> {
        if self.choice("future")? {
            self.skip(payload, 1)?;
        }
        Ok(())
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.length - self.left
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.left
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`Error::Trailing`] when bytes are left.
    pub fn finish(self) -> Result<(), Error> {
        match self.left {
            0 => Ok(()),
            bytes => Err(Error::Trailing { bytes }),
        }
    }

    /// Reads a value of a Rust type.
    ///
    /// # Errors
    ///
    /// When the bytes are not such a value.
    pub fn value<T: Decode>(&mut self) -> Result<T, Error> {
        T::decode(self)
    }

    /// Reads what lies at `index` of a tuple, record or variant.
    ///
    /// # Errors
    ///
    /// Those of `read`, and [`Error::Depth`].
    pub fn at<T>(
        &mut self,
        index: u32,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let path = self.path;
        self.path = path.and_then(|path| path.child(index));
        let value = self.nested(read);
        self.path = path;
        value
    }

    /// Reads what lies within an option, a result or a list, counting the depth.
    ///
    /// # Errors
    ///
    /// Those of `read`, and [`Error::Depth`].
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth == VALUE_DEPTH_MAX {
            return Err(Error::Depth);
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Counts memory that the caller is going to spend on decoded values.
    ///
    /// # Errors
    ///
    /// [`Error::List`] when the tuple has used up [`DECODED_BYTES_MAX`].
    pub fn charge(&mut self, count: u64, size: usize) -> Result<(), Error> {
        let left = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(size))
            .and_then(|bytes| self.memory_left.checked_sub(bytes));
        let at = self.position();
        self.memory_left = left.ok_or(Error::List { at, count })?;
        Ok(())
    }

    /// Reads a `bool`.
    ///
    /// # Errors
    ///
    /// When the bytes end or are not one.
    pub fn bool(&mut self) -> Result<bool, Error> {
        self.choice("bool")
    }

    /// Reads whether an `option` has a payload, which follows.
    ///
    /// # Errors
    ///
    /// When the bytes end or are not one.
    pub fn option(&mut self) -> Result<bool, Error> {
        self.choice("option")
    }

    /// Reads whether a `result` is `ok`; the payload follows, if the case has one.
    ///
    /// # Errors
    ///
    /// When the bytes end or are not one.
    pub fn result(&mut self) -> Result<bool, Error> {
        Ok(!self.choice("result")?)
    }

    /// Reads a `u8`.
    ///
    /// # Errors
    ///
    /// When the bytes end.
    pub fn u8(&mut self) -> Result<u8, Error> {
        loop {
            if let Some((&byte, current)) = self.current.split_first() {
                self.current = current;
                self.left -= 1;
                return Ok(byte);
            }
            let Some(piece) = self.rest.next() else {
                return Err(Error::Truncated { read: self.length });
            };
            (self.piece, self.current) = (piece, piece);
        }
    }

    /// Reads an `s8`.
    ///
    /// # Errors
    ///
    /// When the bytes end.
    pub fn s8(&mut self) -> Result<i8, Error> {
        Ok(self.u8()?.cast_signed())
    }

    /// Reads a `char`.
    ///
    /// # Errors
    ///
    /// When the bytes end or are not one.
    pub fn char(&mut self) -> Result<char, Error> {
        let at = self.position();
        let first = self.u8()?;
        let length = char_length(first).ok_or(Error::Text { at })?;
        let mut bytes = [first, 0, 0, 0];
        self.copy(&mut bytes[1..length])?;
        let text = std::str::from_utf8(&bytes[..length]).map_err(|_| Error::Text { at })?;
        text.chars().next().ok_or(Error::Text { at })
    }

    /// Reads an `f32`; its bits are kept.
    ///
    /// # Errors
    ///
    /// When the bytes end.
    pub fn f32(&mut self) -> Result<f32, Error> {
        let mut bytes = [0; 4];
        self.copy(&mut bytes)?;
        Ok(f32::from_le_bytes(bytes))
    }

    /// Reads an `f64`; its bits are kept.
    ///
    /// # Errors
    ///
    /// When the bytes end.
    pub fn f64(&mut self) -> Result<f64, Error> {
        let mut bytes = [0; 8];
        self.copy(&mut bytes)?;
        Ok(f64::from_le_bytes(bytes))
    }

    /// Reads a `string`.
    ///
    /// # Errors
    ///
    /// When the bytes end or are not one.
    pub fn string(&mut self) -> Result<String, Error> {
        let count = self.count(1)?;
        let at = self.position();
        let mut bytes = vec![0; count];
        self.copy(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| Error::Text { at })
    }

    /// Reads a `list<u8>`. A long one shares the memory of the message.
    ///
    /// # Errors
    ///
    /// When the bytes end.
    pub fn bytes(&mut self) -> Result<Bytes, Error> {
        let count = self.count(1)?;
        if count > COPIED_BYTES_MAX && count <= self.current.len() {
            let (taken, current) = self.current.split_at(count);
            self.current = current;
            self.left -= count;
            return Ok(self.piece.slice_ref(taken));
        }
        let mut bytes = BytesMut::zeroed(count);
        self.copy(&mut bytes)?;
        Ok(bytes.freeze())
    }

    /// Reads how many elements a list has, which follow. `size` is what one takes once decoded; the memory of all is
    /// counted, and the number is never larger than that of the bytes left.
    ///
    /// # Errors
    ///
    /// When the bytes end, or the list cannot be that long.
    pub fn list(&mut self, size: usize) -> Result<usize, Error> {
        self.count(size)
    }

    /// Reads the number of a case of a `variant` or `enum` that has `cases` of them; the payload follows, if the case
    /// has one.
    ///
    /// # Errors
    ///
    /// When the bytes end or there is no such case.
    pub fn case(&mut self, cases: usize) -> Result<u32, Error> {
        let at = self.position();
        let found = self.u32()?;
        if usize::try_from(found).is_ok_and(|found| found < cases) {
            Ok(found)
        } else {
            Err(Error::Case { at, found, cases })
        }
    }

    /// Reads `count` flags.
    ///
    /// # Errors
    ///
    /// When the bytes end, or other bits are set.
    pub fn flags(&mut self, count: usize) -> Result<Flags, Error> {
        let at = self.position();
        let length = count.div_ceil(8);
        if length > self.left {
            return Err(Error::Truncated { read: self.length });
        }
        let mut bits = vec![0; length];
        self.copy(&mut bits)?;
        let unused = (length * 8 - count) as u32;
        if bits
            .last()
            .is_some_and(|last| last.leading_zeros() < unused)
        {
            return Err(Error::Flags { at });
        }
        Ok(Flags { bits, count })
    }

    /// Reads a handle of a resource.
    ///
    /// # Errors
    ///
    /// When the bytes end.
    pub fn resource(&mut self) -> Result<Bytes, Error> {
        self.bytes()
    }

    /// Reads a `stream<u8>`.
    ///
    /// # Errors
    ///
    /// When the bytes end, or the stream has no path here.
    pub fn byte_stream(&mut self) -> Result<StreamReader, Error> {
        let at = self.position();
        let bytes = self.bytes()?;
        if !bytes.is_empty() {
            return Ok(StreamReader::inline(0, Input::from(bytes)));
        }
        self.pending(at).map(StreamReader::pending)
    }

    /// Reads a `stream` of elements of type `element`.
    ///
    /// # Errors
    ///
    /// When the bytes end or are no such elements, or the stream has no path here.
    pub fn stream(&mut self, element: &crate::ty::Type) -> Result<StreamReader, Error> {
        if *element == crate::ty::Type::U8 {
            return self.byte_stream();
        }
        let at = self.position();
        let count = self.count(1)?;
        if count == 0 {
            return self.pending(at).map(StreamReader::pending);
        }
        let elements = self.skip(element, count)?;
        Ok(StreamReader::inline(count as u64, elements))
    }

    /// Reads a `future` of a value of type `payload`.
    ///
    /// # Errors
    ///
    /// When the bytes end or are no such value, or the future has no path here.
    pub fn future(&mut self, payload: &crate::ty::Type) -> Result<FutureReader, Error> {
        let at = self.position();
        if !self.choice("future")? {
            return self.pending(at).map(FutureReader::pending);
        }
        Ok(FutureReader::ready(self.skip(payload, 1)?))
    }

    fn pending(&self, at: usize) -> Result<(Arc<Session>, Path), Error> {
        match (self.session, self.path) {
            (Some(session), Some(path)) => Ok((Arc::clone(session), path)),
            _ => Err(Error::NoPath { at }),
        }
    }

    /// Takes the bytes of `count` values of a type.
    fn skip(&mut self, ty: &crate::ty::Type, count: usize) -> Result<Input, Error> {
        let mut scan = super::Scan::elements(ty, count as u64);
        let mut taken = Input::new();
        loop {
            let (used, is_done) = match scan.push(self.current)? {
                super::Progress::Done { used } => (used, true),
                super::Progress::More => (self.current.len(), false),
            };
            let (part, current) = self.current.split_at(used);
            taken.push(self.piece.slice_ref(part));
            self.current = current;
            self.left -= used;
            if is_done {
                return Ok(taken);
            }
            let Some(piece) = self.rest.next() else {
                return Err(Error::Truncated { read: self.length });
            };
            (self.piece, self.current) = (piece, piece);
        }
    }

    fn count(&mut self, size: usize) -> Result<usize, Error> {
        let at = self.position();
        let count = u64::from(self.u32()?);
        let length = usize::try_from(count)
            .ok()
            .filter(|count| *count <= self.left)
            .ok_or(Error::List { at, count })?;
        self.charge(count, size)?;
        Ok(length)
    }

    fn choice(&mut self, what: &'static str) -> Result<bool, Error> {
        let at = self.position();
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(Error::Byte { at, found, what }),
        }
    }

    fn copy(&mut self, mut target: &mut [u8]) -> Result<(), Error> {
        if target.len() > self.left {
            return Err(Error::Truncated { read: self.length });
        }
        self.left -= target.len();
        loop {
            let length = target.len().min(self.current.len());
            let (now, later) = target.split_at_mut(length);
            now.copy_from_slice(&self.current[..length]);
            self.current = &self.current[length..];
            if later.is_empty() {
                return Ok(());
            }
            target = later;
            let Some(piece) = self.rest.next() else {
                return Err(Error::Truncated { read: self.length });
            };
            (self.piece, self.current) = (piece, piece);
        }
    }

    fn unsigned(&mut self, bits: u32) -> Result<u64, Error> {
        let at = self.position();
        let mut number = Unsigned::default();
        loop {
            match number.push(self.u8()?, bits) {
                Step::More => {}
                Step::Done => return Ok(number.value),
                Step::Overflow => return Err(Error::Number { at, bits }),
            }
        }
    }

    fn signed(&mut self, bits: u32) -> Result<i64, Error> {
        let at = self.position();
        let mut number = Signed::default();
        loop {
            match number.push(self.u8()?, bits) {
                Step::More => {}
                Step::Done => return Ok(number.value()),
                Step::Overflow => return Err(Error::Number { at, bits }),
            }
        }
    }
}

macro_rules! numbers {
    ($($name:ident: $type:ty, $reader:ident, $wit:literal;)+) => {
        impl Reader<'_> {
            $(
                #[doc = concat!("Reads a `", $wit, "`.")]
                ///
                /// # Errors
                ///
                /// When the bytes end or the number does not fit.
                pub fn $name(&mut self) -> Result<$type, Error> {
                    let at = self.position();
                    let bits = <$type>::BITS;
                    let value = self.$reader(bits)?;
                    <$type>::try_from(value).map_err(|_| Error::Number { at, bits })
                }
            )+
        }
    };
}

numbers! {
    u16: u16, unsigned, "u16";
    u32: u32, unsigned, "u32";
    u64: u64, unsigned, "u64";
    s16: i16, signed, "s16";
    s32: i32, signed, "s32";
    s64: i64, signed, "s64";
}

/// How many bytes a character has that begins with `first`.
pub(super) fn char_length(first: u8) -> Option<usize> {
    match first {
        0x00..=0x7f => Some(1),
        0xc2..=0xdf => Some(2),
        0xe0..=0xef => Some(3),
        0xf0..=0xf4 => Some(4),
        _ => None,
    }
}

// ===== impl Flags =====

impl Flags {
    /// Whether the flag at `index` is set.
    pub fn is_set(&self, index: usize) -> bool {
        index < self.count && self.bits[index / 8] >> (index % 8) & 1 == 1
    }

    /// The indexes of the flags that are set, in their order.
    pub fn set(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.count).filter(|index| self.is_set(*index))
    }
}
