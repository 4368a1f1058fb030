//! The list of users as it stands in its file.

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::permissions::{Permissions, Responses, SubjectRules};
use super::{AuthError, PasswordHash, jwt};

/// The format that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserFile {
    version: u32,
    pub(super) users: Vec<UserForm>,
}

/// One user. Which of the optional fields there are depends on the kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserForm {
    pub(super) name: String,
    pub(super) kind: KindForm,
    /// The public key, for `jwt` and `nkey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The hash of bcrypt, for `password` and `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<HashForm>,
    #[serde(with = "time")]
    pub(super) created: SystemTime,
    #[serde(
        default,
        with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) expires: Option<SystemTime>,
    #[serde(
        default,
        with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) revoked: Option<SystemTime>,
    #[serde(default, skip_serializing_if = "RulesForm::is_everything")]
    publish: RulesForm,
    #[serde(default, skip_serializing_if = "RulesForm::is_everything")]
    subscribe: RulesForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    responses: Option<ResponsesForm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindForm {
    Jwt,
    Password,
    Token,
    Nkey,
}

/// A hash of bcrypt, which is checked when it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct HashForm(pub(super) PasswordHash);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesForm {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deny: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponsesForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    messages_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
}

// ---------------------------------------------------------------------------------------------------------

impl UserFile {
    pub(super) fn new(users: Vec<UserForm>) -> Self {
        Self {
            version: VERSION,
            users,
        }
    }

    /// Reads the text of the file at `path`, and checks every user.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, AuthError> {
        let file: Self = serde_json::from_str(text).map_err(|source| AuthError::Users {
            path: path.to_owned(),
            source,
        })?;
        if file.version != VERSION {
            return Err(AuthError::UsersVersion {
                path: path.to_owned(),
            });
        }
        for user in &file.users {
            user.check()?;
        }
        Ok(file)
    }

    pub(super) fn render(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect(
            "strings and numbers are always valid JSON, and hashes only in memory are refused",
        );
        text.push('\n');
        text
    }
}

impl UserForm {
    /// A user that begins now.
    pub(super) fn new(name: String, kind: KindForm, permissions: &Permissions) -> Self {
        Self {
            name,
            kind,
            key: None,
            hash: None,
            created: whole_seconds(SystemTime::now()),
            expires: None,
            revoked: None,
            publish: RulesForm::from(&permissions.publish),
            subscribe: RulesForm::from(&permissions.subscribe),
            responses: permissions.responses.map(ResponsesForm::from),
        }
    }

    pub(super) fn permissions(&self) -> Permissions {
        Permissions {
            publish: self.publish.clone().into(),
            subscribe: self.subscribe.clone().into(),
            responses: self.responses.as_ref().map(|form| Responses {
                messages_max: form.messages_max,
                ttl: form.ttl_ms.map(Duration::from_millis),
            }),
        }
    }

    /// Whether it may connect at `now`, as far as the list knows.
    pub(super) fn is_active(&self, now: SystemTime) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| expires > now)
    }

    fn check(&self) -> Result<(), AuthError> {
        self.permissions().check()?;
        match self.kind {
            KindForm::Jwt | KindForm::Nkey => {
                let key = self.key.clone().unwrap_or_default();
                if !jwt::is_user_key(&key) {
                    return Err(AuthError::Key { key });
                }
            }
            KindForm::Password | KindForm::Token => {
                if self.hash.is_none() {
                    return Err(AuthError::Hash);
                }
            }
        }
        Ok(())
    }
}

impl RulesForm {
    fn is_everything(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
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
    fn from(form: RulesForm) -> Self {
        Self {
            allow: form.allow,
            deny: form.deny,
        }
    }
}

impl From<Responses> for ResponsesForm {
    fn from(responses: Responses) -> Self {
        Self {
            messages_max: responses.messages_max,
            ttl_ms: responses
                .ttl
                .map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl TryFrom<String> for HashForm {
    type Error = AuthError;

    fn try_from(text: String) -> Result<Self, AuthError> {
        PasswordHash::from_str(&text).map(Self)
    }
}

impl From<HashForm> for String {
    fn from(form: HashForm) -> Self {
        form.0.as_str().unwrap_or_default().to_owned()
    }
}

/// As exact as the file and JWTs are.
pub(super) fn whole_seconds(time: SystemTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(jwt::seconds(time))
}

mod time {
    //! Times as RFC 3339 texts.

    use serde::{Deserializer, Serializer, de, ser};

    use super::{Deserialize, SystemTime, Timestamp};

    pub(super) fn serialize<S: Serializer>(
        time: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let time = Timestamp::try_from(*time).map_err(ser::Error::custom)?;
        serializer.collect_str(&time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: Timestamp = text.parse().map_err(de::Error::custom)?;
        Ok(SystemTime::from(time))
    }
}

mod optional_time {
    //! Times that need not be there.

    use serde::{Deserializer, Serializer};

    use super::{Deserialize, SystemTime, time};

    #[derive(Deserialize)]
    struct Wrapped(#[serde(with = "time")] SystemTime);

    pub(super) fn serialize<S: Serializer>(
        value: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => time::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let wrapped = Option::<Wrapped>::deserialize(deserializer)?;
        Ok(wrapped.map(|Wrapped(value)| value))
    }
}
