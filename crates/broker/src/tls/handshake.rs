//! What happens before the first line of a client.

use std::io;

use rustls::ServerConnection;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::stream::{Stream, TlsStream, flush, receive};
use super::{Acceptor, TlsMode};

/// First byte of a handshake. No operation of a client begins with it.
const HANDSHAKE: u8 = 0x16;

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
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}
