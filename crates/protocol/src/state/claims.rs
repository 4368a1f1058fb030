//! Claims of signed components and providers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::json::{self, DecodeError};

/// The value of `CLAIMS_{subject}` in the bucket of a lattice. The default is that of a provider, without content.
///
/// Fields that this version does not know are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClaimsRecord {
    /// The account key that signed.
    pub issuer: String,
    /// A name for people.
    pub name: String,
    /// A number, in text.
    pub revision: String,
    /// The key of the component or provider.
    pub subject: String,
    /// A version for people.
    pub version: String,
    /// What only components or only providers have.
    pub kind: ClaimsKind,
    /// The fields that this version does not know.
    pub extra: Map<String, Value>,
}

/// The part of claims that depends on what they are about. A record is that of a component when it has `call_alias`
/// and `tags`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClaimsKind {
    /// Claims of a component.
    Component {
        /// Another name by which it may be called; empty when there is none.
        call_alias: String,
        /// Words about it; read from a list or from one text with commas.
        tags: Vec<String>,
    },
    /// Claims of a provider.
    Provider {
        /// The JSON schema of its config, as text.
        config_schema: Option<String>,
    },
}

const ISSUER: [&str; 2] = ["issuer", "iss"];
const NAME: [&str; 1] = ["name"];
const REVISION: [&str; 2] = ["revision", "rev"];
const SUBJECT: [&str; 2] = ["subject", "sub"];
const VERSION: [&str; 1] = ["version"];
const CALL_ALIAS: &str = "call_alias";
const TAGS: &str = "tags";
const CONFIG_SCHEMA: &str = "config_schema";

impl Default for ClaimsKind {
    fn default() -> Self {
        Self::Provider {
            config_schema: None,
        }
    }
}

// ===== impl ClaimsRecord =====

impl ClaimsRecord {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are no object or a field has another type than text. Absent fields are empty.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields: Map<String, Value> = json::decode(bytes)?;
        let is_component = fields.contains_key(CALL_ALIAS) && fields.contains_key(TAGS);
        Ok(Self {
            issuer: take(&mut fields, &ISSUER)?,
            name: take(&mut fields, &NAME)?,
            revision: take(&mut fields, &REVISION)?,
            subject: take(&mut fields, &SUBJECT)?,
            version: take(&mut fields, &VERSION)?,
            kind: if is_component {
                ClaimsKind::Component {
                    call_alias: take(&mut fields, &[CALL_ALIAS])?,
                    tags: take_tags(&mut fields)?,
                }
            } else {
                ClaimsKind::Provider {
                    config_schema: match fields.remove(CONFIG_SCHEMA) {
                        None | Some(Value::Null) => None,
                        Some(Value::String(schema)) => Some(schema),
                        // The schema itself, in the place of its text.
                        Some(schema) => Some(schema.to_string()),
                    },
                }
            },
            extra: fields,
        })
    }

    /// Writes the record.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        let mut put = |field: &str, value: Value| fields.insert(field.to_owned(), value);
        put(ISSUER[0], self.issuer.clone().into());
        put(NAME[0], self.name.clone().into());
        put(REVISION[0], self.revision.clone().into());
        put(SUBJECT[0], self.subject.clone().into());
        put(VERSION[0], self.version.clone().into());
        match &self.kind {
            ClaimsKind::Component { call_alias, tags } => {
                put(CALL_ALIAS, call_alias.clone().into());
                put(TAGS, tags.clone().into());
            }
            ClaimsKind::Provider { config_schema } => {
                if let Some(schema) = config_schema {
                    put(CONFIG_SCHEMA, schema.clone().into());
                }
            }
        }
        json::encode(&fields)
    }

    /// The claims as an entry of `claims.get`'s reply (spec §1.3), where the short names stand beside the long ones.
    pub fn to_entry(&self) -> BTreeMap<String, String> {
        let mut entry = BTreeMap::new();
        let mut put = |field: &str, value: &str| entry.insert(field.to_owned(), value.to_owned());
        for (names, value) in [
            (&ISSUER[..], &self.issuer),
            (&NAME, &self.name),
            (&REVISION, &self.revision),
            (&SUBJECT, &self.subject),
            (&VERSION, &self.version),
        ] {
            for name in names {
                put(name, value);
            }
        }
        match &self.kind {
            ClaimsKind::Component { call_alias, tags } => {
                put(CALL_ALIAS, call_alias);
                put(TAGS, &tags.join(","));
            }
            ClaimsKind::Provider { config_schema } => {
                put(CONFIG_SCHEMA, config_schema.as_deref().unwrap_or_default());
            }
        }
        entry
    }
}

/// Takes the first of `names` that is there out of `fields`, and empty text when none is.
fn take(fields: &mut Map<String, Value>, names: &[&str]) -> Result<String, DecodeError> {
    match names.iter().find_map(|name| fields.remove(*name)) {
        None | Some(Value::Null) => Ok(String::new()),
        // Edited by hand, a number may stand as one.
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(value) => serde_json::from_value(value).map_err(DecodeError::Form),
    }
}

fn take_tags(fields: &mut Map<String, Value>) -> Result<Vec<String>, DecodeError> {
    match fields.remove(TAGS) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(tags)) => Ok(tags
            .split(',')
            .filter(|tag| !tag.is_empty())
            .map(str::to_owned)
            .collect()),
        Some(value) => serde_json::from_value(value).map_err(DecodeError::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_claims_are_read_in_both_spellings() {
        let record = ClaimsRecord::decode(
            br#"{"call_alias":"","iss":"A","name":"n","rev":"0","sub":"M","tags":"a,b","version":"1","more":true}"#,
        )
        .unwrap();
        assert_eq!(
            (record.issuer.as_str(), record.subject.as_str()),
            ("A", "M")
        );
        let ClaimsKind::Component { tags, .. } = &record.kind else {
            panic!("not a component: {record:?}");
        };
        assert_eq!(tags, &["a", "b"]);
        let again = ClaimsRecord::decode(&record.encode()).unwrap();
        assert_eq!(again, record);
        assert_eq!(record.to_entry()["tags"], "a,b");
        assert_eq!(record.to_entry()["iss"], record.to_entry()["issuer"]);
    }

    #[test]
    fn claims_of_another_form_are_refused() {
        for text in ["[]", r#"{"issuer":{}}"#, r#"{"call_alias":"","tags":[1]}"#] {
            assert!(ClaimsRecord::decode(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_hands_write_is_read() {
        let record = ClaimsRecord::decode(
            br#"{"issuer":"A","name":null,"revision":3,"subject":"V","config_schema":{"type":"object"}}"#,
        )
        .unwrap();
        assert_eq!((record.name.as_str(), record.revision.as_str()), ("", "3"));
        assert_eq!(record.to_entry()["config_schema"], r#"{"type":"object"}"#);
    }
}
