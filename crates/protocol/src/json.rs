//! Reading JSON that others wrote: size and depth are checked before a value is built.

use serde::Serialize;
use serde::de::{self, DeserializeOwned};

/// The largest message that is read, in bytes.
///
/// nats-server refuses messages above its `max_payload`, 1 MiB unless configured; this bound holds where an operator
/// raised it. Values kept as a JSON tree (manifests, data of unknown events) take at most some 32 times the text.
pub const PAYLOAD_BYTES_MAX: usize = 8 << 20;

/// How deep arrays and objects may be nested in a message.
///
/// The dialect needs ten; manifests and schemas in opaque parts may be deeper. serde_json refuses 128 and more.
pub const DEPTH_MAX: usize = 96;

/// The longest text of the parser in an error, in bytes.
const ERROR_BYTES_MAX: usize = 400;

/// Why bytes are not a message of the expected kind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message is longer than [`PAYLOAD_BYTES_MAX`].
    #[error("the message has {bytes} bytes, at most {PAYLOAD_BYTES_MAX} are read")]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Arrays and objects are nested deeper than [`DEPTH_MAX`].
    #[error("the message is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// The message is not JSON, or not of the expected shape.
    #[error("the message does not have the expected form")]
    Form(#[source] serde_json::Error),
}

/// Reads `bytes` as a `T`.
///
/// # Errors
///
/// [`DecodeError`] when the message is too large, nested too deep, or not a `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.len() > PAYLOAD_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len() });
    }
    if depth_exceeds(bytes, DEPTH_MAX) {
        return Err(DecodeError::TooDeep);
    }
    serde_json::from_slice(bytes).map_err(|error| DecodeError::Form(bounded(error)))
}

/// Reads `bytes` as a `T`, and empty bytes as the default: many requests have an optional body.
///
/// # Errors
///
/// See [`decode`].
pub fn decode_or_default<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.is_empty() {
        Ok(T::default())
    } else {
        decode(bytes)
    }
}

/// Writes `value` as JSON without white space.
///
/// # Panics
///
/// Never for the types of this crate: they have text keys and no serializer of theirs fails.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("the types of the dialect always serialize")
}

/// `error` with a text of bounded length: it repeats texts of the message, which may be all of it, and goes into answers,
/// events and logs.
fn bounded(error: serde_json::Error) -> serde_json::Error {
    let text = error.to_string();
    if text.len() <= ERROR_BYTES_MAX {
        return error;
    }
    let shown = &text[..text.floor_char_boundary(ERROR_BYTES_MAX)];
    de::Error::custom(format_args!(
        "{shown}… at line {} column {}",
        error.line(),
        error.column()
    ))
}

/// Whether brackets outside of strings are nested deeper than `max`. Takes time linear in the text and no memory, and
/// needs no valid JSON.
fn depth_exceeds(bytes: &[u8], max: usize) -> bool {
    let mut depth = 0_usize;
    let mut is_in_string = false;
    let mut is_escaped = false;
    for &byte in bytes {
        if is_in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => is_in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<serde_json::Value, DecodeError> {
        decode(text.as_bytes())
    }

    #[test]
    fn deep_nesting_is_refused_before_a_tree_is_built() {
        let mebibyte = 1 << 20;
        assert!(matches!(
            check(&"[".repeat(mebibyte)),
            Err(DecodeError::TooDeep)
        ));
        assert!(matches!(
            check(&r#"{"a":"#.repeat(mebibyte / 5)),
            Err(DecodeError::TooDeep)
        ));
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(&nested(DEPTH_MAX)).is_ok());
        assert!(matches!(
            check(&nested(DEPTH_MAX + 1)),
            Err(DecodeError::TooDeep)
        ));
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = format!(r#""{}\"{}\\""#, "[".repeat(500), "{".repeat(500));
        assert!(check(&text).is_ok());
    }

    #[test]
    fn a_message_above_the_bound_is_refused() {
        let text = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX));
        assert!(
            matches!(check(&text), Err(DecodeError::TooLarge { bytes }) if bytes == text.len())
        );
    }

    #[test]
    fn errors_do_not_repeat_the_whole_message() {
        let text = format!("\"{}\"", "é".repeat(1 << 19));
        let Err(DecodeError::Form(error)) = decode::<u64>(text.as_bytes()) else {
            panic!("a text is no number");
        };
        assert!(error.to_string().len() < ERROR_BYTES_MAX + 60, "{error}");
        assert!(error.to_string().contains("at line 1 column "), "{error}");
    }

    #[test]
    fn broken_text_is_a_typed_error() {
        for text in ["", "{", "nul", "{\"a\":}", "\u{0}"] {
            assert!(matches!(check(text), Err(DecodeError::Form(_))), "{text:?}");
        }
    }
}
