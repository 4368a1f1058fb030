//! User JWTs, version 2: a text of three parts, signed with the key of an account.
//!
//! Pure: the time and the keys are arguments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::{KeyPair, KeyPairType};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::permissions::{Permissions, Responses, SubjectRules};

/// The only signature that is accepted.
const ALGORITHM: &str = "ed25519-nkey";

/// The version that is written, and the only one that is read.
const VERSION: u64 = 2;

/// The kind of connection that this broker offers, as JWTs call it.
const CONNECTION_TYPE: &str = "STANDARD";

/// Answers to one request where a JWT does not say.
const RESPONSES_DEFAULT: u64 = 1;

/// What a JWT is to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) permissions: &'a Permissions,
    pub(super) expires: Option<SystemTime>,
}

/// What a JWT says of a user. It is signed; whether its key is revoked is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    /// The public key.
    pub(super) key: String,
    pub(super) permissions: Permissions,
    /// Seconds since 1970.
    pub(super) expires: Option<u64>,
    pub(super) subscriptions_max: Option<usize>,
    pub(super) payload_bytes_max: Option<usize>,
    /// It need not sign the nonce.
    pub(super) is_bearer: bool,
}

/// Why a JWT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwtError {
    #[error("the JWT is malformed")]
    Malformed,
    #[error("the JWT is not signed by the account of this broker")]
    Issuer,
    #[error("the JWT is not one of a user")]
    Kind,
    #[error("the JWT is expired")]
    Expired,
    #[error("the JWT is not valid yet")]
    NotYet,
    #[error("the JWT has restrictions that this broker does not know")]
    Restricted,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(default)]
    jti: String,
    #[serde(default)]
    iat: i64,
    iss: String,
    #[serde(default)]
    name: String,
    sub: String,
    nats: UserClaims,
}

#[derive(Serialize, Deserialize)]
struct UserClaims {
    #[serde(rename = "pub", default)]
    publish: RulesForm,
    #[serde(rename = "sub", default)]
    subscribe: RulesForm,
    #[serde(rename = "resp", skip_serializing_if = "Option::is_none")]
    responses: Option<ResponsesForm>,
    #[serde(default = "unlimited")]
    subs: i64,
    #[serde(default = "unlimited")]
    data: i64,
    #[serde(default = "unlimited")]
    payload: i64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    bearer_token: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_connection_types: Option<Vec<String>>,
    /// Networks and times of the day. Not offered, so a JWT with any is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<Value>,
    #[serde(rename = "type")]
    kind: String,
    version: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct RulesForm {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deny: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct ResponsesForm {
    #[serde(default)]
    max: i64,
    /// Nanoseconds.
    #[serde(default)]
    ttl: i64,
}

fn unlimited() -> i64 {
    -1
}

// ---------------------------------------------------------------------------------------------------------

/// Makes the JWT of the user with the public key `user`, signed by `account`. `id` is one of a kind.
pub(super) fn render(
    account: &KeyPair,
    user: &str,
    wanted: &Wanted<'_>,
    id: String,
    now: SystemTime,
) -> Result<String, nkeys::error::Error> {
    let permissions = wanted.permissions;
    let claims = Claims {
        exp: wanted.expires.map(|expires| seconds(expires).cast_signed()),
        nbf: None,
        jti: id,
        iat: seconds(now).cast_signed(),
        iss: account.public_key(),
        name: wanted.name.to_owned(),
        sub: user.to_owned(),
        nats: UserClaims {
            publish: RulesForm::from(&permissions.publish),
            subscribe: RulesForm::from(&permissions.subscribe),
            responses: permissions.responses.map(ResponsesForm::from),
            subs: unlimited(),
            data: unlimited(),
            payload: unlimited(),
            bearer_token: false,
            issuer_account: None,
            allowed_connection_types: None,
            src: None,
            times: None,
            kind: "user".to_owned(),
            version: VERSION,
        },
    };
    let header = format!(r#"{{"typ":"JWT","alg":"{ALGORITHM}"}}"#);
    let claims = serde_json::to_vec(&claims).expect("strings and numbers are always valid JSON");
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = account.sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Reads a JWT that a client shows, and checks that `account` has signed it and that it holds now.
pub(super) fn verify(jwt: &str, account: &KeyPair, now: SystemTime) -> Result<User, JwtError> {
    let (signed, signature) = jwt.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(JwtError::Malformed)?;
    let header: Header = parse(header)?;
    if header.alg != ALGORITHM {
        return Err(JwtError::Malformed);
    }
    let signature = decode(signature)?;
    account
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| JwtError::Issuer)?;
    let claims: Claims = parse(claims)?;
    let public = account.public_key();
    let is_foreign = |other: &Option<String>| {
        other
            .as_ref()
            .is_some_and(|other| !other.is_empty() && *other != public)
    };
    if claims.iss != public || is_foreign(&claims.nats.issuer_account) {
        return Err(JwtError::Issuer);
    }
    if claims.nats.kind != "user" || claims.nats.version != VERSION || !is_user_key(&claims.sub) {
        return Err(JwtError::Kind);
    }
    claims.check_time(seconds(now))?;
    claims.nats.check_restrictions()?;
    Ok(claims.into_user())
}

/// Whether `text` is the public key of a user.
pub(super) fn is_user_key(text: &str) -> bool {
    text.starts_with('U')
        && KeyPair::from_public_key(text).is_ok_and(|key| key.key_pair_type() == KeyPairType::User)
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// When that many seconds since 1970 are reached. `None` if that is too far away to matter.
pub(crate) fn instant_of(expires: u64) -> Option<Instant> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let left = Duration::from_secs(expires).saturating_sub(since);
    Instant::now().checked_add(left)
}

fn decode(text: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| JwtError::Malformed)
}

fn parse<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, JwtError> {
    serde_json::from_slice(&decode(text)?).map_err(|_| JwtError::Malformed)
}

impl Claims {
    fn check_time(&self, now: u64) -> Result<(), JwtError> {
        let time = |time: Option<i64>| time.filter(|time| *time != 0);
        let is_past = |time: i64| u64::try_from(time).map_or(true, |time| time <= now);
        if time(self.exp).is_some_and(is_past) {
            return Err(JwtError::Expired);
        }
        if time(self.nbf).is_some_and(|begin| !is_past(begin)) {
            return Err(JwtError::NotYet);
        }
        Ok(())
    }

    fn into_user(self) -> User {
        let limit = |limit: i64| usize::try_from(limit).ok();
        User {
            name: self.name,
            key: self.sub,
            permissions: Permissions {
                publish: self.nats.publish.into(),
                subscribe: self.nats.subscribe.into(),
                responses: self.nats.responses.map(Responses::from),
            },
            expires: self
                .exp
                .and_then(|time| u64::try_from(time).ok())
                .filter(|time| *time > 0),
            subscriptions_max: limit(self.nats.subs),
            payload_bytes_max: limit(self.nats.payload),
            is_bearer: self.nats.bearer_token,
        }
    }
}

impl UserClaims {
    /// What restricts the user and is not known here must not be overlooked.
    fn check_restrictions(&self) -> Result<(), JwtError> {
        let is_empty = |value: &Option<Value>| match value {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(_) => false,
        };
        let types = self.allowed_connection_types.as_deref().unwrap_or_default();
        let is_other_type = !types.is_empty()
            && !types
                .iter()
                .any(|kind| kind.eq_ignore_ascii_case(CONNECTION_TYPE));
        if is_empty(&self.src) && is_empty(&self.times) && !is_other_type && self.data < 0 {
            Ok(())
        } else {
            Err(JwtError::Restricted)
        }
    }
}

impl From<&SubjectRules> for RulesForm {
    fn from(rules: &SubjectRules) -> Self {
        Self {
            allow: rules.allow.clone(),
            deny: rules.deny.clone(),
        }
    }
}

impl From<RulesForm> for SubjectRules {
    fn from(rules: RulesForm) -> Self {
        Self {
            allow: rules.allow,
            deny: rules.deny,
        }
    }
}

impl From<Responses> for ResponsesForm {
    fn from(responses: Responses) -> Self {
        Self {
            max: responses
                .messages_max
                .map_or(-1, |max| i64::try_from(max.max(1)).unwrap_or(i64::MAX)),
            ttl: responses.ttl.map_or(-1, |ttl| {
                i64::try_from(ttl.as_nanos().max(1)).unwrap_or(i64::MAX)
            }),
        }
    }
}

impl From<ResponsesForm> for Responses {
    fn from(form: ResponsesForm) -> Self {
        Self {
            messages_max: match form.max {
                0 => Some(RESPONSES_DEFAULT),
                max => u64::try_from(max).ok(),
            },
            ttl: match form.ttl {
                0 => Self::default().ttl,
                ttl => u64::try_from(ttl).ok().map(Duration::from_nanos),
            },
        }
    }
}
