//! Reading a stream from one number to another.
//!
//! Messages are asked for by number, not through a consumer: some kinds of streams allow only the consumers that they
//! have. Where messages stand close together, many are asked for at once; after a gap the next is asked for.

use std::collections::VecDeque;

use futures::future;

use super::error::CopyError;
use super::jetstream::Jetstream;
use super::record::Record;

/// Most messages that are asked for at once.
const WINDOW_MAX: u64 = 64;
/// Bytes of messages that may wait here; the window is sized by the largest message of the one before.
const WINDOW_BYTES_MAX: usize = 16 << 20;

/// Reads a stream in the order of its numbers.
pub(super) struct Reader<'a> {
    jetstream: &'a Jetstream,
    stream: &'a str,
    /// The number to ask for next.
    next: u64,
    /// The number of the last message to read.
    last: u64,
    window: u64,
    found: VecDeque<Record>,
}

// ===== impl Reader =====

impl<'a> Reader<'a> {
    /// Reads the messages `first..=last` of `stream`.
    pub(super) fn new(jetstream: &'a Jetstream, stream: &'a str, first: u64, last: u64) -> Self {
        Self {
            jetstream,
            stream,
            next: first.max(1),
            last,
            window: 1,
            found: VecDeque::new(),
        }
    }

    /// The next message that is there; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Record>, CopyError> {
        while self.found.is_empty() && self.next <= self.last {
            if self.window == 1 {
                self.find().await?;
            } else {
                self.fetch().await?;
            }
        }
        Ok(self.found.pop_front())
    }

    /// Asks for the next message, wherever it is.
    async fn find(&mut self) -> Result<(), CopyError> {
        let found = self.jetstream.message_from(self.stream, self.next).await?;
        match found {
            Some(record) if record.sequence <= self.last => {
                self.next = record.sequence + 1;
                self.found.push_back(record);
                self.window = 2;
            }
            _ => self.next = self.last + 1,
        }
        Ok(())
    }

    /// Asks for several messages by their numbers.
    async fn fetch(&mut self) -> Result<(), CopyError> {
        let end = self.last.min(self.next + self.window - 1);
        let asked = (self.next..=end).map(|number| self.jetstream.message(self.stream, number));
        let answers = future::try_join_all(asked).await?;
        let asked = answers.len();
        self.found.extend(answers.into_iter().flatten());
        self.next = end + 1;
        self.window = if self.found.len() < asked {
            1
        } else {
            let largest = self.found.iter().map(Record::bytes).max().unwrap_or(1);
            let fitting = (WINDOW_BYTES_MAX / largest.max(1)) as u64;
            (self.window * 2).min(WINDOW_MAX).min(fitting).max(1)
        };
        Ok(())
    }
}
