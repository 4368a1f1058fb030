//! Requests to JetStream, and the refusals among its answers.

use bytes::Bytes;
use serde::Deserialize;

use crate::lattice::Lattice;
use crate::message::Headers;
use crate::request::RequestError;

/// Numbers of the errors by which JetStream says that it is not there for an account, or not at all.
const NOT_ENABLED: [u64; 2] = [10_039, 10_076];

/// Why JetStream did not do what it was asked.
#[derive(Debug)]
pub(crate) enum AskError {
    /// Nobody serves the subject.
    NoResponders,
    /// The request was not answered.
    Request(RequestError),
    /// JetStream refuses.
    Refused { code: u64, description: String },
    /// The answer is no JSON.
    Answer(serde_json::Error),
}

/// An answer that may be a refusal.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// Sends a message to JetStream or to one of its streams; the body of the answer.
pub(crate) async fn ask(
    lattice: &Lattice,
    subject: &str,
    headers: &Headers,
    body: Bytes,
) -> Result<Bytes, AskError> {
    let answered = lattice.request(subject, headers, body).await;
    let payload = match answered {
        Ok(message) => message.payload,
        Err(RequestError::NoResponders { .. }) => return Err(AskError::NoResponders),
        Err(error) => return Err(AskError::Request(error)),
    };
    match parse_refusal(&payload).map_err(AskError::Answer)? {
        None => Ok(payload),
        Some((code, description)) => Err(AskError::Refused { code, description }),
    }
}

/// The number and text of the error that an answer is, if it is one.
pub(crate) fn parse_refusal(payload: &[u8]) -> Result<Option<(u64, String)>, serde_json::Error> {
    let answer: Answer = serde_json::from_slice(payload)?;
    Ok(answer
        .error
        .map(|refusal| (refusal.err_code, refusal.description)))
}

/// Whether an error says that there is no JetStream.
pub(crate) fn is_not_enabled(code: u64) -> bool {
    NOT_ENABLED.contains(&code)
}
