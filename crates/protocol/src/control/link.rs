//! Links (spec §1.3).

use serde::{Deserialize, Serialize};
use weft_model::id::LinkName;
use weft_model::interface::{InterfaceName, PackageName};
use weft_model::link;

use crate::convert::{ConvertError, FieldError, parse_field, parse_fields};

/// A link, as requests, replies, records and events have it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The id of who calls.
    pub source_id: String,
    /// The id of who is called.
    pub target: String,
    /// The name of the link.
    #[serde(default = "default_name")]
    pub name: String,
    /// The namespace of the package.
    pub wit_namespace: String,
    /// The package in its namespace.
    pub wit_package: String,
    /// The interfaces of the package.
    pub interfaces: Vec<String>,
    /// Names of configs for the source.
    #[serde(default)]
    pub source_config: Vec<String>,
    /// Names of configs for the target.
    #[serde(default)]
    pub target_config: Vec<String>,
}

/// Body of `link.del`; it names no target and no interfaces.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DeleteLink {
    /// The id of who calls.
    pub source_id: String,
    /// The name of the link.
    #[serde(default = "default_name")]
    pub name: String,
    /// The namespace of the package.
    pub wit_namespace: String,
    /// The package in its namespace.
    pub wit_package: String,
}

pub(crate) fn default_name() -> String {
    LinkName::default().to_string()
}

fn parse_package(namespace: &str, package: &str) -> Result<PackageName, ConvertError> {
    PackageName::new(namespace, package)
        .map_err(|error| FieldError::from(error).of("wit_namespace:wit_package"))
}

// ===== impl Link =====

impl From<&link::Link> for Link {
    fn from(link: &link::Link) -> Self {
        Self {
            source_id: link.source.to_string(),
            target: link.target.to_string(),
            name: link.name.to_string(),
            wit_namespace: link.package.namespace().to_owned(),
            wit_package: link.package.name().to_owned(),
            interfaces: link.interfaces.clone(),
            source_config: link.source_config.iter().map(ToString::to_string).collect(),
            target_config: link.target_config.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<&Link> for link::Link {
    type Error = ConvertError;

    fn try_from(link: &Link) -> Result<Self, ConvertError> {
        let package = parse_package(&link.wit_namespace, &link.wit_package)?;
        if link.interfaces.is_empty() {
            return Err(ConvertError::Empty {
                field: "interfaces",
            });
        }
        for interface in &link.interfaces {
            InterfaceName::new(package.clone(), interface)
                .map_err(|error| FieldError::from(error).of("interfaces"))?;
        }
        Ok(Self {
            source: parse_field("source_id", &link.source_id)?,
            target: parse_field("target", &link.target)?,
            name: parse_field("name", &link.name)?,
            package,
            interfaces: link.interfaces.clone(),
            source_config: parse_fields("source_config", &link.source_config)?,
            target_config: parse_fields("target_config", &link.target_config)?,
        })
    }
}

// ===== impl DeleteLink =====

impl From<&link::LinkKey> for DeleteLink {
    fn from(key: &link::LinkKey) -> Self {
        Self {
            source_id: key.source.to_string(),
            name: key.name.to_string(),
            wit_namespace: key.package.namespace().to_owned(),
            wit_package: key.package.name().to_owned(),
        }
    }
}

impl TryFrom<&DeleteLink> for link::LinkKey {
    type Error = ConvertError;

    fn try_from(link: &DeleteLink) -> Result<Self, ConvertError> {
        Ok(Self {
            source: parse_field("source_id", &link.source_id)?,
            name: parse_field("name", &link.name)?,
            package: parse_package(&link.wit_namespace, &link.wit_package)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn a_link_becomes_the_same_link() {
        let wire: Link = json::decode(
            br#"{"source_id":"web","target":"kv","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"],"target_config":["url"],"future":1}"#,
        )
        .unwrap();
        assert_eq!(wire.name, "default");
        let link = link::Link::try_from(&wire).unwrap();
        assert_eq!(link.package.to_string(), "wasi:keyvalue");
        assert_eq!(Link::from(&link), wire);
        let key: DeleteLink = (&link.key()).into();
        assert_eq!(link::LinkKey::try_from(&key).unwrap(), link.key());
    }

    #[test]
    fn an_error_names_its_field() {
        let good = Link {
            source_id: "web".to_owned(),
            target: "kv".to_owned(),
            name: "default".to_owned(),
            wit_namespace: "wasi".to_owned(),
            wit_package: "keyvalue".to_owned(),
            interfaces: vec!["store".to_owned()],
            source_config: Vec::new(),
            target_config: Vec::new(),
        };
        let check = |change: fn(&mut Link), field: &str| {
            let mut link = good.clone();
            change(&mut link);
            let error = link::Link::try_from(&link).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        };
        check(|link| link.source_id = "a.b".to_owned(), "`source_id`");
        check(
            |link| link.wit_package = "a b".to_owned(),
            "`wit_namespace:wit_package`",
        );
        check(|link| link.interfaces.clear(), "`interfaces` is empty");
        check(
            |link| link.interfaces.push("a/b".to_owned()),
            "`interfaces`",
        );
        check(
            |link| link.target_config.push("a.b".to_owned()),
            "`target_config`",
        );
    }
}
