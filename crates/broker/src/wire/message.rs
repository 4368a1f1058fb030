//! A message on its way to subscribers, and how it is written to one of them.

use bytes::Bytes;

/// Payloads from this size on are shared between receivers instead of being copied to each.
pub(crate) const SHARE_LEN_MIN: usize = 8 * 1024;

/// Most digits of a number.
const NUMBER_LEN_MAX: usize = 20;

/// One message, as it is routed.
#[derive(Debug, Clone)]
pub(crate) struct Message<'a> {
    /// The subject that receivers see.
    pub(crate) subject: &'a [u8],
    pub(crate) reply: Option<&'a [u8]>,
    /// Bytes of the payload that are headers; `None` for a message without a header block.
    pub(crate) header_len: Option<usize>,
    /// Headers and body.
    pub(crate) payload: Payload<'a>,
}

/// Headers and body of a message.
#[derive(Debug, Clone)]
pub(crate) enum Payload<'a> {
    /// Small, in a buffer that will be used again.
    Borrowed(&'a [u8]),
    /// Counted memory that receivers may hold on to.
    Shared(Bytes),
}

impl Payload<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(slice) => slice,
            Self::Shared(bytes) => bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }
}

impl Message<'_> {
    /// Where the payload begins for a receiver: past the headers, if it does not take them.
    pub(crate) fn skipped(&self, takes_headers: bool) -> usize {
        if takes_headers {
            0
        } else {
            self.header_len.unwrap_or(0)
        }
    }

    /// No line is longer, without its payload.
    pub(crate) fn line_len_max(&self, sid: &[u8]) -> usize {
        const FIXED: usize = "HMSG     \r\n".len() + 2 * NUMBER_LEN_MAX;
        FIXED + self.subject.len() + sid.len() + self.reply.map_or(0, <[u8]>::len)
    }

    /// Writes the `MSG` or `HMSG` line for one receiver.
    pub(crate) fn write_line(
        &self,
        line: &mut impl bytes::BufMut,
        sid: &[u8],
        takes_headers: bool,
    ) {
        let with_headers = takes_headers && self.header_len.is_some();
        line.put_slice(if with_headers { b"HMSG " } else { b"MSG " });
        line.put_slice(self.subject);
        line.put_u8(b' ');
        line.put_slice(sid);
        line.put_u8(b' ');
        if let Some(reply) = self.reply {
            line.put_slice(reply);
            line.put_u8(b' ');
        }
        if let Some(header_len) = self.header_len.filter(|_| with_headers) {
            write_number(line, header_len);
            line.put_u8(b' ');
        }
        write_number(line, self.payload.len() - self.skipped(takes_headers));
        line.put_slice(b"\r\n");
    }
}

fn write_number(line: &mut impl bytes::BufMut, mut number: usize) {
    let mut digits = [0; NUMBER_LEN_MAX];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.put_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &Message<'_>, takes_headers: bool, expected: &str) {
        let mut line = Vec::new();
        message.write_line(&mut line, b"7", takes_headers);
        line.extend_from_slice(&message.payload.as_slice()[message.skipped(takes_headers)..]);
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }

    #[test]
    fn lines_suit_the_receiver() {
        let plain = Message {
            subject: b"a.b",
            reply: Some(b"r"),
            header_len: None,
            payload: Payload::Borrowed(b"hello"),
        };
        check(&plain, true, "MSG a.b 7 r 5\r\nhello");
        let headed = Message {
            reply: None,
            header_len: Some(12),
            payload: Payload::Borrowed(b"NATS/1.0\r\n\r\nbody"),
            ..plain
        };
        check(&headed, true, "HMSG a.b 7 12 16\r\nNATS/1.0\r\n\r\nbody");
        check(&headed, false, "MSG a.b 7 4\r\nbody");
    }
}
