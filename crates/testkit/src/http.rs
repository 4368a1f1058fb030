//! A small HTTP/1.1 client, which takes an answer as it is: nothing is followed, nothing is tried again.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wait::{DEADLINE, eventually};

/// The largest body that is taken, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: String,
}

/// A connection that is kept between requests.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// Asks on a connection of its own.
///
/// # Errors
///
/// When there is no whole answer in time.
pub async fn get(address: SocketAddr, target: &str) -> io::Result<Answer> {
    Connection::open(address).await?.get(target).await
}

/// Posts a body to `target`, one small enough to be sent before the answer is read.
///
/// # Errors
///
/// When there is no whole answer in time.
pub async fn post(address: SocketAddr, target: &str, body: &str) -> io::Result<Answer> {
    let mut connection = Connection::open(address).await?;
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    timeout(DEADLINE, async {
        connection.stream.write_all(head.as_bytes()).await?;
        connection.stream.write_all(body.as_bytes()).await?;
        connection.read_answer().await
    })
    .await?
}

/// Asks until the answer is as wanted.
///
/// # Panics
///
/// When it is not so in time.
pub async fn get_when(
    address: SocketAddr,
    target: &str,
    is_it: impl Fn(&Answer) -> bool,
) -> Answer {
    eventually(async || match get(address, target).await {
        Ok(answer) if is_it(&answer) => Ok(answer),
        seen => Err(seen),
    })
    .await
}

/// Asks until nobody answers at `address`.
///
/// # Panics
///
/// When somebody still does after a time.
pub async fn is_gone(address: SocketAddr) {
    eventually(async || match get(address, "/").await {
        Ok(answer) => Err(answer),
        Err(_) => Ok(()),
    })
    .await;
}

// ===== impl Answer =====

impl Answer {
    /// The body of an answer that went well.
    ///
    /// # Panics
    ///
    /// When it did not.
    pub fn text(self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }
}

// ===== impl Connection =====

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = timeout(DEADLINE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self {
            address,
            stream: BufReader::new(stream),
        })
    }

    /// Asks for `target`.
    ///
    /// # Errors
    ///
    /// When there is no whole answer in time.
    pub async fn get(&mut self, target: &str) -> io::Result<Answer> {
        let head = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        timeout(DEADLINE, async {
            self.stream.write_all(head.as_bytes()).await?;
            self.read_answer().await
        })
        .await?
    }

    async fn read_answer(&mut self) -> io::Result<Answer> {
        let status = self.read_line().await?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| invalid("the status"))?;
        let mut length = None;
        let mut is_chunked = false;
        loop {
            let line = self.read_line().await?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            match (name, value.trim()) {
                ("content-length", value) => length = value.parse().ok(),
                ("transfer-encoding", "chunked") => is_chunked = true,
                _ => {}
            }
        }
        let mut body = Vec::new();
        if is_chunked {
            self.read_chunks(&mut body).await?;
        } else if let Some(length) = length {
            self.read_exact(length, &mut body).await?;
        } else {
            self.stream.read_to_end(&mut body).await?;
        }
        let body = String::from_utf8(body).map_err(|_| invalid("the text of the body"))?;
        Ok(Answer { status, body })
    }

    async fn read_chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.read_line().await?;
            let length = usize::from_str_radix(&line, 16).map_err(|_| invalid("a chunk"))?;
            if length == 0 {
                // Trailers, and the empty line after them.
                while !self.read_line().await?.is_empty() {}
                return Ok(());
            }
            self.read_exact(length, body).await?;
            self.read_line().await?;
        }
    }

    async fn read_exact(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
        let begin = body.len();
        if begin + length > BODY_BYTES_MAX {
            return Err(invalid("the length of the body"));
        }
        body.resize(begin + length, 0);
        self.stream.read_exact(&mut body[begin..]).await.map(drop)
    }

    async fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is not valid"))
}
