//! The protocol, however it is cut into reads.

use crate::jetstream::stream::PublishHeaders;
use crate::wire::parser::{Bounds, Frame, ParseError, Parser, Progress, Span};

const BOUNDS: Bounds = Bounds {
    control_line_max: 256,
    payload_max: 1024,
};

/// One operation with its text, so that inputs may be cut anywhere.
#[derive(Debug, PartialEq, Eq)]
struct Operation<'a> {
    kind: &'static str,
    words: Vec<Option<&'a [u8]>>,
    number: Option<u64>,
}

/// The first byte says how many of the next are lengths of reads; the rest arrives in reads of these lengths, in
/// turn. The operations must be those of the whole read at once.
///
/// # Panics
///
/// If they are not.
pub fn parser(data: &[u8]) {
    let Some((cuts, rest)) = data.split_first() else {
        return;
    };
    let cuts = usize::from(cuts % 16).min(rest.len());
    let (lengths, input) = rest.split_at(cuts);
    let whole = parse(input, &[]);
    let cut = parse(input, lengths);
    assert_eq!(whole, cut, "reads of {lengths:?}");
}

fn parse<'a>(input: &'a [u8], lengths: &[u8]) -> (Vec<Operation<'a>>, Option<ParseError>) {
    let mut parser = Parser::new(BOUNDS);
    let mut lengths = lengths.iter().cycle();
    let (mut operations, mut start, mut end) = (Vec::new(), 0, 0);
    let mut wanted = 0;
    while end < input.len() {
        let read = lengths
            .next()
            .map_or(input.len(), |len| usize::from(*len) + 1);
        end = (end + read).min(input.len());
        while start < end {
            let buffer = &input[start..end];
            match parser.advance(buffer) {
                Ok(Progress::Frame { frame, len }) => {
                    assert!(len > 0 && len <= buffer.len(), "a frame is in the buffer");
                    assert!(buffer.len() >= wanted, "no more was needed than was said");
                    wanted = 0;
                    operations.push(describe(buffer, &frame));
                    start += len;
                }
                Ok(Progress::More { len }) => {
                    if let Some(len) = len {
                        assert!(len > buffer.len(), "more is needed");
                        let most = BOUNDS.control_line_max + BOUNDS.payload_max + 16;
                        assert!(len <= most, "not more than the limits allow: {len}");
                        wanted = len;
                    }
                    break;
                }
                Err(error) => return (operations, Some(error)),
            }
        }
    }
    (operations, None)
}

fn describe<'a>(buffer: &'a [u8], frame: &Frame) -> Operation<'a> {
    let word = |span: &Span| Some(&buffer[span.clone()]);
    let optional = |span: &Option<Span>| span.as_ref().and_then(word);
    let (kind, words, number) = match frame {
        Frame::Connect { json } => ("connect", vec![word(json)], None),
        Frame::Publish(publish) => {
            let payload = &buffer[publish.payload.clone()];
            let header_len = publish.header_len.unwrap_or(0);
            // Whatever a client sends as headers is looked at by streams.
            let _ = PublishHeaders::parse(&payload[..header_len]);
            let words = vec![
                word(&publish.subject),
                optional(&publish.reply),
                Some(payload),
            ];
            ("publish", words, publish.header_len.map(|len| len as u64))
        }
        Frame::Subscribe {
            subject,
            queue,
            sid,
        } => (
            "subscribe",
            vec![word(subject), optional(queue), word(sid)],
            None,
        ),
        Frame::Unsubscribe { sid, max } => ("unsubscribe", vec![word(sid)], *max),
        Frame::Ping => ("ping", Vec::new(), None),
        Frame::Pong => ("pong", Vec::new(), None),
        Frame::Ignored => ("ignored", Vec::new(), None),
        Frame::Error => ("error", Vec::new(), None),
    };
    Operation {
        kind,
        words,
        number,
    }
}
