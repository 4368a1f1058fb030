//! A message as a stream keeps it.

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

/// Headers by which a writer made conditions. They cannot hold a second time.
const CONDITION_PREFIX: &str = "nats-expected-";
/// The header by which servers know a message that they have already.
const ID_HEADER: &str = "Nats-Msg-Id";

/// A message of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Record {
    pub(super) sequence: u64,
    pub(super) subject: String,
    /// Without those that were conditions, ordered by name, then as they came.
    pub(super) headers: Vec<(String, String)>,
    pub(super) payload: Bytes,
}

// ===== impl Record =====

impl Record {
    /// Reads `headers` as they are on the wire: a version line, then `Name: value` lines. What is no header line is left out.
    pub(super) fn parse_headers(headers: &[u8]) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(headers);
        let mut parsed: Vec<(String, String)> = text
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| !name.to_ascii_lowercase().starts_with(CONDITION_PREFIX))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        // The order among names is not kept by clients; that of the values of one name is.
        parsed.sort_by(|a, b| a.0.cmp(&b.0));
        parsed
    }

    /// The headers for the NATS client; `None` when there are none.
    pub(super) fn header_map(&self) -> Option<HeaderMap> {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
            {
                map.append(name, value);
            }
        }
        (!map.is_empty()).then_some(map)
    }

    /// The id by which a server takes it for a duplicate of another.
    pub(super) fn message_id(&self) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(ID_HEADER));
        found.map(|(_, value)| value.as_str())
    }

    /// What it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        self.subject.len() + headers + self.payload.len()
    }

    /// Whether it holds the same as `other`, at whatever place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.subject == other.subject
            && self.headers == other.headers
            && self.payload == other.payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_left_out_of_headers_and_order_does_not_matter() {
        let headers = Record::parse_headers(
            b"NATS/1.0\r\nb: 2\r\nNats-Expected-Last-Sequence: 4\r\na:1\r\nb: 3\r\n\r\n",
        );
        let expected = [("a", "1"), ("b", "2"), ("b", "3")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers, expected);
    }
}
