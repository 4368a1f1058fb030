//! The short form of a request: what headers say, as bytes in front of the parameters (`docs/design/wrpc.md`).
//!
//! A byte that says what it is; three numbers: milliseconds left and bytes of the window, each plus one and zero for none, between
//! them the depth; then the five texts of the context, each as its length plus one and its bytes, zero for none. Numbers are
//! LEB128. Another layout would have another subject.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::codec::leb;
use crate::header::{CallHeader, Context};

/// Somebody asks whether short calls arrive, and wants an empty message as the answer.
const QUESTION: u8 = 0;
const CALL: u8 = 1;

/// Parameters that are longer go in the full form, where they are not copied: its headers do not matter then.
pub(crate) const PARAMS_BYTES_MAX: usize = 16 * 1024;
/// What stands in front of the parameters at most, the texts aside.
const NUMBERS_BYTES_MAX: usize = 1 + 8 * leb::BYTES_MAX;
const TEXTS: usize = 5;

/// A message in the short form.
#[derive(Debug)]
pub(crate) enum Short {
    Question,
    Call {
        call: CallHeader,
        texts: Texts,
        params: Bytes,
    },
}

/// The texts of a [`Context`], as they came: a copy, as that costs less than a share of what the connection still writes to.
#[derive(Clone, Debug)]
pub(crate) struct Texts(Box<[u8]>);

/// Asks whether short calls arrive.
pub(crate) fn question() -> Bytes {
    Bytes::from_static(&[QUESTION])
}

/// A call with complete parameters.
pub(crate) fn render(call: &CallHeader, context: &Context, params: &[u8]) -> Bytes {
    let texts = fields(context);
    let length: usize = texts.iter().flatten().map(|text| text.len()).sum();
    let mut out = BytesMut::with_capacity(NUMBERS_BYTES_MAX + length + params.len());
    out.put_u8(CALL);
    let remaining = call.remaining.map(|left| left.as_millis());
    put_some(
        &mut out,
        remaining.map(|left| u64::try_from(left).unwrap_or(u64::MAX)),
    );
    leb::put_unsigned(&mut out, call.depth.into());
    put_some(&mut out, call.window);
    for text in texts {
        put_some(&mut out, text.map(|text| text.len() as u64));
        out.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
    out.extend_from_slice(params);
    out.freeze()
}

/// Reads a message; `None` when it makes no sense.
pub(crate) fn parse(mut message: Bytes) -> Option<Short> {
    let mut rest = &message[..];
    match rest.try_get_u8().ok()? {
        QUESTION => return Some(Short::Question),
        CALL => {}
        _ => return None,
    }
    let call = CallHeader {
        is_complete: true,
        remaining: take_some(&mut rest)?.map(Duration::from_millis),
        depth: u32::try_from(take(&mut rest)?).unwrap_or(u32::MAX),
        window: take_some(&mut rest)?,
    };
    let start = message.len() - rest.len();
    for _ in 0..TEXTS {
        take_text(&mut rest)?;
    }
    let end = message.len() - rest.len();
    let texts = Texts(message[start..end].into());
    message.advance(end);
    Some(Short::Call {
        call,
        texts,
        params: message,
    })
}

/// What is put, in order.
fn fields(context: &Context) -> [Option<&str>; TEXTS] {
    let Context {
        source_id,
        target_id,
        link_name,
        trace_parent,
        trace_state,
        depth: _,
    } = context;
    // Nothing crosses the wire in one form that does not in the other.
    [source_id, target_id, link_name, trace_parent, trace_state].map(|text| {
        let text = text.as_deref()?;
        (!text.contains(['\r', '\n'])).then_some(text)
    })
}

fn put_some(out: &mut BytesMut, number: Option<u64>) {
    leb::put_unsigned(out, number.map_or(0, |number| number.saturating_add(1)));
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = leb::Unsigned::default();
    loop {
        match number.push(rest.try_get_u8().ok()?, u64::BITS) {
            leb::Step::More => {}
            leb::Step::Done => return Some(number.value),
            leb::Step::Overflow => return None,
        }
    }
}

/// `None` when it makes no sense.
fn take_some(rest: &mut &[u8]) -> Option<Option<u64>> {
    Some(take(rest)?.checked_sub(1))
}

/// `None` when it makes no sense.
fn take_text<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let Some(length) = take_some(rest)? else {
        return Some(None);
    };
    let (text, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    str::from_utf8(text).ok().map(Some)
}

// ===== impl Texts =====

impl Texts {
    /// The context of a call at `depth`.
    pub(crate) fn context(&self, depth: u32) -> Context {
        let mut rest = &self.0[..];
        // They were read once.
        let mut next = || take_text(&mut rest)??.to_owned().into();
        Context {
            source_id: next(),
            target_id: next(),
            link_name: next(),
            trace_parent: next(),
            trace_state: next(),
            depth,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(message: Bytes) -> (CallHeader, Context, Bytes) {
        match parse(message) {
            Some(Short::Call {
                call,
                texts,
                params,
            }) => (call, texts.context(call.depth), params),
            other => panic!("no call: {other:?}"),
        }
    }

    proptest! {
        #[test]
        fn a_call_survives_the_wire(
            left in proptest::option::of(0..u64::MAX),
            depth: u32,
            window in proptest::option::of(0..u64::MAX),
            texts in proptest::array::uniform5(proptest::option::of("[^\r\n]*")),
            params: Vec<u8>,
        ) {
            let header = CallHeader {
                is_complete: true,
                remaining: left.map(Duration::from_millis),
                depth,
                window,
            };
            let [source_id, target_id, link_name, trace_parent, trace_state] = texts;
            let context = Context { source_id, target_id, link_name, trace_parent, trace_state, depth };
            let message = render(&header, &context, &params);
            prop_assert_eq!(call(message), (header, context, params.into()));
        }

        #[test]
        fn rubbish_is_refused_or_read(message: Vec<u8>) {
            let message = Bytes::from([&[CALL], &message[..]].concat());
            if let Some(Short::Call { call, texts, params }) = parse(message.clone()) {
                prop_assert!(params.len() < message.len());
                texts.context(call.depth);
            }
        }
    }

    #[test]
    fn what_is_no_call_is_told_apart() {
        assert!(matches!(parse(question()), Some(Short::Question)));
        assert!(parse(Bytes::new()).is_none());
        assert!(parse(Bytes::from_static(&[2])).is_none());
        let context = Context {
            source_id: Some("a\r\nlink-name: b".to_owned()),
            ..Context::default()
        };
        let message = render(&CallHeader::default(), &context, b"");
        for length in 1..message.len() {
            assert!(parse(message.slice(..length)).is_none(), "{length}");
        }
        assert_eq!(call(message).1, Context::default());
    }
}
