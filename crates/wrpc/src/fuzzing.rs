//! What the fuzz targets of `fuzz` run.

use async_nats::header::{HeaderMap, HeaderValue};
use bytes::Bytes;

use crate::codec::{Input, Progress, Scan, Writer, leb};
use crate::header::{self, AcceptHeader, CallHeader};
use crate::short::{self, Short};
use crate::subject::Tail;
use crate::ty::{Signature, Type};
use crate::value::Value;

/// How many bytes of the data make the type.
const TYPE_BYTES: usize = 32;

/// Takes the first bytes as a type and the others as a value of it.
///
/// # Panics
///
/// When what is read differs from what is written, or the two readers disagree.
pub fn codec(data: &[u8]) {
    let (shape, data) = data.split_at(data.len().min(TYPE_BYTES));
    let mut shape = shape.iter().copied();
    let ty = make_type(&mut shape, 0);
    if Signature::new([ty.clone()], []).is_err() {
        return;
    }
    let size = usize::from(shape.next().unwrap_or(0)) + 1;
    let mut input = Input::new();
    for piece in data.chunks(size) {
        input.push(Bytes::copy_from_slice(piece));
    }
    let mut reader = input.reader();
    let read = Value::decode(&ty, &mut reader);
    let used = reader.position();
    let scanned = Scan::new(&ty).push(data);
    if let Ok(value) = read {
        assert_eq!(scanned, Ok(Progress::Done { used }));
        let mut writer = Writer::new();
        if value.encode(&ty, &mut writer).is_ok()
            && let Ok(again) = writer.finish()
        {
            let again = Input::from(again.bytes().clone());
            let read = Value::decode(&ty, &mut again.reader());
            let read = read.expect("what was written is read");
            assert_eq!(format!("{read:?}"), format!("{value:?}"));
        }
    }
}

/// Takes bytes as what follows a root in a subject, as headers, as a short call and as permission to send.
///
/// # Panics
///
/// When what is read is written differently.
pub fn control(data: &[u8]) {
    let _ = leb::parse_unsigned(data);
    if let Some(Short::Call {
        call,
        texts,
        params,
    }) = short::parse(Bytes::copy_from_slice(data))
    {
        let context = texts.context(call.depth);
        let again = short::parse(short::render(&call, &context, &params));
        let Some(Short::Call {
            call: call_again,
            params: params_again,
            ..
        }) = again
        else {
            panic!("what was written is no call: {again:?}");
        };
        assert_eq!((call_again, params_again), (call, params));
    }
    let text = String::from_utf8_lossy(data);
    let _ = Tail::parse(&text);
    let Ok(value) = text.parse::<HeaderValue>() else {
        return;
    };
    for name in ["weft-c", "weft-a", "weft-e", "weft-n"] {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.clone());
        let headers = Some(&headers);
        if let Some(call) = CallHeader::parse(headers) {
            let mut again = HeaderMap::new();
            call.render(&mut again);
            assert!(header::wire_length(&again) <= CallHeader::WIRE_BYTES_MAX);
            assert_eq!(CallHeader::parse(Some(&again)), Some(call));
        }
        let _ = AcceptHeader::parse(headers);
        let _ = header::parse_count(headers);
        if let Some(failure) = header::parse_failure(headers, data) {
            let (headers, payload) = header::render_failure(&failure);
            assert_eq!(
                header::parse_failure(Some(&headers), &payload).map(|again| again.code),
                Some(failure.code)
            );
        }
    }
}

fn make_type(shape: &mut impl Iterator<Item = u8>, depth: usize) -> Type {
    let byte = shape.next().unwrap_or(0);
    let count = usize::from(byte / 32) + 1;
    if depth > 6 {
        return Type::U32;
    }
    let mut next = || make_type(shape, depth + 1);
    match byte % 24 {
        0 => Type::Bool,
        1 => Type::U8,
        2 => Type::U16,
        3 => Type::U32,
        4 => Type::U64,
        5 => Type::S8,
        6 => Type::S16,
        7 => Type::S32,
        8 => Type::S64,
        9 => Type::F32,
        10 => Type::F64,
        11 => Type::Char,
        12 => Type::String,
        13 => Type::Resource,
        14 => Type::flags((0..count * 5).map(|n| n.to_string())),
        15 => Type::enumeration((0..count * 40).map(|n| n.to_string())),
        16 => Type::list(next()),
        17 => Type::option(next()),
        18 => Type::result(Some(next()), Some(next())),
        19 => Type::result(None, Some(next())),
        20 => Type::tuple((0..count).map(|_| next())),
        21 => Type::record((0..count).map(|n| (n.to_string(), next()))),
        22 => Type::variant((0..count).map(|n| (n.to_string(), (n % 2 == 0).then(&mut next)))),
        _ => Type::stream(next()),
    }
}
