//! Reading JSON so that nothing a client asks for is ignored.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::jetstream::ApiError;

/// Reads the JSON object of a request. An absent one and `null` count as empty.
pub(crate) fn parse_object(json: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if json.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    let object: Option<Map<String, Value>> =
        serde_json::from_slice(json).map_err(|_| ApiError::INVALID_JSON)?;
    Ok(object.unwrap_or_default())
}

/// Turns an object into `T`, whose fields are `known`.
///
/// Fields that are null count as absent. Other fields are refused with `refuse`, unless they have the value
/// that means "not used": clients send those for options of later servers.
pub(crate) fn parse<T: DeserializeOwned>(
    object: Map<String, Value>,
    known: &[&str],
    mut refuse: impl FnMut(&str) -> ApiError,
) -> Result<T, ApiError> {
    let mut kept = Map::new();
    for (key, value) in object {
        if known.contains(&key.as_str()) {
            if !value.is_null() {
                kept.insert(key, value);
            }
        } else if !is_unused(&value) {
            return Err(refuse(&key));
        }
    }
    serde_json::from_value(Value::Object(kept)).map_err(|_| ApiError::INVALID_JSON)
}

fn is_unused(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.values().all(is_unused),
    }
}
