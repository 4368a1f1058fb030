//! Wasmtime's dynamic values to the bytes of the wire and back, one by one.
//!
//! Streams and futures have places in the values, which hold nothing, and lie beside them in the order of the types.

mod flow;

use std::vec;

use wasmtime::component::Val;
use weft_engine::flow::Flow;
use weft_wrpc::Type;
use weft_wrpc::codec::{Encoded, Error, Reader, Writer};
use weft_wrpc::ty::{Case, Field};

pub(super) use self::flow::Pumps;

/// Bytes that a name in a record, variant, enum or flags takes beside its own.
const NAME_BYTES: usize = size_of::<String>();

/// What follows a tuple once it is sent.
struct Following {
    flows: vec::IntoIter<Flow>,
    pumps: Pumps,
}

/// Writes `values` as the tuple `ty`, with what moves `flows` after it.
///
/// # Errors
///
/// [`Error::Mismatch`] when they are of other types.
pub(super) fn write_tuple(
    ty: &Type,
    values: &[Val],
    flows: Vec<Flow>,
) -> Result<(Encoded, Pumps), Error> {
    let mut writer = Writer::new();
    let mut following = Following {
        flows: flows.into_iter(),
        pumps: Pumps::default(),
    };
    match ty {
        Type::Tuple(members) if members.len() == values.len() => {
            for (index, (member, value)) in (0..).zip(members.iter().zip(values)) {
                writer.at(index, |writer| write(member, value, writer, &mut following))?;
            }
        }
        _ => return Err(mismatch(ty)),
    }
    Ok((writer.finish()?, following.pumps))
}

/// Reads the tuple `ty` to its end.
///
/// # Errors
///
/// When the bytes are no such tuple.
pub(super) fn read_tuple(
    ty: &Type,
    mut reader: Reader<'_>,
) -> Result<(Vec<Val>, Vec<Flow>), Error> {
    let Type::Tuple(members) = ty else {
        return Err(mismatch(ty));
    };
    let mut flows = Vec::new();
    let values = read_members(members.iter(), &mut reader, &mut flows)?;
    reader.finish()?;
    Ok((values, flows))
}

fn write(
    ty: &Type,
    value: &Val,
    writer: &mut Writer,
    following: &mut Following,
) -> Result<(), Error> {
    match (ty, value) {
        (Type::Bool, Val::Bool(value)) => writer.bool(*value),
        (Type::U8, Val::U8(value)) => writer.u8(*value),
        (Type::U16, Val::U16(value)) => writer.u16(*value),
        (Type::U32, Val::U32(value)) => writer.u32(*value),
        (Type::U64, Val::U64(value)) => writer.u64(*value),
        (Type::S8, Val::S8(value)) => writer.s8(*value),
        (Type::S16, Val::S16(value)) => writer.s16(*value),
        (Type::S32, Val::S32(value)) => writer.s32(*value),
        (Type::S64, Val::S64(value)) => writer.s64(*value),
        (Type::F32, Val::Float32(value)) => writer.f32(*value),
        (Type::F64, Val::Float64(value)) => writer.f64(*value),
        (Type::Char, Val::Char(value)) => writer.char(*value),
        (Type::String, Val::String(value)) => writer.string(value),
        (Type::Enum(names), Val::Enum(name)) => {
            let case = position(names.iter().map(|name| &**name), name);
            writer.case(case.ok_or_else(|| mismatch(ty))?);
        }
        (Type::Flags(names), Val::Flags(set)) => {
            let is_set = |name: &str| set.iter().any(|flag| flag == name);
            let names = names.iter().enumerate();
            let count = names.len();
            let set = names.filter(|(_, name)| is_set(name));
            writer.flags(count, set.map(|(index, _)| index));
        }
        (Type::Stream(_) | Type::Future(_), _) => {
            let flow = following.flows.next().ok_or_else(|| mismatch(ty))?;
            following.pumps.write(ty, flow, writer)?;
        }
        _ => return write_compound(ty, value, writer, following),
    }
    Ok(())
}

fn write_compound(
    ty: &Type,
    value: &Val,
    writer: &mut Writer,
    following: &mut Following,
) -> Result<(), Error> {
    match (ty, value) {
        (Type::List(element), Val::List(values)) => {
            writer.list(values.len());
            values
                .iter()
                .try_for_each(|value| write(element, value, writer, following))
        }
        (Type::Tuple(members), Val::Tuple(values)) if members.len() == values.len() => {
            let mut members = (0..).zip(members.iter().zip(values));
            members.try_for_each(|(index, (member, value))| {
                writer.at(index, |writer| write(member, value, writer, following))
            })
        }
        (Type::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
            let mut fields = (0..).zip(fields.iter().zip(values));
            fields.try_for_each(|(index, (field, (_, value)))| {
                writer.at(index, |writer| write(&field.ty, value, writer, following))
            })
        }
        (Type::Variant(cases), Val::Variant(name, payload)) => {
            let index = position(cases.iter().map(|case| &*case.name), name);
            let index = index.ok_or_else(|| mismatch(ty))?;
            let inner = cases[index as usize].ty.as_ref();
            writer.case(index);
            writer.at(index, |writer| {
                write_payload(ty, inner, payload.as_deref(), writer, following)
            })
        }
        (Type::Option(inner), Val::Option(payload)) => {
            writer.option(payload.is_some());
            match payload {
                Some(payload) => write(inner, payload, writer, following),
                None => Ok(()),
            }
        }
        (Type::Result { ok, err }, Val::Result(result)) => {
            writer.result(result.is_ok());
            let (inner, payload) = match result {
                Ok(payload) => (ok, payload),
                Err(payload) => (err, payload),
            };
            write_payload(ty, inner.as_deref(), payload.as_deref(), writer, following)
        }
        _ => Err(mismatch(ty)),
    }
}

fn write_payload(
    ty: &Type,
    inner: Option<&Type>,
    payload: Option<&Val>,
    writer: &mut Writer,
    following: &mut Following,
) -> Result<(), Error> {
    match (inner, payload) {
        (Some(inner), Some(payload)) => write(inner, payload, writer, following),
        (None, None) => Ok(()),
        _ => Err(mismatch(ty)),
    }
}

fn read(ty: &Type, reader: &mut Reader<'_>, flows: &mut Vec<Flow>) -> Result<Val, Error> {
    Ok(match ty {
        Type::Bool => Val::Bool(reader.bool()?),
        Type::U8 => Val::U8(reader.u8()?),
        Type::U16 => Val::U16(reader.u16()?),
        Type::U32 => Val::U32(reader.u32()?),
        Type::U64 => Val::U64(reader.u64()?),
        Type::S8 => Val::S8(reader.s8()?),
        Type::S16 => Val::S16(reader.s16()?),
        Type::S32 => Val::S32(reader.s32()?),
        Type::S64 => Val::S64(reader.s64()?),
        Type::F32 => Val::Float32(reader.f32()?),
        Type::F64 => Val::Float64(reader.f64()?),
        Type::Char => Val::Char(reader.char()?),
        Type::String => Val::String(reader.string()?),
        Type::Enum(names) => {
            let case = reader.case(names.len())?;
            Val::Enum(name(&names[case as usize], reader)?)
        }
        Type::Flags(names) => {
            let flags = reader.flags(names.len())?;
            let set = flags.set().map(|index| name(&names[index], reader));
            Val::Flags(set.collect::<Result<_, _>>()?)
        }
        Type::List(element) => {
            let count = reader.list(size_of::<Val>())?;
            let mut values = Vec::with_capacity(count);
            reader.nested(|reader| {
                for _ in 0..count {
                    values.push(read(element, reader, flows)?);
                }
                Ok(())
            })?;
            Val::List(values)
        }
        Type::Tuple(members) => Val::Tuple(read_members(members.iter(), reader, flows)?),
        Type::Record(fields) => read_record(fields, reader, flows)?,
        Type::Variant(cases) => read_variant(cases, reader, flows)?,
        Type::Option(inner) => {
            let inner = reader.option()?.then_some(&**inner);
            Val::Option(reader.nested(|reader| read_payload(inner, reader, flows))?)
        }
        Type::Result { ok, err } => Val::Result(if reader.result()? {
            Ok(reader.nested(|reader| read_payload(ok.as_deref(), reader, flows))?)
        } else {
            Err(reader.nested(|reader| read_payload(err.as_deref(), reader, flows))?)
        }),
        Type::Stream(_) | Type::Future(_) => {
            reader.charge(1, size_of::<Flow>())?;
            flows.push(flow::read(ty, reader)?);
            // A place.
            Val::Bool(false)
        }
        // No signature of this module has such types.
        _ => return Err(mismatch(ty)),
    })
}

fn read_members<'t>(
    members: impl ExactSizeIterator<Item = &'t Type>,
    reader: &mut Reader<'_>,
    flows: &mut Vec<Flow>,
) -> Result<Vec<Val>, Error> {
    reader.charge(members.len() as u64, size_of::<Val>())?;
    let members = (0..).zip(members);
    members
        .map(|(index, member)| reader.at(index, |reader| read(member, reader, flows)))
        .collect()
}

fn read_record(
    fields: &[Field],
    reader: &mut Reader<'_>,
    flows: &mut Vec<Flow>,
) -> Result<Val, Error> {
    reader.charge(fields.len() as u64, size_of::<Val>())?;
    let fields = (0..).zip(fields);
    let fields = fields.map(|(index, field)| {
        let name = name(&field.name, reader)?;
        Ok((
            name,
            reader.at(index, |reader| read(&field.ty, reader, flows))?,
        ))
    });
    Ok(Val::Record(fields.collect::<Result<_, Error>>()?))
}

fn read_variant(
    cases: &[Case],
    reader: &mut Reader<'_>,
    flows: &mut Vec<Flow>,
) -> Result<Val, Error> {
    let index = reader.case(cases.len())?;
    let case = &cases[index as usize];
    let name = name(&case.name, reader)?;
    let payload = reader.at(index, |reader| {
        read_payload(case.ty.as_ref(), reader, flows)
    })?;
    Ok(Val::Variant(name, payload))
}

fn read_payload(
    ty: Option<&Type>,
    reader: &mut Reader<'_>,
    flows: &mut Vec<Flow>,
) -> Result<Option<Box<Val>>, Error> {
    let Some(ty) = ty else {
        return Ok(None);
    };
    reader.charge(1, size_of::<Val>())?;
    read(ty, reader, flows).map(|value| Some(Box::new(value)))
}

/// A name, as a value has it: a copy for each use, whose memory is counted.
fn name(name: &str, reader: &mut Reader<'_>) -> Result<String, Error> {
    reader.charge(1, NAME_BYTES + name.len())?;
    Ok(name.to_owned())
}

fn position<'a>(mut names: impl Iterator<Item = &'a str>, name: &str) -> Option<u32> {
    let index = names.position(|other| other == name)?;
    u32::try_from(index).ok()
}

fn mismatch(ty: &Type) -> Error {
    Error::Mismatch {
        expected: ty.to_string(),
    }
}
