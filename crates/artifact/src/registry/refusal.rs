//! What registries say when they refuse.

use serde::Deserialize;

/// What of it stands in messages.
pub(super) const MESSAGE_CHARS_MAX: usize = 200;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failures {
    errors: Vec<Failure>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    code: String,
    message: String,
}

/// What an answer says went wrong: the first of the protocol's errors, or the text itself.
pub(super) fn message(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Failures>(body) {
        Ok(Failures { errors }) => errors
            .into_iter()
            .next()
            .map(|Failure { code, message }| format!("{code} {message}"))
            .unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MESSAGE_CHARS_MAX)
        .collect();
    text.trim().to_owned()
}
