//! Messages as they arrive.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

/// Headers of a message: name to value. Of a name that is there several times, the last value counts.
pub type Headers = BTreeMap<String, String>;

/// A message that arrived.
#[derive(Clone)]
pub struct Message {
    /// The subject it was sent to.
    pub subject: String,
    /// The subject to answer on; `None` when no answer is wanted.
    pub reply: Option<String>,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub payload: Bytes,
}

// ===== impl Message =====

impl fmt::Debug for Message {
    /// Prints the size of the body alone: bodies hold configs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("subject", &self.subject)
            .field("reply", &self.reply)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

impl From<async_nats::Message> for Message {
    fn from(message: async_nats::Message) -> Self {
        Self {
            subject: message.subject.into_string(),
            reply: message.reply.map(async_nats::Subject::into_string),
            headers: message
                .headers
                .as_ref()
                .map(read_headers)
                .unwrap_or_default(),
            payload: message.payload,
        }
    }
}

fn read_headers(headers: &async_nats::HeaderMap) -> Headers {
    headers
        .iter()
        .filter_map(|(name, values)| Some((name.to_string(), values.last()?.to_string())))
        .collect()
}

/// `headers` for the NATS client; `None` when there are none, or when a name or value cannot stand in a header, which
/// leaves it out.
pub(crate) fn write_headers(headers: &Headers) -> Option<async_nats::HeaderMap> {
    let mut map = async_nats::HeaderMap::new();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (
            name.parse::<async_nats::HeaderName>(),
            value.parse::<async_nats::HeaderValue>(),
        ) {
            map.insert(name, value);
        }
    }
    (!map.is_empty()).then_some(map)
}
