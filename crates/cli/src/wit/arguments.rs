//! Arguments, from WAVE to the wire.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use futures::future::BoxFuture;
use wasm_wave::parser::ParserError;
use wasm_wave::untyped::UntypedValue;
use wasm_wave::value::{Type as WaveType, Value as Wave};
use wasm_wave::wasm::WasmValue as _;
use weft_model::problem::Coded;
use weft_wrpc::codec::Writer;
use weft_wrpc::stream::{future, stream};
use weft_wrpc::ty::Field;
use weft_wrpc::{StreamError, Type, Value};

use super::Called;
use super::shape::render_shape;
use super::text::{Streams, wave_type};
use crate::failure::Failure;
use crate::status::Status;
use crate::ui::join_words;

/// Arguments, ready to be sent.
pub(crate) struct Arguments {
    pub(crate) values: Vec<Value>,
    /// What writes the streams among them, once the call runs.
    pub(crate) pumps: Vec<BoxFuture<'static, Result<(), StreamError>>>,
}

/// Why arguments are not those of a function.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    /// There are too many or too few.
    #[error("`{function}` takes {} but {given} were given", count(expected.len()))]
    Count {
        /// The function.
        function: String,
        /// What it takes, as `name: type`.
        expected: Vec<String>,
        /// How many were given.
        given: usize,
    },
    /// One is no value of its type.
    #[error("argument `{name}` is no `{ty}`")]
    Value {
        /// The parameter.
        name: String,
        /// Its type.
        ty: String,
        /// What is wrong.
        source: Reason,
    },
}

/// What a parser says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Reason(String);

/// Reads the arguments of `called`, one text each.
pub(crate) fn parse_arguments(
    called: &Called,
    texts: &[String],
) -> Result<Arguments, ArgumentError> {
    let Type::Tuple(types) = called.signature.params().ty() else {
        return Ok(Arguments {
            values: Vec::new(),
            pumps: Vec::new(),
        });
    };
    if types.len() != texts.len() {
        let params = called.params.iter().zip(types.iter());
        return Err(ArgumentError::Count {
            function: called.name.clone(),
            expected: params
                .map(|(name, ty)| format!("{name}: {}", render_shape(ty)))
                .collect(),
            given: texts.len(),
        });
    }
    let mut arguments = Arguments {
        values: Vec::new(),
        pumps: Vec::new(),
    };
    for ((ty, name), text) in types.iter().zip(&called.params).zip(texts) {
        let wrong = |reason: String| ArgumentError::Value {
            name: name.clone(),
            ty: render_shape(ty),
            source: Reason(reason),
        };
        let wave_ty = wave_type(ty, Streams::Collected).map_err(wrong)?;
        let wave = parse(&wave_ty, ty, text).map_err(wrong)?;
        let value = arguments.wire(&wave, ty).map_err(wrong)?;
        arguments.values.push(value);
    }
    Ok(arguments)
}

/// Reads WAVE; a lone string may be given without quotes, as shells take them away.
fn parse(wave_ty: &WaveType, ty: &Type, text: &str) -> Result<Wave, String> {
    let trimmed = text.trim();
    let parsed = wasm_wave::from_str::<Wave>(wave_ty, trimmed);
    match parsed {
        Ok(wave) => Ok(wave),
        Err(_) if *ty == Type::String && !text.trim_start().starts_with('\u{22}') => {
            Ok(Wave::make_string(Cow::Borrowed(text)))
        }
        Err(error) => Err(reason(&error, ty, trimmed)),
    }
}

/// What the parser says of `text`, with the field that it is about, where that is one of a record.
fn reason(error: &ParserError, ty: &Type, text: &str) -> String {
    let Ok(value) = UntypedValue::parse(text) else {
        return error.to_string();
    };
    let (mut node, mut ty) = (value.node(), ty);
    let mut path: Vec<&str> = Vec::new();
    while let (Ok(given), Type::Record(fields)) = (node.as_record(text), ty) {
        let given: Vec<_> = given.collect();
        // The parser does not say which it is.
        if let Some((name, _)) = given.iter().find(|(name, _)| find(fields, name).is_none()) {
            path.push(name);
            return format!("there is no field `{}`", path.join("."));
        }
        let mut given = given.into_iter();
        let inner = given.find(|(_, value)| holds(&value.span(), &error.span()));
        let Some((name, value)) = inner else {
            break;
        };
        let Some(field) = find(fields, name) else {
            break;
        };
        path.push(name);
        (node, ty) = (value, &field.ty);
    }
    if path.is_empty() {
        return error.to_string();
    }
    format!("field `{}`: {error}", path.join("."))
}

fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| *field.name == *name)
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

// ===== impl Arguments =====

impl Arguments {
    /// The value as the wire has it.
    fn wire(&mut self, wave: &Wave, ty: &Type) -> Result<Value, String> {
        Ok(match ty {
            Type::Bool => Value::Bool(wave.unwrap_bool()),
            Type::U8 => Value::U8(wave.unwrap_u8()),
            Type::U16 => Value::U16(wave.unwrap_u16()),
            Type::U32 => Value::U32(wave.unwrap_u32()),
            Type::U64 => Value::U64(wave.unwrap_u64()),
            Type::S8 => Value::S8(wave.unwrap_s8()),
            Type::S16 => Value::S16(wave.unwrap_s16()),
            Type::S32 => Value::S32(wave.unwrap_s32()),
            Type::S64 => Value::S64(wave.unwrap_s64()),
            Type::F32 => Value::F32(wave.unwrap_f32()),
            Type::F64 => Value::F64(wave.unwrap_f64()),
            Type::Char => Value::Char(wave.unwrap_char()),
            Type::String => Value::String(wave.unwrap_string().into_owned()),
            Type::Enum(names) => Value::Enum(position(names.iter(), &wave.unwrap_enum())?),
            Type::Flags(names) => {
                let mut set = Vec::new();
                for name in wave.unwrap_flags() {
                    set.push(position(names.iter(), &name)? as usize);
                }
                set.sort_unstable();
                Value::Flags(set)
            }
            Type::Future(payload) => {
                let value = self.wire(wave, payload)?;
                let (writer, outgoing) = future();
                let encoded = encode(&value, payload)?;
                self.pumps
                    .push(Box::pin(async move { writer.write_encoded(encoded).await }));
                Value::Outgoing(outgoing)
            }
            Type::Stream(element) => self.wire_stream(wave, element)?,
            _ => self.wire_compound(wave, ty)?,
        })
    }

    fn wire_compound(&mut self, wave: &Wave, ty: &Type) -> Result<Value, String> {
        Ok(match ty {
            Type::List(element) if **element == Type::U8 => {
                Value::Bytes(wave.unwrap_list().map(|byte| byte.unwrap_u8()).collect())
            }
            Type::List(element) => {
                let elements = wave.unwrap_list().map(|value| self.wire(&value, element));
                Value::List(elements.collect::<Result<_, _>>()?)
            }
            Type::Tuple(members) => {
                let values = wave.unwrap_tuple().zip(members.iter());
                let values = values.map(|(value, ty)| self.wire(&value, ty));
                Value::Tuple(values.collect::<Result<_, _>>()?)
            }
            Type::Record(fields) => {
                let values = wave.unwrap_record().zip(fields.iter());
                let values = values.map(|((_, value), field)| self.wire(&value, &field.ty));
                Value::Tuple(values.collect::<Result<_, _>>()?)
            }
            Type::Variant(cases) => {
                let (name, payload) = wave.unwrap_variant();
                let index = position(cases.iter().map(|case| &case.name), &name)?;
                let ty = cases[index as usize].ty.as_ref();
                Value::Variant(index, self.payload(payload.as_deref(), ty)?)
            }
            Type::Option(inner) => {
                let payload = wave.unwrap_option();
                let inner = payload.as_ref().map(|_| &**inner);
                Value::Option(self.payload(payload.as_deref(), inner)?)
            }
            Type::Result { ok, err } => Value::Result(match wave.unwrap_result() {
                Ok(payload) => Ok(self.payload(payload.as_deref(), ok.as_deref())?),
                Err(payload) => Err(self.payload(payload.as_deref(), err.as_deref())?),
            }),
            other => return Err(format!("`{other}` cannot be written as text")),
        })
    }

    fn payload(
        &mut self,
        payload: Option<&Wave>,
        ty: Option<&Type>,
    ) -> Result<Option<Box<Value>>, String> {
        match (payload, ty) {
            (Some(payload), Some(ty)) => Ok(Some(Box::new(self.wire(payload, ty)?))),
            _ => Ok(None),
        }
    }

    fn wire_stream(&mut self, wave: &Wave, element: &Type) -> Result<Value, String> {
        let mut encoded = Writer::new();
        let mut count = 0;
        for value in wave.unwrap_list() {
            let value = self.wire(&value, element)?;
            value
                .encode(element, &mut encoded)
                .map_err(|error| error.to_string())?;
            count += 1;
        }
        let encoded = encoded.finish().map_err(|error| error.to_string())?;
        let (mut writer, outgoing) = stream();
        let bytes = encoded.bytes().clone();
        self.pumps.push(Box::pin(async move {
            writer.write_elements(count, bytes).await?;
            writer.finish().await
        }));
        Ok(Value::Outgoing(outgoing))
    }
}

fn encode(value: &Value, ty: &Type) -> Result<Bytes, String> {
    let mut writer = Writer::new();
    value
        .encode(ty, &mut writer)
        .map_err(|error| error.to_string())?;
    let encoded = writer.finish().map_err(|error| error.to_string())?;
    Ok(encoded.bytes().clone())
}

fn position<S: AsRef<str>>(names: impl Iterator<Item = S>, name: &str) -> Result<u32, String> {
    let mut names = names;
    let index = names.position(|other| other.as_ref() == name);
    let index = index.and_then(|index| u32::try_from(index).ok());
    index.ok_or_else(|| format!("there is no `{name}`"))
}

fn count(number: usize) -> String {
    match number {
        1 => "1 argument".to_owned(),
        number => format!("{number} arguments"),
    }
}

// ===== impl ArgumentError =====

impl Coded for ArgumentError {
    fn code(&self) -> &'static str {
        "CLI043"
    }

    fn subject(&self) -> String {
        match self {
            Self::Count { function, .. } => function.clone(),
            Self::Value { name, .. } => name.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Count { expected, .. } if expected.is_empty() => {
                vec!["give none".to_owned()]
            }
            Self::Count { expected, .. } => vec![format!("it takes {}", join_words(expected))],
            Self::Value { .. } => vec![
                "write it in WAVE, such as `{x: 1, label: some(\"a\")}`, in quotes of your shell"
                    .to_owned(),
            ],
        }
    }
}

impl From<ArgumentError> for Failure {
    fn from(error: ArgumentError) -> Self {
        Self::new(Status::Usage, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_argument_is_told_by_its_field() {
        let at = Type::record([("count", Type::U64)]);
        let ty = Type::record([("name", Type::option(Type::String)), ("at", at)]);
        let wave_ty = wave_type(&ty, Streams::Collected).unwrap();
        let check = |text: &str, expected: &str| {
            let reason = parse(&wave_ty, &ty, text).unwrap_err();
            assert!(reason.starts_with(expected), "{text}: {reason}");
        };
        check("{at: {count: true}}", "field `at.count`: ");
        check("{at: 1}", "field `at`: ");
        check("{at: {}}", "field `at`: ");
        check("{at: {count: 1, more: 1}}", "there is no field `at.more`");
        check("{nmae: none, at: {count: 1}}", "there is no field `nmae`");
        check("{at: {count: 1}", "unexpected end of input");
        check("1", "invalid value type");
        assert!(parse(&wave_ty, &ty, " {at: {count: 1}} ").is_ok());
    }
}
