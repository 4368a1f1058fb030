//! What one stream takes from another: which message comes next, what becomes of it, and how far it has come.
//!
//! It knows neither clients nor bodies. Its position is stored together with the messages that it took, so
//! after a crash nothing is missing and nothing comes twice.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::clock::WallTime;
use super::config::SourceConfig;
use super::names::STREAM_SOURCE;
use super::stream::{Filters, Index, Outcome, Scan};
use super::transform::Transform;
use crate::storage::StreamId;
use crate::wire::headers::VERSION_LINE;

/// Messages looked at for one that is taken, before others get their turn.
const SCAN_MAX: usize = 16 * 1024;

/// Headers of this kind tell what a publisher expected of the first stream.
const EXPECTED_PREFIX: &[u8] = b"Nats-Expected-";

/// One of several streams that had the same name one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) id: StreamId,
    pub(crate) created: WallTime,
}

/// Everything up to `seq` was taken or passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SourcePosition {
    pub(crate) life: Life,
    pub(crate) seq: u64,
}

/// How far sources have come, by [`Source::key`].
pub(crate) type Positions = BTreeMap<String, SourcePosition>;

/// One source of a stream.
#[derive(Debug)]
pub(crate) struct Source {
    config: SourceConfig,
    /// Stream, filters and destinations, as they stand in the header of each message taken.
    key: [String; 3],
    filters: Filters,
    rules: Vec<Transform>,
    position: Option<SourcePosition>,
}

/// What comes of offering a message to the stream that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is there.
    Taken,
    /// It will never be taken.
    Skipped,
    /// There is no room now: offer it again later.
    Full,
}

// ---------------------------------------------------------------------------------------------------------

impl Source {
    /// A source that has taken nothing, with a checked configuration.
    pub(crate) fn new(config: SourceConfig) -> Self {
        Self {
            key: config.key(),
            filters: Filters::new(config.filters()),
            rules: config
                .subject_transforms
                .iter()
                .filter_map(|rule| Transform::parse(&rule.source, &rule.destination).ok()?)
                .collect(),
            position: None,
            config,
        }
    }

    /// Goes on where an earlier one stopped.
    pub(crate) fn resume(&mut self, position: Option<SourcePosition>) {
        self.position = position;
    }

    pub(crate) fn config(&self) -> &SourceConfig {
        &self.config
    }

    /// The name of the stream that it takes from.
    pub(crate) fn stream(&self) -> &str {
        &self.config.name
    }

    /// What tells it from the other sources of its stream.
    pub(crate) fn key(&self) -> String {
        self.key.join(" ")
    }

    pub(crate) fn position(&self) -> Option<SourcePosition> {
        self.position
    }

    /// The next message to take from the stream with this index.
    pub(crate) fn next<'a>(&self, life: Life, index: &'a Index) -> Scan<'a> {
        index.next(self.next_seq(life, index), &self.filters, SCAN_MAX)
    }

    /// How many messages there are still to take.
    pub(crate) fn lag(&self, life: Life, index: &Index) -> u64 {
        index.count_from(self.next_seq(life, index), &self.filters)
    }

    /// Whether a message may still be taken.
    pub(crate) fn needs(&self, life: Life, seq: u64, subject: &[u8]) -> bool {
        let is_ahead = match self.position {
            Some(position) if position.life == life => seq > position.seq,
            _ => seq >= self.config.opt_start_seq,
        };
        is_ahead && self.filters.matches(subject)
    }

    /// Whether messages with this subject are taken at all.
    pub(crate) fn wants(&self, subject: &[u8]) -> bool {
        self.filters.matches(subject)
    }

    /// Notes that everything up to `seq` was dealt with.
    pub(crate) fn passed(&mut self, life: Life, seq: u64) {
        self.position = Some(SourcePosition { life, seq });
    }

    /// The subject under which a message is taken.
    pub(crate) fn subject(&self, subject: &[u8]) -> Option<Vec<u8>> {
        self.rules.iter().find_map(|rule| rule.apply(subject))
    }

    /// The headers of a message that is taken: they tell where it came from, and no longer what its publisher
    /// expected there.
    pub(crate) fn headers(&self, block: &[u8], seq: u64) -> Vec<u8> {
        let mut made = Vec::with_capacity(block.len() + 128);
        let mut lines = block.split_inclusive(|byte| *byte == b'\n');
        made.extend_from_slice(lines.next().unwrap_or(VERSION_LINE).trim_ascii_end());
        made.extend_from_slice(b"\r\n");
        for line in lines.map(<[u8]>::trim_ascii_end) {
            let is_dropped = line.is_empty()
                || line.starts_with(EXPECTED_PREFIX)
                || line
                    .strip_prefix(STREAM_SOURCE.as_bytes())
                    .is_some_and(|rest| rest.starts_with(b":"));
            if !is_dropped {
                made.extend_from_slice(line);
                made.extend_from_slice(b"\r\n");
            }
        }
        let [stream, filters, destinations] = &self.key;
        let line = format!("{STREAM_SOURCE}: {stream} {seq} {filters} {destinations}\r\n\r\n");
        made.extend_from_slice(line.as_bytes());
        made
    }

    /// The first sequence that was not dealt with.
    fn next_seq(&self, life: Life, index: &Index) -> u64 {
        if let Some(position) = self.position
            && position.life == life
        {
            return position.seq + 1;
        }
        let time = self.config.opt_start_time.as_deref();
        match time.and_then(WallTime::parse) {
            _ if self.config.opt_start_seq > 0 => self.config.opt_start_seq,
            Some(time) => index.seq_at(time),
            None => index.first_seq(),
        }
    }
}

impl Verdict {
    /// What the outcome of a publish means.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Stored { .. } | Outcome::Duplicate { .. } => Self::Taken,
            Outcome::Refused(error) if error.is_temporary() => Self::Full,
            _ => Self::Skipped,
        }
    }
}
