//! From the configs of a provider and its links to where a component is served (spec §12.1).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use weft_model::problem::Coded;

use super::routing::PathRule;

/// Keys of 1.9's server that this one does not act on. Serving without them would be another service than the one that
/// was asked for, so they are refused.
const UNSUPPORTED_KEYS: [&str; 10] = [
    "config_b64",
    "config_json",
    "cors_allowed_origins",
    "cors_allowed_headers",
    "cors_allowed_methods",
    "cors_exposed_headers",
    "cors_max_age_secs",
    "tls_cert_file",
    "tls_priv_key_file",
    "header",
];

/// Where and how one link is served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binding {
    /// The address; `None` for the shared one.
    pub address: Option<SocketAddr>,
    /// The host that requests have to name; `None` for any.
    pub host: Option<String>,
    /// The paths that are served.
    pub path: PathRule,
    /// Whether only `GET` and `HEAD` are served.
    pub is_readonly: bool,
    /// Value of a `cache-control` header on answers that have none.
    pub cache_control: Option<String>,
    /// Time for the head of the answer.
    pub head_timeout: Option<Duration>,
}

/// Why a config cannot be served.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A key has a value that it cannot have.
    #[error("config key `{key}` is `{value}`, but has to be {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A key that this server cannot honour.
    #[error("config key `{key}` is not supported by the built-in HTTP server")]
    Unsupported {
        /// The key.
        key: String,
    },
    /// The routing mode needs a key that is not there.
    #[error("routing mode `{mode}` needs the config key `{key}` on the link")]
    Missing {
        /// The mode.
        mode: String,
        /// The key.
        key: &'static str,
    },
}

/// Reads the merged config of a provider and the merged source config of one of its links. Keys are read without regard
/// to case, as 1.9 does; keys that nobody knows are ignored, as configs may be shared with others.
///
/// # Errors
///
/// [`SettingsError`], naming the key.
pub fn parse_binding(
    provider: &BTreeMap<String, String>,
    link: &BTreeMap<String, String>,
) -> Result<Binding, SettingsError> {
    if let Some(key) = provider.keys().chain(link.keys()).find(|key| {
        UNSUPPORTED_KEYS
            .iter()
            .any(|name| key.eq_ignore_ascii_case(name))
    }) {
        return Err(SettingsError::Unsupported { key: key.clone() });
    }
    let mode = find(provider, "routing_mode").unwrap_or("address");
    // In the modes by path and host all links share what the provider's own config says.
    let (address_key, settings) = match mode {
        "address" => ("address", link),
        "path" | "host" => ("default_address", provider),
        _ => {
            return Err(SettingsError::Value {
                key: "routing_mode",
                value: mode.to_owned(),
                expected: "`address`, `path` or `host`",
            });
        }
    };
    let address = find(settings, address_key)
        .or_else(|| find(provider, "default_address"))
        .map(parse_address)
        .transpose()?;
    let path = find(link, "path").map(PathRule::parse).transpose()?;
    let host = find(link, "host").map(parse_host).transpose()?;
    let missing = |key| SettingsError::Missing {
        mode: mode.to_owned(),
        key,
    };
    match mode {
        "path" if path.is_none() => return Err(missing("path")),
        "host" if host.is_none() => return Err(missing("host")),
        _ => {}
    }
    Ok(Binding {
        address,
        host,
        path: path.unwrap_or(PathRule::Any),
        is_readonly: find(settings, "readonly_mode")
            .map(parse_flag)
            .transpose()?
            .unwrap_or(false),
        cache_control: find(settings, "cache_control")
            .map(parse_header)
            .transpose()?,
        head_timeout: find(settings, "timeout_ms").map(parse_millis).transpose()?,
    })
}

fn find<'a>(config: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    config
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, value)| value.as_str())
}

fn parse_address(text: &str) -> Result<SocketAddr, SettingsError> {
    text.parse().map_err(|_| SettingsError::Value {
        key: "address",
        value: text.to_owned(),
        expected: "an IP address and a port, such as `127.0.0.1:8080`",
    })
}

fn parse_host(text: &str) -> Result<String, SettingsError> {
    let authority: Result<http::uri::Authority, _> = text.parse();
    match authority {
        Ok(authority) => Ok(authority.host().to_ascii_lowercase()),
        Err(_) => Err(SettingsError::Value {
            key: "host",
            value: text.to_owned(),
            expected: "the name of a host",
        }),
    }
}

fn parse_flag(text: &str) -> Result<bool, SettingsError> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SettingsError::Value {
            key: "readonly_mode",
            value: text.to_owned(),
            expected: "`true` or `false`",
        }),
    }
}

fn parse_header(text: &str) -> Result<String, SettingsError> {
    match http::HeaderValue::from_str(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(SettingsError::Value {
            key: "cache_control",
            value: text.to_owned(),
            expected: "the value of a header",
        }),
    }
}

fn parse_millis(text: &str) -> Result<Duration, SettingsError> {
    match text.parse() {
        Ok(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err(SettingsError::Value {
            key: "timeout_ms",
            value: text.to_owned(),
            expected: "a number of milliseconds above zero",
        }),
    }
}

// ===== impl PathRule =====

impl PathRule {
    /// Reads `/exact`, or `/prefix/*` for everything below a path.
    pub(super) fn parse(text: &str) -> Result<Self, SettingsError> {
        let is_path = text.starts_with('/')
            && !text.contains(['?', '#'])
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        match text.strip_suffix("/*") {
            _ if !is_path => Err(SettingsError::Value {
                key: "path",
                value: text.to_owned(),
                expected: "a path such as `/shop`, or `/shop/*` for all below it",
            }),
            Some("") => Ok(Self::Any),
            Some(prefix) => Ok(Self::Below(prefix.to_owned())),
            None => Ok(Self::Exact(text.to_owned())),
        }
    }
}

impl Coded for SettingsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Value { .. } => "HTP003",
            Self::Unsupported { .. } => "HTP004",
            Self::Missing { .. } => "HTP005",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Value { key, .. } | Self::Missing { key, .. } => (*key).to_owned(),
            Self::Unsupported { key } => key.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unsupported { key } => vec![format!(
                "remove `{key}`, or put a proxy that does it in front"
            )],
            Self::Value { .. } | Self::Missing { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_link_may_name_its_address() {
        let binding = parse_binding(&config(&[]), &config(&[("Address", "0.0.0.0:80")])).unwrap();
        assert_eq!(binding.address, Some(([0, 0, 0, 0], 80).into()));
        assert_eq!((binding.host, binding.path), (None, PathRule::Any));
        assert_eq!(
            parse_binding(&config(&[]), &config(&[])).unwrap().address,
            None
        );
    }

    #[test]
    fn modes_by_path_and_host_take_the_address_of_the_provider() {
        let provider = config(&[
            ("routing_mode", "path"),
            ("default_address", "127.0.0.1:81"),
        ]);
        let binding = parse_binding(
            &provider,
            &config(&[("path", "/a/*"), ("address", "127.0.0.1:82")]),
        )
        .unwrap();
        assert_eq!(binding.address.unwrap().port(), 81);
        assert_eq!(binding.path, PathRule::Below("/a".into()));
        assert!(matches!(
            parse_binding(&provider, &config(&[])),
            Err(SettingsError::Missing { key: "path", .. })
        ));
        let provider = config(&[("routing_mode", "host")]);
        let binding = parse_binding(&provider, &config(&[("host", "Example.ORG:8080")])).unwrap();
        assert_eq!(binding.host.as_deref(), Some("example.org"));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name() {
        for (key, value) in [
            ("address", "localhost:80"),
            ("path", "shop"),
            ("host", "a b"),
            ("timeout_ms", "0"),
            ("readonly_mode", "yes"),
        ] {
            let error = parse_binding(&config(&[]), &config(&[(key, value)])).unwrap_err();
            assert_eq!(error.subject(), key);
        }
        assert!(matches!(
            parse_binding(&config(&[]), &config(&[("tls_cert_file", "/x")])),
            Err(SettingsError::Unsupported { .. })
        ));
    }
}
