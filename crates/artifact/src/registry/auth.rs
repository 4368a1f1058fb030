//! What registries ask for before they answer.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use serde::Deserialize;

use super::credentials::Secret;

/// How long a token is valid when its maker does not say.
const TOKEN_VALIDITY: Duration = Duration::from_secs(60);
/// Tokens are given up this much before they end.
const TOKEN_MARGIN: Duration = Duration::from_secs(10);
const TOKEN_VALIDITY_MAX: Duration = Duration::from_secs(3600);

/// How a registry asks for credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// A token of a token service.
#[derive(Clone)]
pub(super) struct Granted {
    pub(super) token: Secret,
    pub(super) valid_until: Instant,
}

#[derive(Deserialize)]
struct Grant {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

// ===== impl Challenge =====

impl Challenge {
    /// The first challenge among the headers that is understood, a bearer's before others.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let all: Vec<Self> = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| Self::parse(value.to_str().ok()?))
            .collect();
        all.iter()
            .find(|challenge| matches!(challenge, Self::Bearer { .. }))
            .or_else(|| all.first())
            .cloned()
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (key, value) in parameters(rest) {
            match key.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer {
            realm: realm?,
            service,
            scope,
        })
    }
}

/// `key="value"` pairs with commas between; commas and escapes may stand in quotes.
fn parameters(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let mut value = String::new();
        let end = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut is_escaped = false;
                let mut end = after.len();
                for (index, character) in quoted.char_indices() {
                    match character {
                        '\\' if !is_escaped => {
                            is_escaped = true;
                            continue;
                        }
                        '"' if !is_escaped => {
                            end = index + 2;
                            break;
                        }
                        _ => value.push(character),
                    }
                    is_escaped = false;
                }
                end
            }
            None => {
                let end = after.find(',').unwrap_or(after.len());
                value.push_str(after[..end].trim());
                end
            }
        };
        found.push((key.trim(), value));
        rest = after[end..].trim_start_matches([',', ' ']);
    }
    found
}

// ===== impl Granted =====

impl Granted {
    /// Reads the answer of a token service.
    pub(super) fn parse(json: &[u8], now: Instant) -> Option<Self> {
        let grant: Grant = serde_json::from_slice(json).ok()?;
        let token = grant
            .token
            .or(grant.access_token)
            .filter(|token| !token.is_empty())?;
        let validity = grant
            .expires_in
            .map_or(TOKEN_VALIDITY, Duration::from_secs)
            .min(TOKEN_VALIDITY_MAX);
        Some(Self {
            token: Secret::new(token),
            valid_until: now + validity.saturating_sub(TOKEN_MARGIN),
        })
    }
}

/// The value of the header that sends a user and a password.
pub(super) fn basic(username: &str, password: &Secret) -> String {
    let pair = format!("{username}:{}", password.expose());
    format!("Basic {}", STANDARD.encode(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_understood() {
        assert_eq!(
            Challenge::parse("Basic realm=\"x\""),
            Some(Challenge::Basic)
        );
        assert_eq!(Challenge::parse("basic"), Some(Challenge::Basic));
        assert_eq!(
            Challenge::parse(
                r#"Bearer realm="https://a.io/token", service="a,\"b\"",scope="repository:x:pull,push", error=none"#
            ),
            Some(Challenge::Bearer {
                realm: "https://a.io/token".to_owned(),
                service: Some("a,\"b\"".to_owned()),
                scope: Some("repository:x:pull,push".to_owned()),
            })
        );
        for other in [
            "",
            "Negotiate",
            "Bearer",
            "Bearer realm",
            "Bearer service=\"x",
        ] {
            assert_eq!(Challenge::parse(other), None, "{other:?}");
        }
    }
}
