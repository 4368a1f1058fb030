//! Writes single values to bytes.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Error, leb};
use crate::encode::Encode;
use crate::stream::{Connector, Outgoing};
use crate::ty::Path;

/// Writes the values of a tuple one after the other.
///
/// The caller knows the types and gives the values in their order. Members of tuples, fields of records and payloads of
/// variants are written within [`Self::at`], which is what gives streams their paths; payloads of options and results
/// are not (spec §4.4).
#[derive(Debug)]
pub struct Writer {
    buffer: BytesMut,
    path: Option<Path>,
    outgoing: Vec<(Path, Connector)>,
    has_lost_path: bool,
}

/// A tuple, written, with the streams and futures that belong to it.
#[derive(Debug, Default)]
pub struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) outgoing: Vec<(Path, Connector)>,
}

// ===== impl Writer =====

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// A writer of a tuple.
    pub fn new() -> Self {
        // Most tuples fit, and need no second piece of memory.
        Self::with_capacity(256)
    }

    /// A writer of a tuple of about so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            buffer: BytesMut::with_capacity(bytes),
            path: Some(Path::ROOT),
            outgoing: Vec::new(),
            has_lost_path: false,
        }
    }

    /// Ends the tuple.
    ///
    /// # Errors
    ///
    /// [`Error::NoPath`] when a stream or future was written where it has no path.
    pub fn finish(self) -> Result<Encoded, Error> {
        if self.has_lost_path {
            return Err(Error::NoPath {
                at: self.buffer.len(),
            });
        }
        Ok(Encoded {
            bytes: self.buffer.freeze(),
            outgoing: self.outgoing,
        })
    }

    /// Writes a value of a Rust type.
    pub fn value<T: Encode + ?Sized>(&mut self, value: &T) {
        value.encode(self);
    }

    /// Writes what lies at `index` of a tuple, record or variant.
    pub fn at<T>(&mut self, index: u32, write: impl FnOnce(&mut Self) -> T) -> T {
        let path = self.path;
        self.path = path.and_then(|path| path.child(index));
        let value = write(self);
        self.path = path;
        value
    }

    /// Writes a `bool`.
    pub fn bool(&mut self, value: bool) {
        self.buffer.put_u8(value.into());
    }

    /// Writes a `u8`.
    pub fn u8(&mut self, value: u8) {
        self.buffer.put_u8(value);
    }

    /// Writes a `u16`.
    pub fn u16(&mut self, value: u16) {
        leb::put_unsigned(&mut self.buffer, value.into());
    }

    /// Writes a `u32`.
    pub fn u32(&mut self, value: u32) {
        leb::put_unsigned(&mut self.buffer, value.into());
    }

    /// Writes a `u64`.
    pub fn u64(&mut self, value: u64) {
        leb::put_unsigned(&mut self.buffer, value);
    }

    /// Writes an `s8`.
    pub fn s8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    /// Writes an `s16`.
    pub fn s16(&mut self, value: i16) {
        leb::put_signed(&mut self.buffer, value.into());
    }

    /// Writes an `s32`.
    pub fn s32(&mut self, value: i32) {
        leb::put_signed(&mut self.buffer, value.into());
    }

    /// Writes an `s64`.
    pub fn s64(&mut self, value: i64) {
        leb::put_signed(&mut self.buffer, value);
    }

    /// Writes an `f32`, bit by bit.
    pub fn f32(&mut self, value: f32) {
        self.buffer.put_f32_le(value);
    }

    /// Writes an `f64`, bit by bit.
    pub fn f64(&mut self, value: f64) {
        self.buffer.put_f64_le(value);
    }

    /// Writes a `char`.
    pub fn char(&mut self, value: char) {
        let mut bytes = [0; 4];
        self.buffer
            .put_slice(value.encode_utf8(&mut bytes).as_bytes());
    }

    /// Writes a `string`.
    pub fn string(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Writes a `list<u8>`.
    pub fn bytes(&mut self, value: &[u8]) {
        self.list(value.len());
        self.buffer.put_slice(value);
    }

    /// Writes bytes that are encoded already.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.buffer.put_slice(encoded);
    }

    /// Writes how many elements a list has, which follow.
    pub fn list(&mut self, count: usize) {
        leb::put_unsigned(&mut self.buffer, count as u64);
    }

    /// Writes the number of a case of a `variant` or `enum`; the payload follows, if the case has one.
    pub fn case(&mut self, case: u32) {
        self.u32(case);
    }

    /// Writes whether an `option` has a payload, which follows.
    pub fn option(&mut self, is_some: bool) {
        self.bool(is_some);
    }

    /// Writes whether a `result` is `ok`; the payload follows, if the case has one.
    pub fn result(&mut self, is_ok: bool) {
        self.bool(!is_ok);
    }

    /// Writes `count` flags, of which those at the indexes of `set` are set; indexes beyond are ignored.
    pub fn flags(&mut self, count: usize, set: impl IntoIterator<Item = usize>) {
        let start = self.buffer.len();
        self.buffer.put_bytes(0, count.div_ceil(8));
        for index in set.into_iter().filter(|index| *index < count) {
            self.buffer[start + index / 8] |= 1 << (index % 8);
        }
    }

    /// Writes a handle of a resource.
    pub fn resource(&mut self, handle: &[u8]) {
        self.bytes(handle);
    }

    /// Writes a `stream` or `future` whose data follows on its path.
    pub fn outgoing(&mut self, outgoing: &Outgoing) {
        self.buffer.put_u8(0);
        match self.path {
            Some(path) => self.outgoing.push((path, outgoing.connector())),
            None => self.has_lost_path = true,
        }
    }

    /// Writes a `future` whose value is there already and follows.
    pub fn ready(&mut self) {
        self.buffer.put_u8(1);
    }
}

// ===== impl Encoded =====

impl Encoded {
    /// The bytes of the tuple.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether no stream or future belongs to it.
    pub fn is_plain(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// A tuple of one Rust value, which is itself a tuple or `()`.
    ///
    /// # Errors
    ///
    /// [`Error::NoPath`] when a stream or future is where it has no path.
    pub fn of<T: Encode + ?Sized>(tuple: &T) -> Result<Self, Error> {
        let mut writer = Writer::new();
        tuple.encode(&mut writer);
        writer.finish()
    }
}
