//! Rust types as values: what is compiled for a type needs no tree of values.
//!
//! Structs, enums and variants get it by [`record!`](crate::record), [`enumeration!`](crate::enumeration) and
//! [`variant!`](crate::variant).

mod macros;
mod tuple;

pub use tuple::Tuple;

use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{Error, Reader, Writer};
use crate::stream::{FutureReader, Outgoing, StreamReader};
use crate::ty::Type;

/// A Rust type that stands for a type of WIT.
pub trait Typed {
    /// The type.
    fn ty() -> Type;
}

/// A value that can be written.
pub trait Encode {
    /// Writes it.
    fn encode(&self, writer: &mut Writer);

    /// Writes the elements of a list, without their number. For types that can write many at once.
    fn encode_slice(elements: &[Self], writer: &mut Writer)
    where
        Self: Sized,
    {
        for element in elements {
            element.encode(writer);
        }
    }
}

/// A value that can be read.
pub trait Decode: Sized {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// When the bytes are no such value.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error>;

    /// Reads a list with its number. For types that can read many at once.
    ///
    /// # Errors
    ///
    /// When the bytes are no such list.
    fn decode_list(reader: &mut Reader<'_>) -> Result<Vec<Self>, Error> {
        let count = reader.list(mem::size_of::<Self>().max(1))?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(reader.nested(Self::decode)?);
        }
        Ok(elements)
    }
}

macro_rules! primitives {
    ($($type:ty: $name:ident, $wit:ident;)+) => {$(
        impl Typed for $type {
            fn ty() -> Type {
                Type::$wit
            }
        }

        impl Encode for $type {
            fn encode(&self, writer: &mut Writer) {
                writer.$name(*self);
            }
        }

        impl Decode for $type {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
                reader.$name()
            }
        }
    )+};
}

primitives! {
    bool: bool, Bool;
    u16: u16, U16;
    u32: u32, U32;
    u64: u64, U64;
    i8: s8, S8;
    i16: s16, S16;
    i32: s32, S32;
    i64: s64, S64;
    f32: f32, F32;
    f64: f64, F64;
    char: char, Char;
}

// ===== impl for u8, strings and bytes =====

impl Typed for u8 {
    fn ty() -> Type {
        Type::U8
    }
}

impl Encode for u8 {
    fn encode(&self, writer: &mut Writer) {
        writer.u8(*self);
    }

    fn encode_slice(elements: &[Self], writer: &mut Writer) {
        writer.raw(elements);
    }
}

impl Decode for u8 {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.u8()
    }

    fn decode_list(reader: &mut Reader<'_>) -> Result<Vec<Self>, Error> {
        reader.bytes().map(Vec::from)
    }
}

impl Typed for str {
    fn ty() -> Type {
        Type::String
    }
}

impl Encode for str {
    fn encode(&self, writer: &mut Writer) {
        writer.string(self);
    }
}

impl Typed for String {
    fn ty() -> Type {
        Type::String
    }
}

impl Encode for String {
    fn encode(&self, writer: &mut Writer) {
        writer.string(self);
    }
}

impl Decode for String {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.string()
    }
}

impl Typed for Bytes {
    fn ty() -> Type {
        Type::bytes()
    }
}

impl Encode for Bytes {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(self);
    }
}

impl Decode for Bytes {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.bytes()
    }
}

// ===== impl for lists, options, results, references =====

impl<T: Typed> Typed for [T] {
    fn ty() -> Type {
        Type::list(T::ty())
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, writer: &mut Writer) {
        writer.list(self.len());
        T::encode_slice(self, writer);
    }
}

impl<T: Typed> Typed for Vec<T> {
    fn ty() -> Type {
        Type::list(T::ty())
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, writer: &mut Writer) {
        self.as_slice().encode(writer);
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        T::decode_list(reader)
    }
}

impl<T: Typed> Typed for Option<T> {
    fn ty() -> Type {
        Type::option(T::ty())
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, writer: &mut Writer) {
        writer.option(self.is_some());
        if let Some(payload) = self {
            payload.encode(writer);
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        if !reader.option()? {
            return Ok(None);
        }
        reader.nested(T::decode).map(Some)
    }
}

/// A payload of a `result`: `()` for none.
pub trait Payload {
    /// Its type, if there is one.
    fn payload_ty() -> Option<Type>;
}

impl Payload for () {
    fn payload_ty() -> Option<Type> {
        None
    }
}

impl<T: Typed> Payload for T {
    fn payload_ty() -> Option<Type> {
        Some(T::ty())
    }
}

impl<T: Payload, E: Payload> Typed for Result<T, E> {
    fn ty() -> Type {
        Type::result(T::payload_ty(), E::payload_ty())
    }
}

impl<T: Encode, E: Encode> Encode for Result<T, E> {
    fn encode(&self, writer: &mut Writer) {
        writer.result(self.is_ok());
        match self {
            Ok(payload) => payload.encode(writer),
            Err(payload) => payload.encode(writer),
        }
    }
}

impl<T: Decode, E: Decode> Decode for Result<T, E> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        if reader.result()? {
            reader.nested(T::decode).map(Ok)
        } else {
            reader.nested(E::decode).map(Err)
        }
    }
}

impl<T: Typed + ?Sized> Typed for &T {
    fn ty() -> Type {
        T::ty()
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl<T: Typed + ?Sized> Typed for Box<T> {
    fn ty() -> Type {
        T::ty()
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        T::decode(reader).map(Self::new)
    }
}

impl<T: Typed + ?Sized> Typed for Arc<T> {
    fn ty() -> Type {
        T::ty()
    }
}

impl<T: Encode + ?Sized> Encode for Arc<T> {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl<T: Decode> Decode for Arc<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        T::decode(reader).map(Self::new)
    }
}

// ===== impl for streams =====

/// A `stream` of elements of a Rust type that comes in.
#[derive(Debug)]
pub struct Stream<T> {
    /// Reads it.
    pub reader: StreamReader,
    element: std::marker::PhantomData<fn() -> T>,
}

/// A `future` of a Rust type that comes in.
#[derive(Debug)]
pub struct Future<T> {
    /// Reads it.
    pub reader: FutureReader,
    payload: std::marker::PhantomData<fn() -> T>,
}

impl<T: Typed> Typed for Stream<T> {
    fn ty() -> Type {
        Type::stream(T::ty())
    }
}

impl<T: Typed> Decode for Stream<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            reader: reader.stream(&T::ty())?,
            element: std::marker::PhantomData,
        })
    }
}

impl<T: Typed + Decode> Stream<T> {
    /// The next elements; `None` at its end.
    ///
    /// # Errors
    ///
    /// See [`crate::StreamError`].
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, crate::StreamError> {
        self.reader.next().await
    }
}

impl<T: Typed> Typed for Future<T> {
    fn ty() -> Type {
        Type::future(T::ty())
    }
}

impl<T: Typed> Decode for Future<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            reader: reader.future(&T::ty())?,
            payload: std::marker::PhantomData,
        })
    }
}

impl<T: Typed + Decode> Future<T> {
    /// The value.
    ///
    /// # Errors
    ///
    /// See [`crate::StreamError`].
    pub async fn get(mut self) -> Result<T, crate::StreamError> {
        self.reader.read().await
    }
}

impl Encode for Outgoing {
    fn encode(&self, writer: &mut Writer) {
        writer.outgoing(self);
    }
}
