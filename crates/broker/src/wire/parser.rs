//! The incremental parser of what a client sends.

use std::ops::Range;

#[cfg(test)]
mod tests;

/// Longest payload size that is read as a number, in digits.
const SIZE_DIGITS_MAX: usize = 9;

/// Longest name of an operation.
const OPERATION_LEN_MAX: usize = 7;

/// The operations a client may send, by name.
const OPERATIONS: [(&[u8], Operation); 10] = [
    (b"PUB", Operation::Pub),
    (b"HPUB", Operation::HPub),
    (b"SUB", Operation::Sub),
    (b"UNSUB", Operation::Unsub),
    (b"PING", Operation::Ping),
    (b"PONG", Operation::Pong),
    (b"CONNECT", Operation::Connect),
    (b"INFO", Operation::Info),
    (b"+OK", Operation::Ok),
    (b"-ERR", Operation::Err),
];

/// A range of the buffer that was parsed.
pub(crate) type Span = Range<usize>;

/// One operation of a client. All spans are relative to the start of the parsed buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    Connect {
        json: Span,
    },
    Publish(Publish),
    Subscribe {
        subject: Span,
        queue: Option<Span>,
        sid: Span,
    },
    /// `max` is the number of messages after which the subscription ends; at once without one.
    Unsubscribe {
        sid: Span,
        max: Option<u64>,
    },
    Ping,
    Pong,
    /// `INFO` and `+OK`, which a client may send and a server ignores.
    Ignored,
    /// The client reports an error and is about to go.
    Error,
}

/// A message, with or without headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) subject: Span,
    pub(crate) reply: Option<Span>,
    /// Bytes of the payload that are headers; `None` for a message sent without a header block.
    pub(crate) header_len: Option<usize>,
    /// Headers and body.
    pub(crate) payload: Span,
}

/// What one call found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// One operation, which took `len` bytes from the start of the buffer.
    Frame { frame: Frame, len: usize },
    /// Nothing yet; call again with at least `len` bytes from the same start, or with any more if `None`.
    More { len: Option<usize> },
}

/// Why a client cannot be understood. Each ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("unknown protocol operation")]
    UnknownOperation,
    #[error("maximum control line exceeded")]
    ControlLine,
    #[error("maximum payload exceeded: {size} bytes")]
    Payload { size: usize },
    #[error("malformed arguments")]
    Arguments,
}

/// Bounds of what is accepted, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) control_line_max: usize,
    pub(crate) payload_max: usize,
}

/// Reads one operation after another from the start of a growing buffer.
///
/// It keeps what it learned of an incomplete operation, so that feeding it byte by byte costs no more than
/// feeding it at once; it allocates nothing and tells how much is still needed before anyone allocates.
#[derive(Debug)]
pub(crate) struct Parser {
    bounds: Bounds,
    /// Bytes of the current control line already searched for its end.
    searched: usize,
    /// A publish whose control line is complete and whose payload is not.
    waiting: Option<Publish>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Pub,
    HPub,
    Sub,
    Unsub,
    Ping,
    Pong,
    Connect,
    Info,
    Ok,
    Err,
}

// ---------------------------------------------------------------------------------------------------------

impl Parser {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            searched: 0,
            waiting: None,
        }
    }

    /// Accepts no payload above `max` from now on.
    pub(crate) fn limit_payload(&mut self, max: usize) {
        self.bounds.payload_max = self.bounds.payload_max.min(max);
    }

    /// Parses the operation at the start of `buffer`.
    ///
    /// After [`Progress::Frame`] the next call must begin after the frame; after [`Progress::More`] it must
    /// begin at the same byte.
    pub(crate) fn advance(&mut self, buffer: &[u8]) -> Result<Progress, ParseError> {
        if let Some(publish) = self.waiting.take() {
            return self.payload(publish, buffer);
        }
        let longest = self.bounds.control_line_max + OPERATION_LEN_MAX + 3;
        let window = &buffer[..buffer.len().min(longest)];
        let Some(end) = memchr::memchr(b'\n', &window[self.searched..]) else {
            check_beginning(window)?;
            if window.len() == longest {
                return Err(ParseError::ControlLine);
            }
            self.searched = window.len();
            return Ok(Progress::More { len: None });
        };
        let end = self.searched + end;
        self.searched = 0;
        let line = &buffer[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (operation, arguments) = split_operation(line)?;
        if line.len() - arguments > self.bounds.control_line_max {
            return Err(ParseError::ControlLine);
        }
        let frame = match operation {
            Operation::Pub | Operation::HPub => {
                let publish = self.publish(line, arguments, end + 1, operation)?;
                return self.payload(publish, buffer);
            }
            Operation::Sub => subscribe(line, arguments)?,
            Operation::Unsub => unsubscribe(line, arguments)?,
            Operation::Connect => Frame::Connect {
                json: arguments..line.len(),
            },
            Operation::Ping => Frame::Ping,
            Operation::Pong => Frame::Pong,
            Operation::Info | Operation::Ok => Frame::Ignored,
            Operation::Err => Frame::Error,
        };
        Ok(Progress::Frame {
            frame,
            len: end + 1,
        })
    }

    /// Reads the arguments of a publish; `body` is where its payload begins.
    fn publish(
        &self,
        line: &[u8],
        arguments: usize,
        body: usize,
        operation: Operation,
    ) -> Result<Publish, ParseError> {
        let words = Words::of(line, arguments)?;
        let (subject, reply, header_len, size) = match (operation, words.as_slice()) {
            (Operation::Pub, [subject, size]) => (subject, None, None, size),
            (Operation::Pub, [subject, reply, size]) => (subject, Some(reply), None, size),
            (Operation::HPub, [subject, header, size]) => (subject, None, Some(header), size),
            (Operation::HPub, [subject, reply, header, size]) => {
                (subject, Some(reply), Some(header), size)
            }
            _ => return Err(ParseError::Arguments),
        };
        let size = parse_size(&line[size.clone()])?;
        let header_len = match header_len {
            Some(span) => Some(parse_size(&line[span.clone()])?),
            None => None,
        };
        if header_len.is_some_and(|len| len > size) {
            return Err(ParseError::Arguments);
        }
        if size > self.bounds.payload_max {
            return Err(ParseError::Payload { size });
        }
        Ok(Publish {
            subject: subject.clone(),
            reply: reply.cloned(),
            header_len,
            payload: body..body + size,
        })
    }

    fn payload(&mut self, publish: Publish, buffer: &[u8]) -> Result<Progress, ParseError> {
        let end = publish.payload.end;
        let tail = buffer.get(end..).unwrap_or_default();
        if !b"\r\n".starts_with(&tail[..tail.len().min(2)]) {
            return Err(ParseError::UnknownOperation);
        }
        if tail.len() < 2 {
            self.waiting = Some(publish);
            return Ok(Progress::More { len: Some(end + 2) });
        }
        Ok(Progress::Frame {
            frame: Frame::Publish(publish),
            len: end + 2,
        })
    }
}

/// Up to four words of a control line.
struct Words {
    spans: [Span; 4],
    len: usize,
}

impl Words {
    fn of(line: &[u8], from: usize) -> Result<Self, ParseError> {
        let mut words = Self {
            spans: [0..0, 0..0, 0..0, 0..0],
            len: 0,
        };
        let mut start = None;
        for at in from..=line.len() {
            let is_space = line.get(at).is_none_or(|byte| is_blank(*byte));
            match (is_space, start) {
                (true, Some(begin)) => {
                    let slot = words
                        .spans
                        .get_mut(words.len)
                        .ok_or(ParseError::Arguments)?;
                    *slot = begin..at;
                    words.len += 1;
                    start = None;
                }
                (false, None) => start = Some(at),
                _ => {}
            }
        }
        Ok(words)
    }

    fn as_slice(&self) -> &[Span] {
        &self.spans[..self.len]
    }
}

fn subscribe(line: &[u8], arguments: usize) -> Result<Frame, ParseError> {
    let words = Words::of(line, arguments)?;
    let (subject, queue, sid) = match words.as_slice() {
        [subject, sid] => (subject, None, sid),
        [subject, queue, sid] => (subject, Some(queue), sid),
        _ => return Err(ParseError::Arguments),
    };
    Ok(Frame::Subscribe {
        subject: subject.clone(),
        queue: queue.cloned(),
        sid: sid.clone(),
    })
}

fn unsubscribe(line: &[u8], arguments: usize) -> Result<Frame, ParseError> {
    let words = Words::of(line, arguments)?;
    match words.as_slice() {
        [sid] => Ok(Frame::Unsubscribe {
            sid: sid.clone(),
            max: None,
        }),
        // As the reference server does: what is no number counts as none.
        [sid, max] => Ok(Frame::Unsubscribe {
            sid: sid.clone(),
            max: parse_size(&line[max.clone()])
                .ok()
                .filter(|max| *max > 0)
                .map(|max| max as u64),
        }),
        _ => Err(ParseError::Arguments),
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The operation of a complete line, and where its arguments begin.
fn split_operation(line: &[u8]) -> Result<(Operation, usize), ParseError> {
    let end = line
        .iter()
        .take(OPERATION_LEN_MAX + 1)
        .position(|byte| is_blank(*byte))
        .unwrap_or(line.len());
    let operation = OPERATIONS
        .iter()
        .find(|(name, _)| line[..end].eq_ignore_ascii_case(name))
        .map(|(_, operation)| *operation)
        .ok_or(ParseError::UnknownOperation)?;
    let has_arguments = !matches!(
        operation,
        Operation::Ping
            | Operation::Pong
            | Operation::Connect
            | Operation::Info
            | Operation::Ok
            | Operation::Err
    );
    // The reference server knows these only by the blank behind them.
    if has_arguments && end == line.len() {
        return Err(ParseError::UnknownOperation);
    }
    let arguments = line[end..]
        .iter()
        .position(|byte| !is_blank(*byte))
        .map_or(line.len(), |at| end + at);
    Ok((operation, arguments))
}

/// Refuses rubbish at its first wrong byte, before its line is complete.
fn check_beginning(line: &[u8]) -> Result<(), ParseError> {
    let known = OPERATIONS.iter().any(|(name, _)| {
        let len = name.len().min(line.len());
        line[..len].eq_ignore_ascii_case(&name[..len])
            && line
                .get(name.len())
                .is_none_or(|byte| is_blank(*byte) || *byte == b'\r')
    });
    if known {
        Ok(())
    } else {
        Err(ParseError::UnknownOperation)
    }
}

fn parse_size(digits: &[u8]) -> Result<usize, ParseError> {
    if digits.is_empty() || digits.len() > SIZE_DIGITS_MAX {
        return Err(ParseError::Arguments);
    }
    digits.iter().try_fold(0, |size: usize, digit| {
        if digit.is_ascii_digit() {
            Ok(size * 10 + usize::from(digit - b'0'))
        } else {
            Err(ParseError::Arguments)
        }
    })
}
