//! Writing to the socket: by whoever published, and by the writer task when the socket takes no more.

use std::io;

use tokio::time::{Instant, timeout_at};

use super::outbound::{Owner, Parts};
use super::{Client, CloseReason};

/// Bytes that the writer task must get rid of within one write timeout.
const PORTION_LEN: usize = 1024 * 1024;

/// Times a publisher writes on for others that added more meanwhile.
const FLUSH_ROUNDS: usize = 4;

/// What one attempt to write at once came to.
enum Attempt {
    Done(usize),
    Blocked(usize),
    Failed,
}

impl Client {
    /// Writes what waits, as far as the socket takes it now; the writer task does the rest.
    ///
    /// Never blocks. It is called by the publisher that queued the data, after a whole batch, which saves the
    /// receiver's connection a task switch per message.
    pub(crate) fn flush(&self) {
        let mut outbound = self.lock();
        outbound.queued = false;
        if outbound.owner != Owner::Idle {
            return;
        }
        outbound.owner = Owner::Publisher;
        for round in 0.. {
            let mut parts = outbound.take(PORTION_LEN);
            if parts.is_empty() {
                outbound.owner = Owner::Idle;
                if outbound.closed.is_some() {
                    self.writable.notify_one();
                }
                return;
            }
            drop(outbound);
            let attempt = self.attempt(&mut parts);
            outbound = self.lock();
            let is_blocked = match attempt {
                Attempt::Done(len) => {
                    self.note_written(&mut outbound, len, &mut parts);
                    round + 1 == FLUSH_ROUNDS
                }
                Attempt::Blocked(len) => {
                    self.note_written(&mut outbound, len, &mut parts);
                    outbound.put_back(parts);
                    true
                }
                Attempt::Failed => {
                    outbound.owner = Owner::Idle;
                    outbound.discard();
                    drop(outbound);
                    self.close(CloseReason::ClientGone);
                    return;
                }
            };
            if is_blocked {
                outbound.owner = Owner::Task;
                drop(outbound);
                self.writable.notify_one();
                return;
            }
        }
    }

    fn attempt(&self, parts: &mut Parts) -> Attempt {
        let mut total = 0;
        while !parts.is_empty() {
            match parts.write_with(|slices| self.stream.try_write_vectored(slices)) {
                Ok(0) => return Attempt::Failed,
                Ok(len) => total += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Attempt::Blocked(total);
                }
                Err(_) => return Attempt::Failed,
            }
        }
        Attempt::Done(total)
    }

    fn note_written(&self, outbound: &mut super::Outbound, len: usize, parts: &mut Parts) {
        outbound.written(len, parts);
        if outbound.pending <= self.bounds.pending_bytes_max / 2 {
            self.drained.notify_waiters();
        }
    }

    /// Takes the next portion for the writer task, or gives up ownership if nothing is left.
    fn next_portion(&self) -> Option<Parts> {
        let mut outbound = self.lock();
        if outbound.owner != Owner::Task {
            return None;
        }
        let parts = outbound.take(PORTION_LEN);
        if parts.is_empty() {
            outbound.owner = Owner::Idle;
            return None;
        }
        Some(parts)
    }

    /// Whether the connection is closed and nobody writes any more.
    fn has_ended(&self) -> bool {
        let outbound = self.lock();
        outbound.closed.is_some() && outbound.owner == Owner::Idle
    }

    /// Writes one portion, waiting for the socket.
    async fn write_portion(&self, mut parts: Parts) -> io::Result<()> {
        while !parts.is_empty() {
            self.stream.writable().await?;
            match parts.write_with(|slices| self.stream.try_write_vectored(slices)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.note_written(&mut self.lock(), len, &mut parts),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The writer task of one client. Ends when the connection is closed and everything that may be is written.
pub(crate) async fn write_until_closed(client: std::sync::Arc<Client>) {
    loop {
        while let Some(parts) = client.next_portion() {
            let deadline = Instant::now() + client.bounds.write_timeout;
            match timeout_at(deadline, client.write_portion(parts)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    client.lock().discard();
                    client.close(CloseReason::ClientGone);
                    return;
                }
                Err(_) => {
                    client.cut_slow();
                    return;
                }
            }
        }
        if client.has_ended() {
            return;
        }
        client.writable.notified().await;
    }
}
