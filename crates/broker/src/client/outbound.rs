//! What waits to be written to one client.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use super::CloseReason;
use crate::wire::message::{Message, Payload, SHARE_LEN_MIN};

/// Size of the buffer that small messages are collected in.
const TAIL_LEN_MAX: usize = 64 * 1024;

/// Smallest size of that buffer.
const TAIL_LEN_MIN: usize = 512;

/// Parts handed to the system in one call.
const SLICES_MAX: usize = 32;

/// Who writes to the socket.
///
/// `Idle` → `Publisher`: a publisher begins to flush. `Publisher` → `Idle`: it wrote everything.
/// `Publisher` → `Task`: the socket took no more, so the writer task is woken. `Task` → `Idle`: the task wrote
/// everything. Only the owner takes parts out, so bytes never overtake each other.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    #[default]
    Idle,
    Publisher,
    Task,
}

#[derive(Debug, Default)]
pub(crate) struct Outbound {
    parts: VecDeque<Bytes>,
    /// The end of the queue, where small messages are copied to.
    tail: BytesMut,
    /// A buffer that was written, to be used again while there is as much to write.
    spare: Option<BytesMut>,
    /// Bytes taken out last, which tells how large the next buffer had better be.
    last_taken: usize,
    /// Bytes in the queue and in the hands of the owner.
    pub(super) pending: usize,
    pub(super) owner: Owner,
    /// Some publisher has promised to flush.
    pub(super) queued: bool,
    pub(super) closed: Option<CloseReason>,
    /// Messages that were ever queued, and their bytes.
    pub(super) messages_total: u64,
    pub(super) bytes_total: u64,
    /// Messages in the queue, roughly: those added since it was last empty.
    messages: u64,
}

impl Outbound {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.tail.extend_from_slice(bytes);
        self.pending += bytes.len();
    }

    pub(super) fn push_message(&mut self, message: &Message<'_>, sid: &[u8], takes_headers: bool) {
        let skipped = message.skipped(takes_headers);
        let line_len = message.line_len_max(sid);
        match &message.payload {
            Payload::Shared(bytes) if bytes.len() >= SHARE_LEN_MIN => {
                self.make_room(line_len);
                let before = self.tail.len();
                message.write_line(&mut self.tail, sid, takes_headers);
                self.pending += self.tail.len() - before;
                self.freeze();
                let bytes = bytes.slice(skipped..);
                self.pending += bytes.len() + 2;
                self.parts.push_back(bytes);
                self.tail.extend_from_slice(b"\r\n");
            }
            payload => {
                self.make_room(line_len + payload.len() + 2);
                let before = self.tail.len();
                message.write_line(&mut self.tail, sid, takes_headers);
                self.tail.extend_from_slice(&payload.as_slice()[skipped..]);
                self.tail.extend_from_slice(b"\r\n");
                self.pending += self.tail.len() - before;
            }
        }
        self.messages += 1;
        self.messages_total += 1;
        self.bytes_total += (message.payload.len() - skipped) as u64;
    }

    /// Takes everything that waits, at most about `max` bytes. The caller is the owner.
    pub(super) fn take(&mut self, max: usize) -> Parts {
        if self.parts.is_empty() {
            // Most often: nothing but small messages, whose buffer comes back once it is written.
            if !self.tail.is_empty() {
                self.last_taken = self.tail.len();
            }
            return Parts {
                tail: std::mem::take(&mut self.tail),
                ..Parts::default()
            };
        }
        self.freeze();
        let mut len = 0;
        let mut count = 0;
        while len < max && count < self.parts.len() {
            len += self.parts[count].len();
            count += 1;
        }
        self.last_taken = len;
        let rest = self.parts.split_off(count);
        Parts {
            parts: std::mem::replace(&mut self.parts, rest),
            ..Parts::default()
        }
    }

    /// Puts back what the owner could not write.
    pub(super) fn put_back(&mut self, parts: Parts) {
        if !parts.tail.is_empty() {
            self.parts.push_front(parts.tail.freeze());
        }
        for part in parts.parts.into_iter().rev() {
            self.parts.push_front(part);
        }
    }

    /// Notes that `len` bytes of `parts` were written.
    pub(super) fn written(&mut self, len: usize, parts: &mut Parts) {
        self.pending = self.pending.saturating_sub(len);
        if self.parts.is_empty() && self.tail.is_empty() {
            self.messages = 0;
        }
        if let Some(spare) = parts.spare.take() {
            self.spare = Some(spare);
        }
        // A connection that has gone quiet keeps no large buffer.
        let worth = (self.last_taken * 2).max(TAIL_LEN_MIN);
        self.spare.take_if(|spare| spare.capacity() > worth);
    }

    /// Gives back what is kept for the next messages.
    pub(super) fn rest(&mut self) {
        self.spare = None;
        self.last_taken = 0;
    }

    /// Throws away what waits, and tells how many messages that were.
    pub(super) fn discard(&mut self) -> u64 {
        self.parts.clear();
        self.tail = BytesMut::new();
        self.spare = None;
        self.pending = 0;
        std::mem::take(&mut self.messages)
    }

    /// Makes room for `len` bytes. A full buffer is not extended, so that what is written first can be freed
    /// first.
    fn make_room(&mut self, len: usize) {
        if self.tail.len() + len <= self.tail.capacity() {
            return;
        }
        if self.tail.len() >= TAIL_LEN_MAX {
            self.freeze();
        }
        if self.tail.is_empty() {
            let wanted = len.max(self.last_taken.clamp(TAIL_LEN_MIN, TAIL_LEN_MAX));
            self.tail = match self.spare.take() {
                Some(spare) if spare.capacity() >= len => spare,
                _ => BytesMut::with_capacity(wanted),
            };
        }
        // Doubles where it must grow.
        self.tail.reserve(len);
    }

    fn freeze(&mut self) {
        if !self.tail.is_empty() {
            let part = std::mem::take(&mut self.tail).freeze();
            self.parts.push_back(part);
        }
    }
}

/// Parts of the queue in the hands of whoever writes them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: VecDeque<Bytes>,
    /// What comes after them.
    tail: BytesMut,
    /// The memory of one that was written.
    spare: Option<BytesMut>,
}

impl Parts {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.tail.is_empty()
    }

    /// Hands the first parts to `write`, and drops what it took.
    pub(super) fn write_with(
        &mut self,
        write: impl FnOnce(&[IoSlice<'_>]) -> std::io::Result<usize>,
    ) -> std::io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        let parts = self.parts.iter().map(|part| &part[..]);
        let tail = Some(&self.tail[..]).filter(|tail| !tail.is_empty());
        for (slice, part) in slices.iter_mut().zip(parts.chain(tail)) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        let written = write(&slices[..count])?;
        let mut left = written;
        while left > 0 {
            let Some(mut part) = self.parts.pop_front() else {
                self.tail_written(left);
                break;
            };
            if part.len() <= left {
                left -= part.len();
                // Fails for memory that others still read from.
                if let Ok(mut buffer) = part.try_into_mut() {
                    buffer.clear();
                    self.spare = Some(buffer);
                }
            } else {
                part.advance(left);
                left = 0;
                self.parts.push_front(part);
            }
        }
        Ok(written)
    }

    fn tail_written(&mut self, len: usize) {
        if len < self.tail.len() {
            self.tail.advance(len);
        } else {
            let mut buffer = std::mem::take(&mut self.tail);
            buffer.clear();
            self.spare = Some(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbound: &mut Outbound, per_write: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut parts = outbound.take(usize::MAX);
            if parts.is_empty() {
                return all;
            }
            while !parts.is_empty() {
                let written = parts
                    .write_with(|slices| {
                        let joined: Vec<u8> = slices.iter().flat_map(|s| s.to_vec()).collect();
                        let len = joined.len().min(per_write);
                        all.extend_from_slice(&joined[..len]);
                        Ok(len)
                    })
                    .unwrap();
                outbound.written(written, &mut parts);
            }
        }
    }

    #[test]
    fn bytes_come_out_in_order_however_they_are_written() {
        for per_write in [1, 7, 100_000] {
            let mut outbound = Outbound::default();
            let big = Bytes::from(vec![b'x'; SHARE_LEN_MIN]);
            let mut expected = Vec::new();
            for payload in [Payload::Borrowed(b"small"), Payload::Shared(big.clone())] {
                let message = Message {
                    subject: b"s",
                    reply: None,
                    header_len: None,
                    payload,
                };
                outbound.push_message(&message, b"1", true);
                message.write_line(&mut expected, b"1", true);
                expected.extend_from_slice(message.payload.as_slice());
                expected.extend_from_slice(b"\r\n");
            }
            outbound.push(b"PONG\r\n");
            expected.extend_from_slice(b"PONG\r\n");
            assert_eq!(outbound.pending, expected.len());
            assert_eq!(drain(&mut outbound, per_write), expected);
            assert_eq!(outbound.pending, 0);
        }
    }

    #[test]
    fn a_buffer_is_used_again_and_given_back_in_quiet_times() {
        let mut outbound = Outbound::default();
        outbound.push(&[b'x'; 40_000]);
        let first = outbound.tail.as_ptr();
        drain(&mut outbound, usize::MAX);
        outbound.push(&[b'x'; 30_000]);
        assert_eq!(outbound.tail.as_ptr(), first);
        drain(&mut outbound, usize::MAX);

        outbound.push(b"little");
        drain(&mut outbound, usize::MAX);
        let kept = outbound.spare.map_or(0, |spare| spare.capacity());
        assert!(kept <= TAIL_LEN_MIN, "{kept}");
        assert_eq!(outbound.tail.capacity(), 0);
    }

    #[test]
    fn a_connection_that_rests_keeps_no_buffer() {
        let mut outbound = Outbound::default();
        outbound.push(&[b'x'; 40_000]);
        drain(&mut outbound, usize::MAX);
        assert!(outbound.spare.is_some());
        outbound.rest();
        assert!(outbound.spare.is_none());
        outbound.push(b"again");
        assert_eq!(outbound.tail.capacity(), TAIL_LEN_MIN);
        assert_eq!(drain(&mut outbound, usize::MAX), b"again");
    }

    #[test]
    fn what_is_put_back_comes_first() {
        let mut outbound = Outbound::default();
        outbound.push(b"one ");
        let parts = outbound.take(usize::MAX);
        outbound.push(b"two");
        outbound.put_back(parts);
        assert_eq!(drain(&mut outbound, 100), b"one two");
    }
}
