//! What happens before the first line of a client.

use std::io;
use std::time::Duration;

use rustls::ServerConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stream::{Stream, TlsStream, flush, receive};
use super::{Acceptor, TlsMode};

/// First byte of a handshake. No operation of a client begins with it.
const HANDSHAKE: u8 = 0x16;

/// Longest wait for a client that is turned away to read why.
const FAREWELL_MAX: Duration = Duration::from_millis(500);

/// Reads of what such a client sends meanwhile.
const FAREWELL_READS_MAX: usize = 64;

/// How a connection was opened.
pub(crate) enum Opening {
    /// It can be served. `is_greeted` tells whether the greeting was sent.
    Ready { stream: Stream, is_greeted: bool },
    /// The client did not encrypt where it must.
    NotEncrypted(TcpStream),
}

/// Greets the client where it is greeted in plain, and makes the connection an encrypted one. Cancel safe in that
/// the connection is closed.
pub(crate) async fn open(
    acceptor: &Acceptor,
    mut socket: TcpStream,
    greeting: &[u8],
) -> io::Result<Opening> {
    let is_greeted = acceptor.mode() != TlsMode::First;
    if is_greeted {
        socket.write_all(greeting).await?;
    }
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if first[0] != HANDSHAKE {
        return Ok(match acceptor.mode() {
            TlsMode::Optional => Opening::Ready {
                stream: Stream::Plain(socket),
                is_greeted,
            },
            TlsMode::Required | TlsMode::First => Opening::NotEncrypted(socket),
        });
    }
    let connection = ServerConnection::new(acceptor.config()).map_err(io::Error::other)?;
    let stream = shake_hands(socket, connection).await?;
    Ok(Opening::Ready {
        stream: Stream::Tls(Box::new(stream)),
        is_greeted,
    })
}

async fn shake_hands(socket: TcpStream, mut connection: ServerConnection) -> io::Result<TlsStream> {
    loop {
        match flush(&mut connection, &socket) {
            Ok(()) if !connection.is_handshaking() => {
                return Ok(TlsStream::new(socket, connection));
            }
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.writable().await?;
                continue;
            }
            Err(error) => return Err(error),
        }
        socket.readable().await?;
        match receive(&mut connection, &socket) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let_go(socket).await;
                return Err(error);
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

/// Waits until a client that was told why it is turned away has gone. Its first words may be on their way already, and
/// a socket that is closed before they are read takes back what it said.
async fn let_go(mut socket: TcpStream) {
    let gone = async {
        if socket.shutdown().await.is_err() {
            return;
        }
        let mut scratch = [0; 1024];
        for _ in 0..FAREWELL_READS_MAX {
            if !matches!(socket.read(&mut scratch).await, Ok(1..)) {
                return;
            }
        }
    };
    let _ = timeout(FAREWELL_MAX, gone).await;
}
