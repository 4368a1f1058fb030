//! A connection that speaks the protocol of NATS with as little work as can be, so that it is the server that is measured.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// How long a server may be silent that has something to say.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes read at once.
const BUFFER_LEN: usize = 256 * 1024;

/// One connection. It blocks.
pub(super) struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What of the buffer is not yet taken.
    unread: Range<usize>,
}

/// A message; its parts are ranges of [`Line::bytes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) reply: Option<Range<usize>>,
    pub(super) header_len: usize,
    /// Without the headers.
    pub(super) body: Range<usize>,
    /// Where what comes next begins.
    end: usize,
}

// ===== impl Line =====

impl Line {
    /// Connects, and waits until the server has answered a first ping.
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let mut line = Self::connect_small(address)?;
        line.buffer.resize(BUFFER_LEN, 0);
        Ok(line)
    }

    /// A connection that is to be idle: it has next to no buffer.
    pub(super) fn connect_small(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut line = Self {
            stream,
            buffer: vec![0; 2048],
            unread: 0..0,
        };
        line.send(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\
              \"protocol\":1,\"lang\":\"bench\",\"version\":\"0\"}\r\n",
        )?;
        line.sync()?;
        Ok(line)
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream
            .write_all(bytes)
            .context("the server takes nothing any more")
    }

    /// A second handle for writing, for a thread of its own.
    pub(super) fn writer(&self) -> Result<TcpStream> {
        Ok(self.stream.try_clone()?)
    }

    /// Subscribes to `subject` under the id 1, and waits until that holds.
    pub(super) fn subscribe(&mut self, subject: &str) -> Result<()> {
        self.send(format!("SUB {subject} 1\r\n").as_bytes())?;
        self.sync()
    }

    /// Waits until the server has seen all that was sent. No message may be on its way.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.send(b"PING\r\n")?;
        loop {
            while let Some(line) = self.take_line() {
                if self.buffer[line.clone()].starts_with(b"PONG") {
                    return Ok(());
                }
                self.heed(line)?;
            }
            self.fill()?;
        }
    }

    /// Reads once more; blocks.
    pub(super) fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.unread.end == self.buffer.len() {
            bail!("the server sends longer messages than expected");
        }
        let len = loop {
            match self.stream.read(&mut self.buffer[self.unread.end..]) {
                Ok(len) => break len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the server does not answer"),
            }
        };
        if len == 0 {
            bail!("the server closed the connection");
        }
        self.unread.end += len;
        Ok(())
    }

    /// What of the buffer is not yet taken.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.unread.clone()]
    }

    /// Takes the first bytes.
    pub(super) fn skip(&mut self, len: usize) {
        self.unread.start += len;
    }

    /// Bytes that a message points into. The next [`Self::fill`] moves them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes the next whole message that was read, if any. Answers pings on the way.
    pub(super) fn next_message(&mut self) -> Result<Option<Message>> {
        loop {
            let unread = self.unread();
            let Some(len) = memchr::memchr(b'\n', unread) else {
                return Ok(None);
            };
            if !unread.starts_with(b"MSG ") && !unread.starts_with(b"HMSG ") {
                let start = self.unread.start;
                self.skip(len + 1);
                self.heed(start..start + len)?;
                continue;
            }
            let message = parse(&self.buffer, self.unread.start, len + 1)
                .context("the server sent a message that makes no sense")?;
            if message.end > self.unread.end {
                return Ok(None);
            }
            self.unread.start = message.end;
            return Ok(Some(message));
        }
    }

    fn take_line(&mut self) -> Option<Range<usize>> {
        let len = memchr::memchr(b'\n', self.unread())?;
        let start = self.unread.start;
        self.skip(len + 1);
        Some(start..start + len)
    }

    /// Does what a line that is no message asks for.
    fn heed(&mut self, line: Range<usize>) -> Result<()> {
        let line = &self.buffer[line];
        if line.starts_with(b"-ERR") {
            bail!("the server says {}", String::from_utf8_lossy(line).trim());
        }
        if line.starts_with(b"PING") {
            self.send(b"PONG\r\n")?;
        }
        Ok(())
    }
}

/// Reads the control line of `len` bytes at `start`.
fn parse(buffer: &[u8], start: usize, len: usize) -> Option<Message> {
    let line = buffer[start..start + len].trim_ascii_end();
    let has_headers = line.starts_with(b"H");
    let mut words = [&line[..0]; 6];
    let mut count = 0;
    for word in line.split(|byte| *byte == b' ') {
        *words.get_mut(count)? = word;
        count += 1;
    }
    let numbers = if has_headers { 2 } else { 1 };
    let with_reply = match count.checked_sub(3 + numbers)? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let reply = with_reply.then(|| {
        let offset: usize = words[..3].iter().map(|word| word.len() + 1).sum();
        start + offset..start + offset + words[3].len()
    });
    let number = |word: &[u8]| str::from_utf8(word).ok()?.parse::<usize>().ok();
    let size = number(words[count - 1])?;
    let header_len = if has_headers {
        number(words[count - 2])?
    } else {
        0
    };
    let payload = start + len;
    Some(Message {
        reply,
        header_len,
        body: payload.checked_add(header_len)?..payload.checked_add(size)?,
        end: payload.checked_add(size)?.checked_add(2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_with_and_without_reply_and_headers() {
        let check = |text: &str, reply: Option<&str>, header_len: usize, body: &str| {
            let len = text.find('\n').unwrap() + 1;
            let message = parse(text.as_bytes(), 0, len).unwrap();
            assert_eq!(message.reply.map(|range| &text[range]), reply, "{text}");
            assert_eq!(message.header_len, header_len, "{text}");
            assert_eq!(&text[message.body], body, "{text}");
            assert_eq!(message.end, text.len(), "{text}");
        };
        check("MSG a 1 2\r\nhi\r\n", None, 0, "hi");
        check("MSG a 1 to.me 2\r\nhi\r\n", Some("to.me"), 0, "hi");
        check("HMSG a 1 3 5\r\nabchi\r\n", None, 3, "hi");
        check("HMSG a 1 r 3 5\r\nabchi\r\n", Some("r"), 3, "hi");
        assert_eq!(parse(b"MSG a 1 x\r\n", 0, 11), None);
        assert_eq!(parse(b"MSG a 1\r\n", 0, 9), None);
    }
}
