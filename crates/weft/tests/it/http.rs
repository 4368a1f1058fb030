//! A client that asks one thing per connection.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::wait::wait_until;

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request of which the answer has begun.
pub(crate) struct Open {
    stream: TcpStream,
    seen: Vec<u8>,
}

// ===== impl Open =====

impl Open {
    /// Asks for `path` at a port of this machine, and waits until the answer begins.
    pub(crate) fn begin(port: u16, path: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        // The old version of the protocol has no chunks: the body is what comes until the end.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut seen = vec![0; 64];
        let length = stream.read(&mut seen)?;
        seen.truncate(length);
        Ok(Self { stream, seen })
    }

    /// Status and body, once all has come.
    pub(crate) fn finish(mut self) -> io::Result<(u16, String)> {
        self.stream.read_to_end(&mut self.seen)?;
        let answer = String::from_utf8_lossy(&self.seen);
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, answer.to_string());
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(invalid)?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok((status.ok_or_else(invalid)?, body.to_owned()))
    }
}

/// Status and body of `GET path` at a port of this machine.
pub(crate) fn get(port: u16, path: &str) -> io::Result<(u16, String)> {
    Open::begin(port, path)?.finish()
}

/// Asks until the answer is a success with `text` in it, and returns it.
pub(crate) fn wait_for_page(port: u16, path: &str, text: &str) -> String {
    wait_until(&format!("`{text}` at {port}{path}"), || {
        match get(port, path) {
            Ok((200, body)) if body.contains(text) => Ok(body),
            other => Err(other),
        }
    })
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
