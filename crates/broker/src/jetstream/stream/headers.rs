//! What the headers of a published message ask of the stream.

use crate::jetstream::ApiError;
use crate::jetstream::clock::{Nanos, WallTime};
use crate::jetstream::names;
use crate::jetstream::stream::Expiry;
use crate::wire::headers;

const SECOND: Nanos = 1_000_000_000;

/// Conditions and wishes of a publisher.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PublishHeaders<'a> {
    pub(crate) msg_id: Option<&'a [u8]>,
    pub(crate) expected_stream: Option<&'a [u8]>,
    pub(crate) expected_last_seq: Option<u64>,
    pub(crate) expected_last_subject_seq: Option<u64>,
    pub(crate) expected_last_msg_id: Option<&'a [u8]>,
    pub(crate) rollup: Option<Rollup<'a>>,
    pub(crate) ttl: Option<&'a [u8]>,
    /// Why a header cannot be honoured.
    pub(crate) unsupported: Option<ApiError>,
}

/// Which earlier messages a message replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rollup<'a> {
    /// Those with its subject.
    Subject,
    All,
    Unknown(&'a [u8]),
}

// ---------------------------------------------------------------------------------------------------------

impl<'a> PublishHeaders<'a> {
    /// Reads a header block, which may be anything a client sends.
    pub(crate) fn parse(block: &'a [u8]) -> Self {
        let mut found = Self::default();
        for (name, value) in headers::each(block) {
            if name.starts_with(b"Nats-") && !value.is_empty() {
                found.note(name, value);
            }
        }
        found
    }

    /// The first header of a name counts.
    fn note(&mut self, name: &'a [u8], value: &'a [u8]) {
        let is = |constant: &str| name == constant.as_bytes();
        if is(names::MSG_ID) {
            self.msg_id.get_or_insert(value);
        } else if is(names::EXPECTED_STREAM) {
            self.expected_stream.get_or_insert(value);
        } else if is(names::EXPECTED_LAST_SEQ) {
            self.expected_last_seq.get_or_insert_with(|| number(value));
        } else if is(names::EXPECTED_LAST_SUBJECT_SEQ) {
            self.expected_last_subject_seq
                .get_or_insert_with(|| number(value));
        } else if is(names::EXPECTED_LAST_MSG_ID) {
            self.expected_last_msg_id.get_or_insert(value);
        } else if is(names::ROLLUP) {
            self.rollup.get_or_insert_with(|| Rollup::parse(value));
        } else if is(names::TTL) {
            self.ttl.get_or_insert(value);
        } else if let Some(error) = refusal(name) {
            self.unsupported.get_or_insert(error);
        }
    }

    /// When the message asks to go.
    pub(crate) fn expiry(&self, now: WallTime) -> Result<Expiry, ApiError> {
        let Some(text) = self.ttl else {
            return Ok(Expiry::Stream);
        };
        if text.eq_ignore_ascii_case(b"never") {
            return Ok(Expiry::Never);
        }
        match parse_ttl(text) {
            Some(0) => Ok(Expiry::Stream),
            Some(ttl) => Ok(Expiry::At(now.plus(ttl))),
            None => Err(ApiError::MESSAGE_TTL_INVALID),
        }
    }
}

impl<'a> Rollup<'a> {
    fn parse(value: &'a [u8]) -> Self {
        if value.eq_ignore_ascii_case(b"sub") {
            Self::Subject
        } else if value.eq_ignore_ascii_case(b"all") {
            Self::All
        } else {
            Self::Unknown(value)
        }
    }
}

/// What a publisher is told whose header asks for something that is not offered: what a server says where the stream
/// does not allow it.
fn refusal(name: &[u8]) -> Option<ApiError> {
    if names::UNSUPPORTED
        .iter()
        .any(|known| name == known.as_bytes())
    {
        return Some(ApiError::stream_store_failed(format!(
            "header {} is not supported by the embedded server",
            String::from_utf8_lossy(name)
        )));
    }
    let is_of = |prefix: &str| name.starts_with(prefix.as_bytes());
    if name == names::COUNTER.as_bytes() {
        Some(ApiError::MESSAGE_COUNTERS_DISABLED)
    } else if is_of(names::SCHEDULE_PREFIX) {
        Some(ApiError::MESSAGE_SCHEDULES_DISABLED)
    } else if is_of(names::BATCH_PREFIX) {
        Some(ApiError::ATOMIC_PUBLISH_DISABLED)
    } else {
        None
    }
}

/// A sequence; what is no number equals none.
fn number(text: &[u8]) -> u64 {
    str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(u64::MAX)
}

/// Whole seconds, or a duration such as `1h30m` of at least a second.
fn parse_ttl(text: &[u8]) -> Option<Nanos> {
    let text = str::from_utf8(text).ok()?;
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * SECOND);
    }
    let nanos = parse_duration(text)?;
    (nanos >= SECOND).then_some(nanos / SECOND * SECOND)
}

/// A duration as Go writes it: numbers with units, such as `1.5h`, `2m3s`, `100ms`.
pub(crate) fn parse_duration(text: &str) -> Option<Nanos> {
    let mut rest = text;
    let mut total = 0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += value
            * match &rest[..unit] {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    // A float turns into an integer by saturating, so no length overflows.
    Some(total as i64)
}
