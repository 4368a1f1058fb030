//! One limit of a component as text, in the words of the trait `weft.limits`.

use std::time::Duration;

use weft_model::limits::LimitOverrides;

use crate::keys;
use crate::quantity::{parse_bytes, parse_duration};

/// Why a text is no limit.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// Not of the form `KEY=VALUE`.
    #[error("write `KEY=VALUE`, such as `memory=64MiB`")]
    Pair,
    /// There is no such limit.
    #[error("there is no limit `{key}`; there are {}", keys::LIMITS.join(", "))]
    Key {
        /// The key.
        key: String,
    },
    /// The value is not one of this limit.
    #[error("`{value}` is not {wanted}")]
    Value {
        /// The value.
        value: String,
        /// What it has to be.
        wanted: &'static str,
    },
}

/// Reads one limit, such as `memory=64MiB`, into `limits`.
///
/// # Errors
///
/// [`LimitError`]; then nothing has changed.
pub fn read_limit(text: &str, limits: &mut LimitOverrides) -> Result<(), LimitError> {
    let (key, value) = text.split_once('=').ok_or(LimitError::Pair)?;
    let (key, value) = (key.trim(), value.trim());
    let error = |wanted| LimitError::Value {
        value: value.to_owned(),
        wanted,
    };
    let bytes = || {
        let bytes = value.parse().ok().or_else(|| parse_bytes(value));
        let error = error("a size above nothing, such as `64MiB`");
        bytes.filter(|&bytes: &u64| bytes > 0).ok_or(error)
    };
    let duration = |min: Duration| {
        let duration = parse_duration(value).filter(|&duration| duration >= min);
        duration.ok_or_else(|| error("a duration, such as `30s` or `500ms`"))
    };
    let number = |min: u32| {
        let number = value.parse().ok().filter(|&number: &u32| number >= min);
        number.ok_or_else(|| error("a number that lets something run"))
    };
    let least = Duration::from_millis(1);
    match key {
        "memory" => limits.memory_bytes_max = Some(bytes()?),
        "response-body" => limits.response_body_bytes_max = Some(bytes()?),
        "table-elements" => limits.table_elements_max = Some(number(1)?.into()),
        "call-depth" => limits.call_depth_max = Some(number(1)?),
        "queue-length" => limits.queue_length_max = Some(number(0)?),
        "call-duration" => limits.call_duration_max = Some(duration(least)?),
        "call-cpu" => limits.call_cpu_max = Some(duration(least)?),
        "queue-duration" => limits.queue_duration_max = Some(duration(Duration::ZERO)?),
        _ => {
            return Err(LimitError::Key {
                key: key.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_of_the_trait_can_be_written() {
        let mut limits = LimitOverrides::default();
        for text in [
            "memory=64MiB",
            "table-elements=10",
            "call-duration=1m30s",
            "call-cpu=500ms",
            "response-body=1024",
            "call-depth=4",
            "queue-length=0",
            "queue-duration=0s",
        ] {
            read_limit(text, &mut limits).unwrap();
        }
        assert_eq!(limits.memory_bytes_max, Some(64 << 20));
        assert_eq!(limits.response_body_bytes_max, Some(1024));
        assert_eq!(limits.call_duration_max, Some(Duration::from_secs(90)));
        assert_eq!(limits.queue_length_max, Some(0));
        assert_eq!(keys::LIMITS.len(), 8);
    }

    #[test]
    fn what_is_no_limit_changes_nothing() {
        let check = |text: &str, expected: &str| {
            let mut limits = LimitOverrides::default();
            let error = read_limit(text, &mut limits).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(limits, LimitOverrides::default());
        };
        check("memory", "write `KEY=VALUE`");
        check("momory=1", "there is no limit `momory`; there are memory, ");
        check("memory=0", "`0` is not a size above nothing");
        check("memory=lots", "`lots` is not a size");
        check("call-duration=0s", "is not a duration");
        check("call-depth=0", "a number that lets something run");
    }
}
