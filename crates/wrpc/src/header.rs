//! Headers: those of 1.9 (spec §4.6) and those that ends of Weft add (`docs/design/wrpc.md`).

use std::fmt::Write as _;
use std::time::Duration;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use crate::failure::{Failure, FailureCode, MESSAGE_BYTES_MAX};

const SOURCE_ID: HeaderName = HeaderName::from_static("source-id");
const TARGET_ID: HeaderName = HeaderName::from_static("target-id");
const LINK_NAME: HeaderName = HeaderName::from_static("link-name");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
/// On a request: the caller is of Weft, and what it says.
const CALL: HeaderName = HeaderName::from_static("weft-c");
/// On an accept: the callee is of Weft, and what it says.
const ACCEPT: HeaderName = HeaderName::from_static("weft-a");
/// On a failure: its code; the payload is the message.
const ERROR: HeaderName = HeaderName::from_static("weft-e");
/// At the end of a path: how many messages it had.
const COUNT: HeaderName = HeaderName::from_static("weft-n");

/// Who calls, and on whose behalf: what crosses the wire beside the parameters.
///
/// Nothing of it is authenticated. Values that cannot stand in a header are left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Context {
    /// The id of the calling component or provider.
    pub source_id: Option<String>,
    /// The id of the component that is called, which provider processes of 1.9 give.
    pub target_id: Option<String>,
    /// The name of the link that is used.
    pub link_name: Option<String>,
    /// The W3C trace context: `traceparent`.
    pub trace_parent: Option<String>,
    /// The W3C trace context: `tracestate`.
    pub trace_state: Option<String>,
    /// How many calls this one is within; zero for one that no call made.
    pub depth: u32,
}

/// What a caller of Weft says in its request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct CallHeader {
    /// Whether the parameters are complete, but for streams and futures.
    pub(crate) is_complete: bool,
    /// How much time is left.
    pub(crate) remaining: Option<Duration>,
    pub(crate) depth: u32,
    /// How much may be sent on each path of the results to begin with.
    pub(crate) window: Option<u64>,
}

/// What a callee of Weft says when it accepts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct AcceptHeader {
    /// Whether the payload is all of the results, but for streams and futures.
    pub(crate) is_complete: bool,
    /// How much may be sent on each path of the parameters to begin with.
    pub(crate) window: Option<u64>,
}

/// Looks through the items of a header of ours, such as `e;d=950`.
fn items(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value
        .split(';')
        .map(|item| item.split_once('=').unwrap_or((item, "")))
}

// ===== impl Context =====

impl Context {
    /// Adds the headers of 1.9.
    pub(crate) fn render(&self, headers: &mut HeaderMap) {
        let fields = [
            (SOURCE_ID, &self.source_id),
            (TARGET_ID, &self.target_id),
            (LINK_NAME, &self.link_name),
            (TRACE_PARENT, &self.trace_parent),
            (TRACE_STATE, &self.trace_state),
        ];
        for (name, value) in fields {
            // A value with a line break would make headers of its own.
            if let Some(value) = value
                && let Ok(value) = value.parse::<HeaderValue>()
            {
                headers.insert(name, value);
            }
        }
    }

    /// Reads the headers of 1.9.
    pub(crate) fn parse(headers: Option<&HeaderMap>, depth: u32) -> Self {
        let get = |name: HeaderName| {
            let value = headers?.get(name)?;
            Some(value.as_str().to_owned())
        };
        Self {
            source_id: get(SOURCE_ID),
            target_id: get(TARGET_ID),
            link_name: get(LINK_NAME),
            trace_parent: get(TRACE_PARENT),
            trace_state: get(TRACE_STATE),
            depth,
        }
    }
}

// ===== impl CallHeader =====

impl CallHeader {
    /// At least what [`Self::render`] adds to the size of headers.
    pub(crate) const WIRE_BYTES_MAX: usize = 128;

    pub(crate) fn render(&self, headers: &mut HeaderMap) {
        let mut value = String::with_capacity(32);
        value.push(if self.is_complete { 'e' } else { 'p' });
        if let Some(remaining) = self.remaining {
            let millis = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
            push_item(&mut value, 'd', millis);
        }
        if self.depth > 0 {
            push_item(&mut value, 'n', self.depth.into());
        }
        if let Some(window) = self.window {
            push_item(&mut value, 'w', window);
        }
        headers.insert(CALL, value);
    }

    /// `None` when the caller is not of Weft.
    pub(crate) fn parse(headers: Option<&HeaderMap>) -> Option<Self> {
        let value = headers?.get(CALL)?;
        let mut header = Self::default();
        for (name, value) in items(value.as_str()) {
            match name {
                "e" => header.is_complete = true,
                "d" => header.remaining = value.parse().ok().map(Duration::from_millis),
                "n" => header.depth = value.parse().unwrap_or(u32::MAX),
                "w" => header.window = value.parse().ok(),
                // Of a later version.
                _ => {}
            }
        }
        Some(header)
    }
}

// ===== impl AcceptHeader =====

impl AcceptHeader {
    /// At least what the headers take.
    pub(crate) const WIRE_BYTES_MAX: usize = 64;

    pub(crate) fn render(&self) -> HeaderMap {
        let mut value = String::with_capacity(16);
        value.push(if self.is_complete { 'e' } else { 'p' });
        if let Some(window) = self.window {
            push_item(&mut value, 'w', window);
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value);
        headers
    }

    /// `None` when the callee is not of Weft.
    pub(crate) fn parse(headers: Option<&HeaderMap>) -> Option<Self> {
        let value = headers?.get(ACCEPT)?;
        let mut header = Self::default();
        for (name, value) in items(value.as_str()) {
            match name {
                "e" => header.is_complete = true,
                "w" => header.window = value.parse().ok(),
                _ => {}
            }
        }
        Some(header)
    }
}

fn push_item(value: &mut String, name: char, number: u64) {
    write!(value, ";{name}={number}").expect("writing to a string cannot fail");
}

/// The headers and payload that tell a failure.
pub(crate) fn render_failure(failure: &Failure) -> (HeaderMap, Bytes) {
    let mut value = failure.code.as_str().to_owned();
    if failure.is_retriable {
        value.push_str(";r");
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = value.parse::<HeaderValue>() {
        headers.insert(ERROR, value);
    }
    (headers, Bytes::from(failure.message.clone()))
}

/// The failure that a message tells, if it tells one.
pub(crate) fn parse_failure(headers: Option<&HeaderMap>, payload: &[u8]) -> Option<Failure> {
    let value = headers?.get(ERROR)?;
    let mut items = items(value.as_str());
    let (code, _) = items.next().unwrap_or_default();
    let payload = &payload[..payload.len().min(MESSAGE_BYTES_MAX)];
    Some(Failure {
        code: FailureCode::parse(code),
        message: String::from_utf8_lossy(payload).into_owned(),
        is_retriable: items.any(|(name, _)| name == "r"),
    })
}

/// The headers of the end of a path that had `messages`.
pub(crate) fn render_count(messages: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(COUNT, HeaderValue::from(messages));
    headers
}

/// How many messages a path had, if its end says so.
pub(crate) fn parse_count(headers: Option<&HeaderMap>) -> Option<u64> {
    headers?.get(COUNT)?.as_str().parse().ok()
}

/// The size of headers on the wire.
pub(crate) fn wire_length(headers: &HeaderMap) -> usize {
    let lines = headers.iter().flat_map(|(name, values)| {
        let name = AsRef::<str>::as_ref(name).len();
        values
            .iter()
            .map(move |value| name + value.as_str().len() + 4)
    });
    "NATS/1.0\r\n\r\n".len() + lines.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_of_weft_say_survives_the_wire() {
        let call = CallHeader {
            is_complete: true,
            remaining: Some(Duration::from_millis(950)),
            depth: 3,
            window: Some(65_536),
        };
        let mut headers = HeaderMap::new();
        call.render(&mut headers);
        assert_eq!(headers.get(CALL).unwrap().as_str(), "e;d=950;n=3;w=65536");
        assert_eq!(CallHeader::parse(Some(&headers)), Some(call));
        assert_eq!(CallHeader::parse(None), None);

        let failure = Failure::new(FailureCode::Overloaded, "16 calls run");
        let (headers, payload) = render_failure(&failure);
        assert_eq!(parse_failure(Some(&headers), &payload), Some(failure));
    }

    #[test]
    fn a_value_with_a_line_break_makes_no_header() {
        let context = Context {
            source_id: Some("a\r\nlink-name: b".to_owned()),
            ..Context::default()
        };
        let mut headers = HeaderMap::new();
        context.render(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn items_of_later_versions_are_passed_over() {
        let mut headers = HeaderMap::new();
        headers.insert(CALL, "z=9;e;d=x;n=-1");
        let call = CallHeader::parse(Some(&headers)).unwrap();
        assert!(call.is_complete && call.remaining.is_none());
        assert_eq!(call.depth, u32::MAX);
    }
}
