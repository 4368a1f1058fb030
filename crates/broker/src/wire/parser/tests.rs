use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds {
    control_line_max: 64,
    payload_max: 100,
};

fn text(input: &[u8], span: &Span) -> String {
    String::from_utf8_lossy(&input[span.clone()]).into_owned()
}

/// What a whole input means, as text, so that inputs may be cut anywhere.
fn describe(input: &[u8], frame: &Frame) -> String {
    match frame {
        Frame::Publish(publish) => format!(
            "pub {} {:?} {:?} {}",
            text(input, &publish.subject),
            publish.reply.as_ref().map(|reply| text(input, reply)),
            publish.header_len,
            text(input, &publish.payload)
        ),
        Frame::Subscribe {
            subject,
            queue,
            sid,
        } => format!(
            "sub {} {:?} {}",
            text(input, subject),
            queue.as_ref().map(|queue| text(input, queue)),
            text(input, sid)
        ),
        Frame::Unsubscribe { sid, max } => format!("unsub {} {max:?}", text(input, sid)),
        Frame::Connect { json } => format!("connect {}", text(input, json)),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Parses `input` as it arrives in pieces that end at `cuts`.
fn parse_in_pieces(input: &[u8], cuts: &[usize]) -> (Vec<String>, Option<ParseError>) {
    let mut parser = Parser::new(BOUNDS);
    let (mut frames, mut start) = (Vec::new(), 0);
    for end in cuts.iter().copied().chain([input.len()]) {
        while start < end {
            let buffer = &input[start..end];
            match parser.advance(buffer) {
                Ok(Progress::Frame { frame, len }) => {
                    assert!(len <= buffer.len());
                    frames.push(describe(buffer, &frame));
                    start += len;
                }
                Ok(Progress::More { len }) => {
                    if let Some(len) = len {
                        assert!(len > buffer.len());
                        assert!(len <= BOUNDS.control_line_max + BOUNDS.payload_max + 16);
                    }
                    break;
                }
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn check(input: &str, expected: &[&str], error: Option<ParseError>) {
    let (frames, found) = parse_in_pieces(input.as_bytes(), &[]);
    assert_eq!(frames, expected, "{input:?}");
    assert_eq!(found, error, "{input:?}");
}

#[test]
fn reads_every_operation() {
    check(
        "CONNECT {\"verbose\":false}\r\nPING\r\nPUB a 2\r\nhi\r\npub a b 0\r\n\r\n",
        &[
            "connect {\"verbose\":false}",
            "ping",
            "pub a None None hi",
            "pub a Some(\"b\") None ",
        ],
        None,
    );
    check(
        "SUB a 1\r\nSUB  a.>\tworkers  2\r\nUNSUB 1\r\nUNSUB 2 5\nPONG\r\n+OK\r\n",
        &[
            "sub a None 1",
            "sub a.> Some(\"workers\") 2",
            "unsub 1 None",
            "unsub 2 Some(5)",
            "pong",
            "ignored",
        ],
        None,
    );
    check(
        "HPUB a r 4 6\r\nabcdef\r\nHPUB a 0 1\r\nx\r\n",
        &["pub a Some(\"r\") Some(4) abcdef", "pub a None Some(0) x"],
        None,
    );
}

#[test]
fn refuses_what_it_cannot_read() {
    use ParseError::{Arguments, ControlLine, UnknownOperation};
    check("GET / HTTP/1.1\r\n", &[], Some(UnknownOperation));
    check("\r\n", &[], Some(UnknownOperation));
    check("PX", &[], Some(UnknownOperation));
    check("PINGS", &[], Some(UnknownOperation));
    check("PUB a\r\n", &[], Some(Arguments));
    check("PUB a b c d 1\r\n", &[], Some(Arguments));
    check("PUB a -1\r\n", &[], Some(Arguments));
    check("PUB a 99999999999999999999\r\n", &[], Some(Arguments));
    check(
        "PUB a 101\r\n",
        &[],
        Some(ParseError::Payload { size: 101 }),
    );
    check("HPUB a 3 2\r\nxx\r\n", &[], Some(Arguments));
    check("PUB a 1\r\nxy\r\n", &[], Some(UnknownOperation));
    check("SUB a\r\n", &[], Some(Arguments));
    check(
        &format!("SUB {} 1\r\n", "a".repeat(63)),
        &[],
        Some(ControlLine),
    );
    check(&format!("SUB {}", "a".repeat(80)), &[], Some(ControlLine));
}

#[test]
fn asks_for_the_payload_before_anyone_allocates_it() {
    let mut parser = Parser::new(BOUNDS);
    assert_eq!(
        parser.advance(b"PUB a 50\r\n"),
        Ok(Progress::More { len: Some(62) })
    );
}

fn operation() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"PING\r\n".to_vec()),
        Just(b"SUB a.b q 17\r\n".to_vec()),
        Just(b"UNSUB 17 3\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|body| {
            let mut line = format!("PUB x.y {}\r\n", body.len()).into_bytes();
            line.extend(body);
            line.extend(b"\r\n");
            line
        }),
        prop::collection::vec(any::<u8>(), 4..40).prop_map(|body| {
            let mut line = format!("HPUB x.y re.ply 4 {}\r\n", body.len()).into_bytes();
            line.extend(body);
            line.extend(b"\r\n");
            line
        }),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
}

proptest! {
    /// Where the bytes are cut makes no difference, and nothing panics.
    #[test]
    fn cuts_change_nothing(
        operations in prop::collection::vec(operation(), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let input: Vec<u8> = operations.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let whole = parse_in_pieces(&input, &[]);
        prop_assert_eq!(&parse_in_pieces(&input, &cuts), &whole);
        let bytes: Vec<usize> = (0..input.len()).collect();
        prop_assert_eq!(&parse_in_pieces(&input, &bytes), &whole);
    }

    #[test]
    fn rubbish_never_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_in_pieces(&input, &[]);
    }
}
