//! What stands after the question mark.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Parameters that are read of one request.
const PARAMETERS_MAX: usize = 32;

/// The parameters of a request. Of one that is there several times, the first counts.
pub(super) struct Query<'a>(BTreeMap<&'a str, &'a str>);

/// Why the parameters of a request make no sense.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` does not take `{value}`")]
pub(super) struct QueryError {
    name: String,
    value: String,
}

// ===== impl Query =====

impl<'a> Query<'a> {
    /// Reads `name=value` pairs with `&` between. None of the known values needs an escape.
    pub(super) fn parse(text: &'a str) -> Result<Self, QueryError> {
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == PARAMETERS_MAX {
                return Err(QueryError::new("?", "so many parameters"));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.entry(name).or_insert(value);
        }
        Ok(Self(parameters))
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied().filter(|value| !value.is_empty())
    }

    /// A switch: `1`, `true` or `0`, `false`. Off when it is missing.
    pub(super) fn flag(&self, name: &str) -> Result<bool, QueryError> {
        match self.text(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(value) => Err(QueryError::new(name, value)),
        }
    }

    pub(super) fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, QueryError> {
        self.text(name).map_or(Ok(default), |value| {
            value.parse().map_err(|_| QueryError::new(name, value))
        })
    }
}

// ===== impl QueryError =====

impl QueryError {
    pub(super) fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.chars().take(64).collect(),
        }
    }
}
