//! A socket, encrypted or not, for one reader and one writer that never block.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, BytesMut};
use rustls::{ProtocolVersion, ServerConnection};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that are encrypted before the socket has taken those before them.
const CIPHERTEXT_MAX: usize = 64 * 1024;

/// A socket, encrypted or not. Its functions are those of [`TcpStream`].
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// An encrypted socket.
pub(crate) struct TlsStream {
    socket: TcpStream,
    state: Mutex<State>,
    /// Something that was decrypted may not have been read, so that the reader must not wait for the socket.
    has_more: AtomicBool,
}

struct State {
    connection: ServerConnection,
    /// Bytes at the start of what the writer brings next that are encrypted already.
    ///
    /// What the socket did not take stays in the connection. The writer is told that nothing was written and brings
    /// the same bytes again, so that nothing is forgotten when it has no more to bring.
    accepted: usize,
}

// ---------------------------------------------------------------------------------------------------------

impl Stream {
    /// Waits until there may be something to read. Cancel safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.readable().await,
            Self::Tls(stream) if stream.has_more.load(Ordering::Relaxed) => Ok(()),
            Self::Tls(stream) => stream.socket.readable().await,
        }
    }

    /// Waits until something may be written. Cancel safe.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.writable().await,
            Self::Tls(stream) => stream.socket.writable().await,
        }
    }

    /// Reads into the free capacity of `buffer`. Only one task may read.
    pub(crate) fn try_read_buf(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => read_some(socket, buffer),
            Self::Tls(stream) => stream.try_read_buf(buffer),
        }
    }

    /// Writes the start of `slices`. Bytes that were not taken must be brought again.
    pub(crate) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write_vectored(slices),
            Self::Tls(stream) => stream.try_write_vectored(slices),
        }
    }

    /// The version of the encryption as tools name it, if there is any.
    pub(crate) fn tls_version(&self) -> Option<&'static str> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => match stream.lock().connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => Some("1.2"),
                Some(ProtocolVersion::TLSv1_3) => Some("1.3"),
                _ => None,
            },
        }
    }

    /// Ends both directions, so that the peer notices whoever still holds this.
    pub(crate) fn shut_down(&self) {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => {
                let mut state = stream.lock();
                state.connection.send_close_notify();
                // A peer that does not read goes without.
                let _ = flush(&mut state.connection, &stream.socket);
                drop(state);
                &stream.socket
            }
        };
        // The peer may have done so before.
        let _ = SockRef::from(socket).shutdown(Shutdown::Both);
    }
}

impl TlsStream {
    /// After the handshake.
    pub(super) fn new(socket: TcpStream, mut connection: ServerConnection) -> Self {
        connection.set_buffer_limit(Some(CIPHERTEXT_MAX));
        Self {
            socket,
            state: Mutex::new(State {
                connection,
                accepted: 0,
            }),
            // The client's first words may have come with the end of the handshake.
            has_more: AtomicBool::new(true),
        }
    }

    fn try_read_buf(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        let mut state = self.lock();
        let mut total = 0;
        while buffer.len() < buffer.capacity() {
            match read_decrypted(&mut state.connection, buffer) {
                // An end, as it is meant.
                Ok(0) => break,
                Ok(len) => {
                    total += len;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What came before the end is read first; the end is found again.
                Err(_) if total > 0 => break,
                Err(error) => return Err(error),
            }
            match receive(&mut state.connection, &self.socket) {
                Ok(()) => {}
                Err(_) if total > 0 => break,
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        self.has_more.store(false, Ordering::Relaxed);
                    }
                    return Err(error);
                }
            }
        }
        self.has_more.store(true, Ordering::Relaxed);
        Ok(total)
    }

    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.lock();
        let State {
            connection,
            accepted,
        } = &mut *state;
        flush(connection, &self.socket)?;
        if *accepted == 0 {
            *accepted = connection.writer().write_vectored(slices)?;
            flush(connection, &self.socket)?;
        }
        Ok(std::mem::take(accepted))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A connection that is half-way through something fails at the next call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TlsStream")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

/// Reads once, at most as much as `buffer` has room for.
///
/// A read that leaves room has emptied the socket. On Linux the next data is then announced anew, so the socket
/// is noted as not readable, which saves asking it only to hear that there is nothing.
fn read_some(socket: &TcpStream, buffer: &mut BytesMut) -> io::Result<usize> {
    if !cfg!(target_os = "linux") {
        return socket.try_read_buf(buffer);
    }
    let room = buffer.capacity() - buffer.len();
    let mut short = None;
    let read = socket.try_io(Interest::READABLE, || match socket.try_read_buf(buffer) {
        Ok(len) if len > 0 && len < room => {
            short = Some(len);
            Err(io::ErrorKind::WouldBlock.into())
        }
        other => other,
    });
    short.map_or(read, Ok)
}

/// Lets tokio's socket be read and written by what knows the traits of the standard library.
pub(super) struct NonBlocking<'a>(pub(super) &'a TcpStream);

impl Read for NonBlocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for NonBlocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what is encrypted; `WouldBlock` if the socket does not take all.
pub(super) fn flush(connection: &mut ServerConnection, socket: &TcpStream) -> io::Result<()> {
    while connection.wants_write() {
        if connection.write_tls(&mut NonBlocking(socket))? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

/// Reads from the socket once, and decrypts.
pub(super) fn receive(connection: &mut ServerConnection, socket: &TcpStream) -> io::Result<()> {
    if connection.read_tls(&mut NonBlocking(socket))? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let processed = connection.process_new_packets();
    // Alerts and the like. If the socket is full, they follow with what is written next.
    let _ = flush(connection, socket);
    match processed {
        Ok(_) => Ok(()),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

/// Moves decrypted bytes into the free capacity of `buffer`.
fn read_decrypted(connection: &mut ServerConnection, buffer: &mut BytesMut) -> io::Result<usize> {
    let mut reader = connection.reader();
    let available = io::BufRead::fill_buf(&mut reader)?;
    let len = available.len().min(buffer.capacity() - buffer.len());
    buffer.put_slice(&available[..len]);
    io::BufRead::consume(&mut reader, len);
    Ok(len)
}
