//! Values as a tree, for tools.

use bytes::Bytes;

use crate::codec::{Error, Reader, Writer};
use crate::stream::{FutureReader, Outgoing, StreamReader};
use crate::ty::Type;

/// A value of any [`Type`], as a tree: for tools, which learn types at run time and are in no hurry. Names are in the type.
#[derive(Debug)]
#[non_exhaustive]
pub enum Value {
    /// `bool`.
    Bool(bool),
    /// `u8`.
    U8(u8),
    /// `u16`.
    U16(u16),
    /// `u32`.
    U32(u32),
    /// `u64`.
    U64(u64),
    /// `s8`.
    S8(i8),
    /// `s16`.
    S16(i16),
    /// `s32`.
    S32(i32),
    /// `s64`.
    S64(i64),
    /// `f32`.
    F32(f32),
    /// `f64`.
    F64(f64),
    /// `char`.
    Char(char),
    /// `string`.
    String(String),
    /// `list<u8>`.
    Bytes(Bytes),
    /// Any other list.
    List(Vec<Self>),
    /// A record or tuple: what is in it, in order.
    Tuple(Vec<Self>),
    /// A case of a variant, with its payload if it has one.
    Variant(u32, Option<Box<Self>>),
    /// A case of an enum.
    Enum(u32),
    /// An option.
    Option(Option<Box<Self>>),
    /// A result, its payloads if it has them.
    Result(Result<Option<Box<Self>>, Option<Box<Self>>>),
    /// The indexes of the flags that are set, in ascending order.
    Flags(Vec<usize>),
    /// A handle of a resource.
    Resource(Bytes),
    /// A stream or future to be sent.
    Outgoing(Outgoing),
    /// A stream that comes in.
    Stream(StreamReader),
    /// A future that comes in.
    Future(FutureReader),
    /// A stream or future that was seen to pass; see [`Reader::without_streams`].
    Pending,
}

// ===== impl Value =====

impl Value {
    /// Writes the value as one of type `ty`.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] when it is none; what was written until then is of no use.
    pub fn encode(&self, ty: &Type, writer: &mut Writer) -> Result<(), Error> {
        match (self, ty) {
            (Self::Bool(value), Type::Bool) => writer.bool(*value),
            (Self::U8(value), Type::U8) => writer.u8(*value),
            (Self::U16(value), Type::U16) => writer.u16(*value),
            (Self::U32(value), Type::U32) => writer.u32(*value),
            (Self::U64(value), Type::U64) => writer.u64(*value),
            (Self::S8(value), Type::S8) => writer.s8(*value),
            (Self::S16(value), Type::S16) => writer.s16(*value),
            (Self::S32(value), Type::S32) => writer.s32(*value),
            (Self::S64(value), Type::S64) => writer.s64(*value),
            (Self::F32(value), Type::F32) => writer.f32(*value),
            (Self::F64(value), Type::F64) => writer.f64(*value),
            (Self::Char(value), Type::Char) => writer.char(*value),
            (Self::String(value), Type::String) => writer.string(value),
            (Self::Bytes(value), Type::List(element)) if **element == Type::U8 => {
                writer.bytes(value);
            }
            (Self::Resource(value), Type::Resource) => writer.resource(value),
            (Self::Flags(set), Type::Flags(names))
                if set.iter().all(|flag| *flag < names.len()) =>
            {
                writer.flags(names.len(), set.iter().copied());
            }
            (Self::Enum(case), Type::Enum(names)) if (*case as usize) < names.len() => {
                writer.case(*case);
            }
            (Self::Outgoing(outgoing), Type::Stream(_) | Type::Future(_)) => {
                writer.outgoing(outgoing);
            }
            _ => return self.encode_compound(ty, writer),
        }
        Ok(())
    }

    fn encode_compound(&self, ty: &Type, writer: &mut Writer) -> Result<(), Error> {
        let mismatch = || Error::Mismatch {
            expected: ty.to_string(),
        };
        match (self, ty) {
            (Self::List(elements), Type::List(element)) => {
                writer.list(elements.len());
                elements
                    .iter()
                    .try_for_each(|value| value.encode(element, writer))
            }
            (Self::Tuple(values), Type::Tuple(members)) if values.len() == members.len() => {
                encode_members(values, members.iter(), writer)
            }
            (Self::Tuple(values), Type::Record(fields)) if values.len() == fields.len() => {
                encode_members(values, fields.iter().map(|field| &field.ty), writer)
            }
            (Self::Variant(index, payload), Type::Variant(cases)) => {
                let case = cases.get(*index as usize).ok_or_else(mismatch)?;
                writer.case(*index);
                let payload = payload.as_deref();
                writer.at(*index, |writer| {
                    encode_payload(payload, case.ty.as_ref(), ty, writer)
                })
            }
            (Self::Option(payload), Type::Option(inner)) => {
                writer.option(payload.is_some());
                match payload {
                    Some(payload) => payload.encode(inner, writer),
                    None => Ok(()),
                }
            }
            (Self::Result(result), Type::Result { ok, err }) => {
                writer.result(result.is_ok());
                let (payload, inner) = match result {
                    Ok(payload) => (payload, ok),
                    Err(payload) => (payload, err),
                };
                encode_payload(payload.as_deref(), inner.as_deref(), ty, writer)
            }
            _ => Err(mismatch()),
        }
    }

    /// Reads a value of type `ty`.
    ///
    /// # Errors
    ///
    /// When the bytes are no such value.
    pub fn decode(ty: &Type, reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match ty {
            Type::Bool => Self::Bool(reader.bool()?),
            Type::U8 => Self::U8(reader.u8()?),
            Type::U16 => Self::U16(reader.u16()?),
            Type::U32 => Self::U32(reader.u32()?),
            Type::U64 => Self::U64(reader.u64()?),
            Type::S8 => Self::S8(reader.s8()?),
            Type::S16 => Self::S16(reader.s16()?),
            Type::S32 => Self::S32(reader.s32()?),
            Type::S64 => Self::S64(reader.s64()?),
            Type::F32 => Self::F32(reader.f32()?),
            Type::F64 => Self::F64(reader.f64()?),
            Type::Char => Self::Char(reader.char()?),
            Type::String => Self::String(reader.string()?),
            Type::Resource => Self::Resource(reader.resource()?),
            Type::Enum(names) => Self::Enum(reader.case(names.len())?),
            Type::Flags(names) => Self::Flags(reader.flags(names.len())?.set().collect()),
            Type::Stream(element) if reader.leaves_streams() => {
                reader.pass_stream(element)?;
                Self::Pending
            }
            Type::Future(payload) if reader.leaves_streams() => {
                reader.pass_future(payload)?;
                Self::Pending
            }
            Type::Stream(element) => Self::Stream(reader.stream(element)?),
            Type::Future(payload) => Self::Future(reader.future(payload)?),
            Type::List(element) if **element == Type::U8 => Self::Bytes(reader.bytes()?),
            Type::List(element) => {
                let count = reader.list(size_of::<Self>())?;
                let mut elements = Vec::with_capacity(count);
                for _ in 0..count {
                    elements.push(reader.nested(|reader| Self::decode(element, reader))?);
                }
                Self::List(elements)
            }
            Type::Tuple(members) => decode_members(members.iter(), reader)?,
            Type::Record(fields) => decode_members(fields.iter().map(|field| &field.ty), reader)?,
            Type::Variant(cases) => {
                let index = reader.case(cases.len())?;
                let ty = cases[index as usize].ty.as_ref();
                let payload = reader.at(index, |reader| decode_payload(ty, reader))?;
                Self::Variant(index, payload)
            }
            Type::Option(inner) => {
                let inner = reader.option()?.then_some(&**inner);
                Self::Option(reader.nested(|reader| decode_payload(inner, reader))?)
            }
            Type::Result { ok, err } => Self::Result(if reader.result()? {
                Ok(reader.nested(|reader| decode_payload(ok.as_deref(), reader))?)
            } else {
                Err(reader.nested(|reader| decode_payload(err.as_deref(), reader))?)
            }),
        })
    }
}

fn encode_members<'t>(
    values: &[Value],
    types: impl Iterator<Item = &'t Type>,
    writer: &mut Writer,
) -> Result<(), Error> {
    for (index, (value, ty)) in (0..).zip(values.iter().zip(types)) {
        writer.at(index, |writer| value.encode(ty, writer))?;
    }
    Ok(())
}

fn encode_payload(
    payload: Option<&Value>,
    inner: Option<&Type>,
    ty: &Type,
    writer: &mut Writer,
) -> Result<(), Error> {
    match (payload, inner) {
        (Some(payload), Some(inner)) => payload.encode(inner, writer),
        (None, None) => Ok(()),
        _ => Err(Error::Mismatch {
            expected: ty.to_string(),
        }),
    }
}

fn decode_members<'t>(
    types: impl ExactSizeIterator<Item = &'t Type>,
    reader: &mut Reader<'_>,
) -> Result<Value, Error> {
    reader.charge(types.len() as u64, size_of::<Value>())?;
    let mut values = Vec::with_capacity(types.len());
    for (index, ty) in (0..).zip(types) {
        values.push(reader.at(index, |reader| Value::decode(ty, reader))?);
    }
    Ok(Value::Tuple(values))
}

fn decode_payload(ty: Option<&Type>, reader: &mut Reader<'_>) -> Result<Option<Box<Value>>, Error> {
    let Some(ty) = ty else {
        return Ok(None);
    };
    reader.charge(1, size_of::<Value>())?;
    Value::decode(ty, reader).map(|payload| Some(Box::new(payload)))
}
