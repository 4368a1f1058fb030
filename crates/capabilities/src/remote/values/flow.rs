//! Streams and futures between the stores of components and the wire.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use weft_engine::flow::{Chunk, Element, Flow, FlowError, FlowKind, FlowSource};
use weft_model::problem::render_chain;
use weft_wrpc::codec::{Error, Input, Reader, Writer};
use weft_wrpc::stream::{FutureReader, StreamReader, future, stream};
use weft_wrpc::{Failure, FailureCode, FutureWriter, StreamError, StreamWriter, Type};

/// Moves the streams of one tuple to the wire.
#[derive(Default)]
pub(in crate::remote) struct Pumps(Vec<BoxFuture<'static, ()>>);

/// A stream off the wire.
struct FromStream {
    reader: StreamReader,
    element: Element,
    ty: Type,
}

/// A future off the wire.
struct FromFuture {
    value: Pin<Box<dyn Future<Output = Result<Input, StreamError>> + Send>>,
    element: Element,
    is_taken: bool,
}

// ===== impl Pumps =====

impl Pumps {
    pub(in crate::remote) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends when all have: with their ends, or when nobody reads them any more. Dropped, it breaks them off.
    pub(in crate::remote) async fn run(self) {
        join_all(self.0).await;
    }

    /// Writes a place for `flow`, whose data follows once the tuple is sent.
    pub(super) fn write(
        &mut self,
        ty: &Type,
        flow: Flow,
        writer: &mut Writer,
    ) -> Result<(), Error> {
        let (kind, inner) = match ty {
            Type::Stream(inner) => (FlowKind::Stream, inner),
            Type::Future(inner) => (FlowKind::Future, inner),
            _ => return Err(super::mismatch(ty)),
        };
        if flow.kind() != kind || element(inner) != Some(flow.element()) {
            return Err(super::mismatch(ty));
        }
        match kind {
            FlowKind::Stream => {
                let (data, outgoing) = stream();
                writer.outgoing(&outgoing);
                self.0.push(write_stream(flow, data).boxed());
            }
            FlowKind::Future => {
                let (data, outgoing) = future();
                writer.outgoing(&outgoing);
                self.0.push(write_future(flow, data).boxed());
            }
        }
        Ok(())
    }
}

/// Reads a stream or future, whose data comes as it is read.
pub(super) fn read(ty: &Type, reader: &mut Reader<'_>) -> Result<Flow, Error> {
    let (Type::Stream(inner) | Type::Future(inner)) = ty else {
        return Err(super::mismatch(ty));
    };
    let element = element(inner).ok_or_else(|| super::mismatch(ty))?;
    if matches!(ty, Type::Stream(_)) {
        let source = FromStream {
            reader: reader.stream(inner)?,
            element,
            ty: Type::clone(inner),
        };
        return Ok(Flow::new(FlowKind::Stream, element, source));
    }
    let mut value = reader.future(inner)?;
    let inner = Type::clone(inner);
    let source = FromFuture {
        value: Box::pin(async move { FutureReader::read_bytes(&mut value, &inner).await }),
        element,
        is_taken: false,
    };
    Ok(Flow::new(FlowKind::Future, element, source))
}

async fn write_stream(mut flow: Flow, mut data: StreamWriter) {
    loop {
        let sent = match flow.next().await {
            Ok(Some(Chunk::U8(bytes))) => data.write_bytes(bytes).await,
            Ok(Some(chunk)) => {
                let count = chunk.len() as u64;
                match encode(&chunk) {
                    Ok(bytes) => data.write_elements(count, bytes).await,
                    Err(error) => return data.fail(&failure(&render_chain(&error))),
                }
            }
            Ok(None) => {
                // Nobody reads it, then.
                let _ = data.finish().await;
                return;
            }
            Err(error) => return data.fail(&failure(&error.reason)),
        };
        if sent.is_err() {
            // Dropping the flow tells the one who writes.
            return;
        }
    }
}

async fn write_future(mut flow: Flow, data: FutureWriter) {
    let encoded = match flow.next().await {
        Ok(Some(chunk)) if chunk.len() == 1 => encode(&chunk).map_err(|error| render_chain(&error)),
        Ok(_) => Err("the future ended without a value".to_owned()),
        Err(error) => Err(error.reason.to_string()),
    };
    match encoded {
        Ok(bytes) => {
            // Nobody reads it, then.
            let _ = data.write_encoded(bytes).await;
        }
        Err(reason) => data.fail(&failure(&reason)),
    }
}

fn failure(reason: &str) -> Failure {
    Failure::new(FailureCode::Trap, reason)
}

fn broken(error: &StreamError) -> FlowError {
    FlowError::new(render_chain(error))
}

// ===== impl FlowSource =====

impl FlowSource for FromStream {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Chunk>, FlowError>> {
        if self.element == Element::U8 {
            let bytes = ready!(self.reader.poll_bytes(context)).map_err(|error| broken(&error))?;
            return Poll::Ready(Ok(bytes.map(Chunk::U8)));
        }
        let elements = ready!(self.reader.poll_elements(&self.ty, context));
        let Some(elements) = elements.map_err(|error| broken(&error))? else {
            return Poll::Ready(Ok(None));
        };
        let chunk = decode(self.element, elements.count, &elements.bytes);
        Poll::Ready(chunk.map(Some).map_err(|error| codec(&error)))
    }
}

impl FlowSource for FromFuture {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Chunk>, FlowError>> {
        if self.is_taken {
            return Poll::Ready(Ok(None));
        }
        let bytes = ready!(self.value.as_mut().poll(context)).map_err(|error| broken(&error))?;
        self.is_taken = true;
        let chunk = decode(self.element, 1, &bytes).map_err(|error| codec(&error))?;
        Poll::Ready(Ok(Some(chunk)))
    }
}

fn codec(error: &Error) -> FlowError {
    FlowError::new(render_chain(error))
}

/// The element that `ty` is.
fn element(ty: &Type) -> Option<Element> {
    Some(match ty {
        Type::Bool => Element::Bool,
        Type::U8 => Element::U8,
        Type::U16 => Element::U16,
        Type::U32 => Element::U32,
        Type::U64 => Element::U64,
        Type::S8 => Element::S8,
        Type::S16 => Element::S16,
        Type::S32 => Element::S32,
        Type::S64 => Element::S64,
        Type::F32 => Element::F32,
        Type::F64 => Element::F64,
        Type::Char => Element::Char,
        Type::String => Element::String,
        Type::List(inner) if **inner == Type::U8 => Element::Bytes,
        _ => return None,
    })
}

fn encode(chunk: &Chunk) -> Result<Bytes, Error> {
    let mut writer = Writer::with_capacity(chunk.len());
    match chunk {
        Chunk::Bool(items) => items.iter().for_each(|item| writer.bool(*item)),
        Chunk::U8(items) => writer.raw(items),
        Chunk::U16(items) => items.iter().for_each(|item| writer.u16(*item)),
        Chunk::U32(items) => items.iter().for_each(|item| writer.u32(*item)),
        Chunk::U64(items) => items.iter().for_each(|item| writer.u64(*item)),
        Chunk::S8(items) => items.iter().for_each(|item| writer.s8(*item)),
        Chunk::S16(items) => items.iter().for_each(|item| writer.s16(*item)),
        Chunk::S32(items) => items.iter().for_each(|item| writer.s32(*item)),
        Chunk::S64(items) => items.iter().for_each(|item| writer.s64(*item)),
        Chunk::F32(items) => items.iter().for_each(|item| writer.f32(*item)),
        Chunk::F64(items) => items.iter().for_each(|item| writer.f64(*item)),
        Chunk::Char(items) => items.iter().for_each(|item| writer.char(*item)),
        Chunk::String(items) => items.iter().for_each(|item| writer.string(item)),
        Chunk::Bytes(items) => items.iter().for_each(|item| writer.bytes(item)),
    }
    Ok(writer.finish()?.bytes().clone())
}

/// Decodes `count` elements, which were found to be complete.
fn decode(element: Element, count: u64, bytes: &Input) -> Result<Chunk, Error> {
    fn all<'r, T>(
        count: u64,
        reader: &mut Reader<'r>,
        read: impl Fn(&mut Reader<'r>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        reader.charge(count, size_of::<T>())?;
        (0..count).map(|_| read(reader)).collect()
    }
    let reader = &mut bytes.reader();
    Ok(match element {
        Element::Bool => Chunk::Bool(all(count, reader, Reader::bool)?),
        Element::U8 => Chunk::U8(all(count, reader, Reader::u8)?.into()),
        Element::U16 => Chunk::U16(all(count, reader, Reader::u16)?),
        Element::U32 => Chunk::U32(all(count, reader, Reader::u32)?),
        Element::U64 => Chunk::U64(all(count, reader, Reader::u64)?),
        Element::S8 => Chunk::S8(all(count, reader, Reader::s8)?),
        Element::S16 => Chunk::S16(all(count, reader, Reader::s16)?),
        Element::S32 => Chunk::S32(all(count, reader, Reader::s32)?),
        Element::S64 => Chunk::S64(all(count, reader, Reader::s64)?),
        Element::F32 => Chunk::F32(all(count, reader, Reader::f32)?),
        Element::F64 => Chunk::F64(all(count, reader, Reader::f64)?),
        Element::Char => Chunk::Char(all(count, reader, Reader::char)?),
        Element::String => Chunk::String(all(count, reader, Reader::string)?),
        Element::Bytes => Chunk::Bytes(all(count, reader, |reader| {
            reader.bytes().map(|bytes| bytes.to_vec())
        })?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_every_kind_survive_the_wire() {
        let check = |element: Element, chunk: Chunk| {
            let bytes = encode(&chunk).unwrap();
            let read = decode(element, chunk.len() as u64, &Input::from(bytes)).unwrap();
            assert_eq!(read, chunk, "{element}");
        };
        check(Element::Bool, Chunk::Bool(vec![true, false]));
        check(Element::U8, Chunk::U8(Bytes::from_static(&[0, 255])));
        check(Element::U16, Chunk::U16(vec![0, u16::MAX]));
        check(Element::U32, Chunk::U32(vec![0, u32::MAX]));
        check(Element::U64, Chunk::U64(vec![0, u64::MAX]));
        check(Element::S8, Chunk::S8(vec![i8::MIN, i8::MAX]));
        check(Element::S16, Chunk::S16(vec![i16::MIN, i16::MAX]));
        check(Element::S32, Chunk::S32(vec![i32::MIN, i32::MAX]));
        check(Element::S64, Chunk::S64(vec![i64::MIN, i64::MAX]));
        check(Element::F32, Chunk::F32(vec![-0.5, f32::INFINITY]));
        check(Element::F64, Chunk::F64(vec![-0.5, f64::MIN_POSITIVE]));
        check(Element::Char, Chunk::Char("aé€😀".chars().collect()));
        check(
            Element::String,
            Chunk::String(vec![String::new(), "é".repeat(200)]),
        );
        check(Element::Bytes, Chunk::Bytes(vec![vec![], vec![7; 300]]));
    }

    #[test]
    fn a_chunk_that_claims_too_many_elements_is_an_error() {
        let bytes = Input::from(Bytes::from_static(&[1, 2]));
        assert!(decode(Element::U64, 3, &bytes).is_err());
        assert!(decode(Element::U64, u64::MAX, &bytes).is_err());
    }
}
