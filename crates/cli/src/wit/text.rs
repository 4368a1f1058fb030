//! Values as people write them (WAVE).
//!
//! WAVE has no streams and futures: a stream is written as the list of its elements, a future as its value. Where they are only
//! seen to pass, they are shown as the words `stream` and `future`.

use std::borrow::Cow;

use futures::future::BoxFuture;
use serde_json::Value as Json;
use wasm_wave::value::{Type as WaveType, Value as Wave};
use wasm_wave::wasm::{WasmValue as _, WasmValueError};
use weft_model::problem::Coded;
use weft_wrpc::codec::Error as CodecError;
use weft_wrpc::{StreamError, StreamReader, Type, Value};

use super::json::json_of;
use crate::failure::Failure;
use crate::status::Status;

/// Bytes of streams that are read for one call.
const STREAMS_BYTES_MAX: usize = 16 << 20;

/// A value as text and as JSON.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// In WAVE.
    pub(crate) wave: String,
    pub(crate) json: Json,
}

/// Why results cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResultError {
    /// A stream among them broke off.
    #[error("a stream or future of the results broke off")]
    Stream(#[source] StreamError),
    /// Streams among them are too long.
    #[error("the streams of the results have more than {STREAMS_BYTES_MAX} bytes")]
    TooLarge,
    /// They are not of their types.
    #[error("the results are not of the types of the function")]
    Codec(#[source] CodecError),
    /// WAVE has no word for them.
    #[error("the results cannot be written as text: {0}")]
    Text(String),
}

/// How streams and futures are shown.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Streams {
    /// By what they hold.
    Collected,
    /// By a word.
    Named,
}

/// Results as text, one for each; their streams are read to the end.
pub(crate) async fn render_results(value: Value, ty: &Type) -> Result<Vec<Text>, ResultError> {
    let (Value::Tuple(values), Type::Tuple(types)) = (value, ty) else {
        return Ok(Vec::new());
    };
    let mut texts = Vec::new();
    let mut left = STREAMS_BYTES_MAX;
    for (value, ty) in values.into_iter().zip(types.iter()) {
        let value = collect(value, ty, &mut left).await?;
        texts.push(Text::of(&value, ty, Streams::Collected)?);
    }
    Ok(texts)
}

/// Reads the streams and futures in `value`.
fn collect<'a>(
    value: Value,
    ty: &'a Type,
    left: &'a mut usize,
) -> BoxFuture<'a, Result<Value, ResultError>> {
    Box::pin(async move {
        Ok(match (value, ty) {
            (Value::Stream(reader), Type::Stream(element)) => {
                collect_stream(reader, element, left).await?
            }
            (Value::Future(mut reader), Type::Future(payload)) => {
                let bytes = reader.read_bytes(payload).await;
                let bytes = bytes.map_err(ResultError::Stream)?;
                Value::decode(payload, &mut bytes.reader()).map_err(ResultError::Codec)?
            }
            (Value::Tuple(values), Type::Tuple(members)) => {
                let mut collected = Vec::new();
                for (value, ty) in values.into_iter().zip(members.iter()) {
                    collected.push(collect(value, ty, left).await?);
                }
                Value::Tuple(collected)
            }
            (Value::Tuple(values), Type::Record(fields)) => {
                let mut collected = Vec::new();
                for (value, field) in values.into_iter().zip(fields.iter()) {
                    collected.push(collect(value, &field.ty, left).await?);
                }
                Value::Tuple(collected)
            }
            (Value::Variant(index, Some(payload)), Type::Variant(cases)) => {
                match &cases[index as usize].ty {
                    Some(ty) => {
                        let payload = collect(*payload, ty, left).await?;
                        Value::Variant(index, Some(Box::new(payload)))
                    }
                    None => Value::Variant(index, Some(payload)),
                }
            }
            (Value::Option(Some(payload)), Type::Option(ty)) => {
                Value::Option(Some(Box::new(collect(*payload, ty, left).await?)))
            }
            (Value::Result(Ok(Some(payload))), Type::Result { ok: Some(ty), .. }) => {
                Value::Result(Ok(Some(Box::new(collect(*payload, ty, left).await?))))
            }
            (Value::Result(Err(Some(payload))), Type::Result { err: Some(ty), .. }) => {
                Value::Result(Err(Some(Box::new(collect(*payload, ty, left).await?))))
            }
            (value, _) => value,
        })
    })
}

async fn collect_stream(
    mut reader: StreamReader,
    element: &Type,
    left: &mut usize,
) -> Result<Value, ResultError> {
    let (mut values, mut bytes) = (Vec::new(), Vec::new());
    let is_bytes = *element == Type::U8;
    loop {
        let next = reader.next_elements(element).await;
        let Some(elements) = next.map_err(ResultError::Stream)? else {
            break;
        };
        *left = left
            .checked_sub(elements.bytes.len())
            .ok_or(ResultError::TooLarge)?;
        if is_bytes {
            elements
                .bytes
                .pieces()
                .for_each(|piece| bytes.extend(piece));
            continue;
        }
        let mut reader = elements.bytes.reader();
        for _ in 0..elements.count {
            let value = Value::decode(element, &mut reader);
            values.push(value.map_err(ResultError::Codec)?);
        }
    }
    Ok(if is_bytes {
        Value::Bytes(bytes.into())
    } else {
        Value::List(values)
    })
}

// ===== impl Text =====

impl Text {
    /// The values of a tuple that was seen to pass, without its streams.
    pub(crate) fn seen(value: &Value, ty: &Type) -> Result<Vec<Self>, ResultError> {
        let (Value::Tuple(values), Type::Tuple(types)) = (value, ty) else {
            return Ok(Vec::new());
        };
        let values = values.iter().zip(types.iter());
        values
            .map(|(value, ty)| Self::of(value, ty, Streams::Named))
            .collect()
    }

    fn of(value: &Value, ty: &Type, streams: Streams) -> Result<Self, ResultError> {
        let wave_ty = wave_type(ty, streams).map_err(ResultError::Text)?;
        let wave = wave(value, ty, &wave_ty, streams).map_err(ResultError::Text)?;
        let text = wasm_wave::to_string(&wave);
        Ok(Self {
            wave: text.map_err(|error| ResultError::Text(error.to_string()))?,
            json: json_of(value, ty),
        })
    }
}

/// The type of WAVE that stands for `ty`.
pub(super) fn wave_type(ty: &Type, streams: Streams) -> Result<WaveType, String> {
    let sub = |ty: &Type| wave_type(ty, streams);
    let made = match ty {
        Type::Bool => Some(WaveType::BOOL),
        Type::U8 => Some(WaveType::U8),
        Type::U16 => Some(WaveType::U16),
        Type::U32 => Some(WaveType::U32),
        Type::U64 => Some(WaveType::U64),
        Type::S8 => Some(WaveType::S8),
        Type::S16 => Some(WaveType::S16),
        Type::S32 => Some(WaveType::S32),
        Type::S64 => Some(WaveType::S64),
        Type::F32 => Some(WaveType::F32),
        Type::F64 => Some(WaveType::F64),
        Type::Char => Some(WaveType::CHAR),
        Type::String => Some(WaveType::STRING),
        Type::Stream(_) if streams == Streams::Named => WaveType::enum_ty(["stream"]),
        Type::Future(_) if streams == Streams::Named => WaveType::enum_ty(["future"]),
        Type::Future(payload) => Some(sub(payload)?),
        Type::List(element) | Type::Stream(element) => Some(WaveType::list(sub(element)?)),
        Type::Option(payload) => Some(WaveType::option(sub(payload)?)),
        Type::Result { ok, err } => {
            let ok = ok.as_deref().map(sub).transpose()?;
            let err = err.as_deref().map(sub).transpose()?;
            Some(WaveType::result(ok, err))
        }
        Type::Tuple(members) => {
            WaveType::tuple(members.iter().map(sub).collect::<Result<Vec<_>, _>>()?)
        }
        Type::Record(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|field| Ok((&*field.name, sub(&field.ty)?)));
            WaveType::record(fields.collect::<Result<Vec<_>, String>>()?)
        }
        Type::Variant(cases) => {
            let cases = cases.iter();
            let cases = cases.map(|case| Ok((&*case.name, case.ty.as_ref().map(sub).transpose()?)));
            WaveType::variant(cases.collect::<Result<Vec<_>, String>>()?)
        }
        Type::Enum(names) => WaveType::enum_ty(names.iter().map(|name| &**name)),
        Type::Flags(names) => WaveType::flags(names.iter().map(|name| &**name)),
        _ => None,
    };
    made.ok_or_else(|| format!("there is no text for `{ty}`"))
}

/// The value in WAVE.
fn wave(value: &Value, ty: &Type, wave_ty: &WaveType, streams: Streams) -> Result<Wave, String> {
    let sub = |value: &Value, ty: &Type| wave(value, ty, &wave_type(ty, streams)?, streams);
    let maybe = |payload: Option<&Value>, ty: Option<&Type>| match (payload, ty) {
        (Some(value), Some(ty)) => sub(value, ty).map(Some),
        _ => Ok(None),
    };
    let told = |made: Result<Wave, WasmValueError>| made.map_err(|error| error.to_string());
    match (value, ty) {
        (Value::Pending, Type::Stream(_)) => told(Wave::make_enum(wave_ty, "stream")),
        (Value::Pending, Type::Future(_)) => told(Wave::make_enum(wave_ty, "future")),
        (value, Type::Future(payload)) => sub(value, payload),
        (Value::Bytes(bytes), _) => told(Wave::make_list(
            wave_ty,
            bytes.iter().map(|byte| Wave::make_u8(*byte)),
        )),
        (Value::List(values), Type::List(element) | Type::Stream(element)) => {
            let values = values.iter().map(|value| sub(value, element));
            told(Wave::make_list(
                wave_ty,
                values.collect::<Result<Vec<_>, _>>()?,
            ))
        }
        (Value::Tuple(values), Type::Tuple(members)) => {
            let values = values.iter().zip(members.iter());
            let values = values.map(|(value, ty)| sub(value, ty));
            told(Wave::make_tuple(
                wave_ty,
                values.collect::<Result<Vec<_>, _>>()?,
            ))
        }
        (Value::Tuple(values), Type::Record(fields)) => {
            let fields = values.iter().zip(fields.iter());
            let fields = fields.map(|(value, field)| Ok((&*field.name, sub(value, &field.ty)?)));
            told(Wave::make_record(
                wave_ty,
                fields.collect::<Result<Vec<_>, String>>()?,
            ))
        }
        (Value::Variant(index, payload), Type::Variant(cases)) => {
            let case = &cases[*index as usize];
            let payload = maybe(payload.as_deref(), case.ty.as_ref())?;
            told(Wave::make_variant(wave_ty, &case.name, payload))
        }
        (Value::Enum(index), Type::Enum(names)) => {
            told(Wave::make_enum(wave_ty, &names[*index as usize]))
        }
        (Value::Flags(set), Type::Flags(names)) => {
            let names = set.iter().map(|index| &*names[*index]);
            told(Wave::make_flags(wave_ty, names))
        }
        (Value::Option(payload), Type::Option(ty)) => told(Wave::make_option(
            wave_ty,
            maybe(payload.as_deref(), Some(ty))?,
        )),
        (Value::Result(result), Type::Result { ok, err }) => {
            let result = match result {
                Ok(payload) => Ok(maybe(payload.as_deref(), ok.as_deref())?),
                Err(payload) => Err(maybe(payload.as_deref(), err.as_deref())?),
            };
            told(Wave::make_result(wave_ty, result))
        }
        (value, ty) => simple(value).ok_or_else(|| format!("a value is no `{ty}`")),
    }
}

fn simple(value: &Value) -> Option<Wave> {
    Some(match value {
        Value::Bool(value) => Wave::make_bool(*value),
        Value::U8(value) => Wave::make_u8(*value),
        Value::U16(value) => Wave::make_u16(*value),
        Value::U32(value) => Wave::make_u32(*value),
        Value::U64(value) => Wave::make_u64(*value),
        Value::S8(value) => Wave::make_s8(*value),
        Value::S16(value) => Wave::make_s16(*value),
        Value::S32(value) => Wave::make_s32(*value),
        Value::S64(value) => Wave::make_s64(*value),
        Value::F32(value) => Wave::make_f32(*value),
        Value::F64(value) => Wave::make_f64(*value),
        Value::Char(value) => Wave::make_char(*value),
        Value::String(value) => Wave::make_string(Cow::Borrowed(value)),
        _ => return None,
    })
}

// ===== impl ResultError =====

impl Coded for ResultError {
    fn code(&self) -> &'static str {
        match self {
            Self::Stream(_) => "RPC007",
            Self::TooLarge => "RPC009",
            Self::Codec(_) | Self::Text(_) => "RPC008",
        }
    }

    fn subject(&self) -> String {
        String::new()
    }

    fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}

impl From<ResultError> for Failure {
    fn from(error: ResultError) -> Self {
        Self::new(Status::Rejected, &error)
    }
}
