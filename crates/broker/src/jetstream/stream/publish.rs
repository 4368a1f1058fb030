//! A message arrives.

use super::{Effect, Expiry, Outcome, PublishHeaders, Rollup, Stored, Stream};
use crate::jetstream::ApiError;
use crate::jetstream::clock::{Now, WallTime};
use crate::jetstream::config::{Discard, Retention};

/// Longest header block that is stored.
const HEADER_LEN_MAX: u32 = u16::MAX as u32;

/// A message for the stream, without its body.
#[derive(Debug)]
pub(crate) struct Publish<'a> {
    /// As [`Stream::mapped`] tells.
    pub(crate) subject: &'a [u8],
    pub(crate) headers: PublishHeaders<'a>,
    pub(crate) header_len: u32,
    pub(crate) body_len: u32,
    pub(crate) sender: Sender,
    /// Whether anyone waits for messages with this subject, which matters to streams that keep them only for
    /// that.
    pub(crate) is_wanted: bool,
}

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Publisher,
    /// Another stream, which has checked what its publisher asked for.
    Source,
}

impl Publish<'_> {
    pub(super) fn apply(self, stream: &mut Stream, now: Now, effects: &mut Vec<Effect>) {
        // A time never goes back within a stream, even when the clock does.
        let time = now.wall.max(stream.index.last_time());
        let outcome = match self.check(stream, time) {
            Ok(expiry) => Outcome::Stored {
                seq: self.store(stream, time, expiry, effects),
            },
            Err(outcome) => outcome,
        };
        effects.push(Effect::Outcome(outcome));
    }

    /// Checks everything that may keep the message out, in the order of the reference server.
    fn check(&self, stream: &mut Stream, time: WallTime) -> Result<Expiry, Outcome> {
        if stream.config.sealed {
            return refuse(ApiError::STREAM_SEALED);
        }
        if let Some(error) = &self.headers.unsupported {
            return refuse(error.clone());
        }
        let is_sourced = self.sender == Sender::Source;
        if self.headers.ttl.is_some() && !stream.config.allow_msg_ttl && !is_sourced {
            return refuse(ApiError::MESSAGE_TTL_DISABLED);
        }
        self.check_expectations(stream, time)?;
        self.check_rollup(stream)?;
        self.check_size(stream)?;
        self.check_room(stream)?;
        if is_sourced && !stream.config.allow_msg_ttl {
            return Ok(Expiry::Stream);
        }
        self.headers.expiry(time).map_err(Outcome::Refused)
    }

    fn check_expectations(&self, stream: &mut Stream, time: WallTime) -> Result<(), Outcome> {
        let headers = &self.headers;
        if headers
            .expected_stream
            .is_some_and(|name| name != stream.config.name.as_bytes())
        {
            return refuse(ApiError::STREAM_NOT_MATCH);
        }
        if let Some(id) = headers.msg_id {
            let window = stream.config.duplicate_window;
            if let Some(seq) = stream.dedupe.find(id, time, window) {
                return Err(Outcome::Duplicate { seq });
            }
            if stream.dedupe.is_full() {
                return refuse(ApiError::INSUFFICIENT_RESOURCES);
            }
        }
        if let Some(expected) = headers.expected_last_subject_seq {
            let last = stream.index.last_of(self.subject).unwrap_or(0);
            if last != expected {
                return refuse(ApiError::wrong_last_sequence(last));
            }
        }
        if let Some(expected) = headers.expected_last_seq {
            let last = stream.index.last_seq();
            if last != expected {
                return refuse(ApiError::wrong_last_sequence(last));
            }
        }
        if let Some(expected) = headers.expected_last_msg_id
            && expected != stream.dedupe.last()
        {
            let last = String::from_utf8_lossy(stream.dedupe.last()).into_owned();
            return refuse(ApiError::wrong_last_msg_id(&last));
        }
        Ok(())
    }

    fn check_rollup(&self, stream: &Stream) -> Result<(), Outcome> {
        match self.headers.rollup {
            None => Ok(()),
            _ if self.sender == Sender::Source => Ok(()),
            Some(_) if !may_roll_up(stream) => {
                refuse(ApiError::stream_rollup_failed("rollup not permitted"))
            }
            Some(Rollup::Unknown(value)) => refuse(ApiError::stream_rollup_failed(format!(
                "rollup value invalid: {:?}",
                String::from_utf8_lossy(value).to_lowercase()
            ))),
            Some(Rollup::Subject | Rollup::All) => Ok(()),
        }
    }

    fn check_size(&self, stream: &Stream) -> Result<(), Outcome> {
        let max = i64::from(stream.config.max_msg_size);
        if max >= 0 && i64::from(self.header_len) + i64::from(self.body_len) > max {
            return refuse(ApiError::STREAM_MESSAGE_TOO_LARGE);
        }
        // A message from another stream has a header more than its publisher was allowed.
        if self.header_len > HEADER_LEN_MAX && self.sender == Sender::Publisher {
            return refuse(ApiError::STREAM_HEADER_TOO_LARGE);
        }
        Ok(())
    }

    /// With `discard: new`, a full stream takes nothing more, except where a message replaces an older one of
    /// its subject.
    fn check_room(&self, stream: &Stream) -> Result<(), Outcome> {
        let config = &stream.config;
        if config.discard != Discard::New {
            return Ok(());
        }
        let (count, first) = stream.index.count_of(self.subject).unwrap_or((0, 0));
        let replaces = limit(config.max_msgs_per_subject).is_some_and(|max| count >= max);
        if replaces && config.discard_new_per_subject {
            return refuse_full("maximum messages per subject exceeded");
        }
        if limit(config.max_msgs).is_some_and(|max| stream.index.len() >= max) && !replaces {
            return refuse_full("maximum messages exceeded");
        }
        let size = self.size(stream);
        if limit(config.max_bytes).is_some_and(|max| stream.index.bytes() + size >= max) {
            let freed = stream.index.get(first).map_or(0, |entry| {
                stream
                    .index
                    .size(entry.subject.len(), entry.header_len, entry.body_len)
            });
            if !replaces || freed < size {
                return refuse_full("maximum bytes exceeded");
            }
        }
        Ok(())
    }

    fn store(
        &self,
        stream: &mut Stream,
        time: WallTime,
        expiry: Expiry,
        effects: &mut Vec<Effect>,
    ) -> u64 {
        let stored = Stored {
            seq: stream.index.last_seq() + 1,
            subject: stream.index.intern(self.subject),
            time,
            header_len: self.header_len,
            body_len: self.body_len,
            msg_id: self.headers.msg_id.map(Into::into),
            expiry,
        };
        let seq = stored.seq;
        if stream.config.retention == Retention::Interest && !self.is_wanted {
            stream.dedupe.stored(self.headers.msg_id, seq, time);
            effects.push(Effect::Skip);
            return stream.index.skip(time);
        }
        stream.index.append(&stored);
        stream.expiries.note(seq, expiry);
        stream.dedupe.stored(self.headers.msg_id, seq, time);
        effects.push(Effect::Store(stored));
        match self.headers.rollup {
            Some(_) if !may_roll_up(stream) => {}
            Some(Rollup::Subject) => {
                for old in stream.index.seqs_of(self.subject, seq) {
                    stream.forget(old, effects);
                }
            }
            Some(Rollup::All) => stream.forget_below(seq, effects),
            Some(Rollup::Unknown(_)) | None => {}
        }
        stream.enforce_subject_limit(self.subject, effects);
        stream.enforce_limits(effects);
        seq
    }

    fn size(&self, stream: &Stream) -> u64 {
        stream
            .index
            .size(self.subject.len(), self.header_len, self.body_len)
    }
}

impl Stream {
    /// Drops the oldest messages of one subject until its limit holds.
    pub(super) fn enforce_subject_limit(&mut self, subject: &[u8], effects: &mut Vec<Effect>) {
        let Some(max) = limit(self.config.max_msgs_per_subject) else {
            return;
        };
        while let Some((count, first)) = self.index.count_of(subject)
            && count > max
        {
            self.forget(first, effects);
        }
    }

    /// Drops the oldest messages until the limits of the stream hold.
    pub(super) fn enforce_limits(&mut self, effects: &mut Vec<Effect>) {
        let max_msgs = limit(self.config.max_msgs).unwrap_or(u64::MAX);
        let max_bytes = limit(self.config.max_bytes).unwrap_or(u64::MAX);
        while self.index.len() > max_msgs || self.index.bytes() > max_bytes {
            self.forget(self.index.first_seq(), effects);
        }
    }

    /// Drops all messages before `seq`.
    pub(super) fn forget_below(&mut self, seq: u64, effects: &mut Vec<Effect>) {
        while self.index.len() > 0 && self.index.first_seq() < seq {
            self.forget(self.index.first_seq(), effects);
        }
    }
}

fn may_roll_up(stream: &Stream) -> bool {
    stream.config.allow_rollup_hdrs && !stream.config.deny_purge
}

/// A limit of a configuration, where 0 and below mean none.
pub(super) fn limit(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|value| *value > 0)
}

fn refuse<T>(error: ApiError) -> Result<T, Outcome> {
    Err(Outcome::Refused(error))
}

fn refuse_full<T>(why: &'static str) -> Result<T, Outcome> {
    refuse(ApiError::stream_store_failed(why))
}
