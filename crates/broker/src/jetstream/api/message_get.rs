//! `STREAM.MSG.GET.{stream}`, and how a message is found.

use serde::{Deserialize, Serialize};

use super::{Answer, Json, Request, to_json};
use crate::jetstream::config::parse;
use crate::jetstream::stream::{Filters, Index, Scan};
use crate::jetstream::{ApiError, Engine};
use crate::storage::StreamId;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Which message is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    pub(super) seq: u64,
    pub(super) last_by_subj: String,
    pub(super) next_by_subj: String,
}

/// A message. Headers and body are base64.
#[derive(Serialize)]
struct MessageView {
    subject: String,
    seq: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    hdrs: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    data: String,
    time: String,
}

// ---------------------------------------------------------------------------------------------------------

impl Wanted {
    pub(super) fn parse(request: &Request<'_>) -> Result<Self, ApiError> {
        let known = ["seq", "last_by_subj", "next_by_subj"];
        parse(request.object()?, &known, |_| ApiError::BAD_REQUEST)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seq == 0 && self.last_by_subj.is_empty() && self.next_by_subj.is_empty()
    }

    /// Whether the request contradicts itself.
    pub(super) fn is_contradictory(&self) -> bool {
        !self.last_by_subj.is_empty() && (self.seq > 0 || !self.next_by_subj.is_empty())
    }

    /// The sequence of the wanted message.
    pub(super) fn find(&self, index: &Index) -> Option<u64> {
        if !self.next_by_subj.is_empty() {
            let filters = Filters::one(self.next_by_subj.as_bytes());
            return match index.next(self.seq, &filters, usize::MAX) {
                Scan::Found(entry) => Some(entry.seq),
                Scan::End | Scan::Unfinished { .. } => None,
            };
        }
        if !self.last_by_subj.is_empty() {
            return index.last_of(self.last_by_subj.as_bytes());
        }
        index.get(self.seq).map(|entry| entry.seq)
    }
}

pub(super) fn serve(engine: &Engine, name: &str, request: &Request<'_>) -> Answer {
    let id = engine.stream_id(name);
    let result = Wanted::parse(request).and_then(|wanted| {
        if wanted.is_empty() || wanted.is_contradictory() {
            return Err(ApiError::BAD_REQUEST);
        }
        get(engine, id.clone()?, &wanted).ok_or(ApiError::NO_MESSAGE_FOUND)
    });
    Answer::new("stream_msg_get_response", result).about(id.ok())
}

fn get(engine: &Engine, id: StreamId, wanted: &Wanted) -> Option<Json> {
    let index = engine.streams.get(&id)?.core.index();
    let entry = index.get(wanted.find(index)?)?;
    let payload = engine.body(id, &entry)?;
    let (header, body) = payload.split_at(entry.header_len as usize);
    let message = MessageView {
        subject: String::from_utf8_lossy(entry.subject).into_owned(),
        seq: entry.seq,
        hdrs: base64(header),
        data: base64(body),
        time: entry.time.render(),
    };
    Some(format!(r#"{{"message":{}}}"#, to_json(&message)))
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (at, byte)| {
            word | u32::from(*byte) << (16 - 8 * at)
        });
        for at in 0..4 {
            if at <= chunk.len() {
                text.push(char::from(BASE64[(word >> (18 - 6 * at)) as usize & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_to_whole_groups() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xFB, 0xFF]), "+/8=");
    }
}
