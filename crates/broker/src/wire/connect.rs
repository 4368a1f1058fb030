//! What a client says of itself in `CONNECT`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::auth::Hidden;

/// Highest client protocol that is understood: 1 means the client takes further `INFO` lines.
const PROTOCOL_MAX: i64 = 1;

/// The switches of one connection. The defaults hold until the client sends `CONNECT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switches {
    /// Acknowledge each operation with `+OK`.
    pub(crate) verbose: bool,
    /// Check subjects of publishes.
    pub(crate) pedantic: bool,
    /// Deliver the client's own messages to it.
    pub(crate) echo: bool,
    pub(crate) headers: bool,
    /// Answer a request that nobody receives with status 503.
    pub(crate) no_responders: bool,
    /// The client takes `INFO` lines after the first.
    pub(crate) dynamic_info: bool,
}

/// Why a `CONNECT` ends the connection.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("CONNECT is not valid JSON")]
    Json,
    #[error("invalid client protocol")]
    Protocol,
    #[error("no responders requires headers support")]
    NoRespondersWithoutHeaders,
}

/// What a client presents to prove who it is. Empty texts count as missing.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Hidden>,
    pub(crate) token: Option<Hidden>,
    /// The public key of an nkey.
    pub(crate) nkey: Option<String>,
    pub(crate) jwt: Option<String>,
    /// Of the nonce.
    pub(crate) signature: Option<String>,
}

/// The fields that say who the client is. No `Debug`: it would show them.
#[derive(Deserialize)]
struct ClaimFields {
    user: Option<String>,
    pass: Option<String>,
    auth_token: Option<String>,
    nkey: Option<String>,
    jwt: Option<String>,
    sig: Option<String>,
}

/// What a client says of itself for those who watch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SelfDescription {
    pub(crate) name: Option<String>,
    pub(crate) lang: Option<String>,
    pub(crate) version: Option<String>,
}

/// The other fields that matter here; a client may send many more.
#[derive(Debug, Deserialize)]
struct Fields {
    verbose: Option<bool>,
    pedantic: Option<bool>,
    echo: Option<bool>,
    headers: Option<bool>,
    no_responders: Option<bool>,
    protocol: Option<i64>,
}

// ---------------------------------------------------------------------------------------------------------

impl Default for Switches {
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            dynamic_info: false,
        }
    }
}

impl Claim {
    /// Reads the JSON of a `CONNECT`.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, ConnectError> {
        let fields: ClaimFields = parse(json)?;
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            user: present(fields.user),
            password: present(fields.pass).map(Hidden),
            token: present(fields.auth_token).map(Hidden),
            nkey: present(fields.nkey),
            jwt: present(fields.jwt),
            signature: present(fields.sig),
        })
    }
}

impl SelfDescription {
    /// Reads the JSON of a `CONNECT`; nothing if it says it in another form.
    pub(crate) fn parse(json: &[u8]) -> Self {
        parse(json).unwrap_or_default()
    }
}

impl Switches {
    /// Reads the JSON of a `CONNECT`. Fields that it lacks keep the value they had.
    pub(crate) fn parse(self, json: &[u8]) -> Result<Self, ConnectError> {
        let fields: Fields = parse(json)?;
        let protocol = fields.protocol.unwrap_or(0);
        if !(0..=PROTOCOL_MAX).contains(&protocol) {
            return Err(ConnectError::Protocol);
        }
        let switches = Self {
            verbose: fields.verbose.unwrap_or(self.verbose),
            pedantic: fields.pedantic.unwrap_or(self.pedantic),
            echo: fields.echo.unwrap_or(self.echo),
            headers: fields.headers.unwrap_or(self.headers),
            no_responders: fields.no_responders.unwrap_or(self.no_responders),
            dynamic_info: protocol == 1,
        };
        if switches.no_responders && !switches.headers {
            return Err(ConnectError::NoRespondersWithoutHeaders);
        }
        Ok(switches)
    }
}

/// Reads fields as the reference server does: the last of a name counts, and `null` has none.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, ConnectError> {
    let fields: Option<Map<String, Value>> =
        serde_json::from_slice(json).map_err(|_| ConnectError::Json)?;
    let fields = Value::Object(fields.unwrap_or_default());
    serde_json::from_value(fields).map_err(|_| ConnectError::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_missing_keep_their_value() {
        let switches = Switches::default()
            .parse(
                br#"{"verbose":false,"headers":true,"no_responders":true,"lang":"x","jwt":null}"#,
            )
            .unwrap();
        assert_eq!(
            switches,
            Switches {
                verbose: false,
                headers: true,
                no_responders: true,
                ..Switches::default()
            }
        );
    }

    #[test]
    fn the_last_field_of_a_name_counts() {
        let parse = |json: &str| Switches::default().parse(json.as_bytes()).unwrap();
        let quiet = parse(r#"{"verbose":true,"verbose":false}"#);
        assert!(!quiet.verbose && quiet.pedantic);
        assert_eq!(parse("null"), Switches::default());
        let claim = Claim::parse(br#"{"user":"u","user":"v"}"#).unwrap();
        assert_eq!(claim.user.as_deref(), Some("v"));
    }

    #[test]
    fn secrets_are_not_printed() {
        let json = br#"{"user":"u","pass":"p4ss","auth_token":"t0ken"}"#;
        let claim = Claim::parse(json).unwrap();
        assert_eq!(claim.password, Some(Hidden("p4ss".to_owned())));
        let printed = format!("{claim:?}");
        assert!(!printed.contains("p4ss") && !printed.contains("t0ken"));
    }

    #[test]
    fn contradictions_are_refused() {
        let parse = |json: &str| Switches::default().parse(json.as_bytes());
        assert_eq!(parse("{"), Err(ConnectError::Json));
        assert_eq!(parse("[]"), Err(ConnectError::Json));
        assert_eq!(parse(r#"{"protocol":2}"#), Err(ConnectError::Protocol));
        assert_eq!(
            parse(r#"{"no_responders":true}"#),
            Err(ConnectError::NoRespondersWithoutHeaders)
        );
    }
}
