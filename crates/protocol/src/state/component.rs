//! The record of a component or provider: its outgoing links.

use serde_json::{Map, Value};
use weft_model::link::{self, LinkKey};

use crate::control::Link;
use crate::convert::ConvertError;
use crate::json::{self, DecodeError};

const URL: &str = "url";
const LINKS: &str = "links";

/// The value of `COMPONENT_{id}` in the bucket of a lattice: one per component and per provider that ever ran or has
/// links.
///
/// Changed only by compare-and-set of the whole record (architecture D2). Fields that this version does not know, in the
/// record and in its links, are kept when it is rewritten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComponentRecord {
    /// The image that the id was first started from; for information alone.
    pub url: String,
    links: Vec<StoredLink>,
    /// Fields of the record that are not known.
    extra: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq)]
struct StoredLink {
    link: Link,
    /// Fields of the link that are not known.
    extra: Map<String, Value>,
}

/// What [`ComponentRecord::put_link`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PutLinkOutcome {
    /// The link was not there.
    Added,
    /// A link to the same target was there with other interfaces or configs.
    Replaced,
    /// The very link was there.
    Unchanged,
}

/// A link for the same source, name, package and an interface is there, to another target. The text is what a 1.9 host
/// replies.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "link already exists with different target, consider deleting the existing link or using a different link name"
)]
pub struct LinkConflict {
    /// The target of the link that is there.
    pub target: String,
}

// ===== impl ComponentRecord =====

impl ComponentRecord {
    /// A record without links.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..Self::default()
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are no record, or a link in it does not have its form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut extra: Map<String, Value> = json::decode(bytes)?;
        let url = match extra.remove(URL) {
            Some(url) => serde_json::from_value(url).map_err(DecodeError::Form)?,
            None => String::new(),
        };
        let links: Vec<Map<String, Value>> = match extra.remove(LINKS) {
            Some(links) => serde_json::from_value(links).map_err(DecodeError::Form)?,
            None => Vec::new(),
        };
        Ok(Self {
            url,
            links: links
                .into_iter()
                .map(StoredLink::decode)
                .collect::<Result<_, _>>()?,
            extra,
        })
    }

    /// Writes the record.
    pub fn encode(&self) -> Vec<u8> {
        let links = self.links.iter().map(StoredLink::to_value).collect();
        let mut record = self.extra.clone();
        record.insert(URL.to_owned(), Value::String(self.url.clone()));
        record.insert(LINKS.to_owned(), Value::Array(links));
        json::encode(&record)
    }

    /// The links, in the order in which they were put; their source is the id of the record.
    pub fn links(&self) -> impl ExactSizeIterator<Item = &Link> {
        self.links.iter().map(|stored| &stored.link)
    }

    /// The links as values of the model, and why some are missing.
    pub fn model_links(&self) -> (Vec<link::Link>, Vec<ConvertError>) {
        let mut links = Vec::with_capacity(self.links.len());
        let mut skipped = Vec::new();
        for link in self.links() {
            match link.try_into() {
                Ok(link) => links.push(link),
                Err(error) => skipped.push(error),
            }
        }
        (links, skipped)
    }

    /// Adds `link`, or puts it in the place of the one with the same source, target, package and name (spec §1.3).
    ///
    /// # Errors
    ///
    /// [`LinkConflict`] when an interface is linked to another target under the same name already. Nothing is changed.
    pub fn put_link(&mut self, link: &link::Link) -> Result<PutLinkOutcome, LinkConflict> {
        let link = Link::from(link);
        let conflict = self.links().find(|other| {
            has_same_key(other, &link)
                && other.target != link.target
                && other
                    .interfaces
                    .iter()
                    .any(|interface| link.interfaces.contains(interface))
        });
        if let Some(other) = conflict {
            return Err(LinkConflict {
                target: other.target.clone(),
            });
        }
        let place = self
            .links
            .iter_mut()
            .find(|other| has_same_key(&other.link, &link) && other.link.target == link.target);
        let stored = StoredLink {
            link,
            extra: Map::new(),
        };
        Ok(match place {
            None => {
                self.links.push(stored);
                PutLinkOutcome::Added
            }
            Some(place) if place.link == stored.link => PutLinkOutcome::Unchanged,
            Some(place) => {
                *place = stored;
                PutLinkOutcome::Replaced
            }
        })
    }

    /// Removes the first link with this key, whatever its target, as `link.del` does (spec §1.3), and returns it.
    pub fn delete_link(&mut self, key: &LinkKey) -> Option<Link> {
        let index = self.links().position(|link| {
            link.source_id == key.source.as_str()
                && link.name == key.name.as_str()
                && link.wit_namespace == key.package.namespace()
                && link.wit_package == key.package.name()
        })?;
        Some(self.links.remove(index).link)
    }

    /// Makes `links`, whose source is the id of the record and of which no two are one by source, target, package and
    /// name, the links of the record, in this order. Fields that are not known stay with their link; so do, at the end,
    /// links that are no values of the model.
    pub fn set_links(&mut self, links: &[link::Link]) {
        let mut before = std::mem::take(&mut self.links);
        for link in links {
            let link = Link::from(link);
            let place = before.iter().position(|stored| {
                has_same_key(&stored.link, &link) && stored.link.target == link.target
            });
            let extra = place.map(|index| before.remove(index).extra);
            self.links.push(StoredLink {
                link,
                extra: extra.unwrap_or_default(),
            });
        }
        before.retain(|stored| link::Link::try_from(&stored.link).is_err());
        self.links.append(&mut before);
    }

    /// Keeps the links for which `keep` holds, and returns the others.
    pub fn retain_links(&mut self, mut keep: impl FnMut(&Link) -> bool) -> Vec<Link> {
        self.links
            .extract_if(.., |stored| !keep(&stored.link))
            .map(|stored| stored.link)
            .collect()
    }
}

fn has_same_key(a: &Link, b: &Link) -> bool {
    a.source_id == b.source_id
        && a.name == b.name
        && a.wit_namespace == b.wit_namespace
        && a.wit_package == b.wit_package
}

// ===== impl StoredLink =====

impl StoredLink {
    fn decode(mut fields: Map<String, Value>) -> Result<Self, DecodeError> {
        let link: Link =
            serde_json::from_value(Value::Object(fields.clone())).map_err(DecodeError::Form)?;
        if let Value::Object(known) = link_value(&link) {
            fields.retain(|field, _| !known.contains_key(field));
        }
        Ok(Self {
            link,
            extra: fields,
        })
    }

    fn to_value(&self) -> Value {
        let mut value = link_value(&self.link);
        if let Value::Object(fields) = &mut value {
            fields.extend(self.extra.clone());
        }
        value
    }
}

fn link_value(link: &Link) -> Value {
    serde_json::to_value(link).expect("a link is text alone")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(target: &str, interfaces: &[&str]) -> link::Link {
        link::Link {
            source: "web".parse().unwrap(),
            target: target.parse().unwrap(),
            name: "default".parse().unwrap(),
            package: "wasi:keyvalue".parse().unwrap(),
            interfaces: interfaces.iter().map(|&name| name.to_owned()).collect(),
            source_config: Vec::new(),
            target_config: Vec::new(),
        }
    }

    #[test]
    fn links_are_put_by_the_rules_of_the_dialect() {
        let mut record = ComponentRecord::new("x:1");
        assert_eq!(
            record.put_link(&link("kv", &["store"])),
            Ok(PutLinkOutcome::Added)
        );
        assert_eq!(
            record.put_link(&link("kv", &["store"])),
            Ok(PutLinkOutcome::Unchanged)
        );
        assert_eq!(
            record.put_link(&link("kv", &["store", "batch"])),
            Ok(PutLinkOutcome::Replaced)
        );
        assert_eq!(
            record.put_link(&link("other", &["atomics"])),
            Ok(PutLinkOutcome::Added)
        );
        let before = record.clone();
        assert_eq!(
            record.put_link(&link("third", &["batch"])),
            Err(LinkConflict {
                target: "kv".to_owned()
            })
        );
        assert_eq!(record, before);
        assert_eq!(record.links().len(), 2);
        let key = link("kv", &["store"]).key();
        assert_eq!(record.delete_link(&key).unwrap().target, "kv");
        assert_eq!(record.delete_link(&key).unwrap().target, "other");
        assert_eq!(record.delete_link(&key), None);
    }

    #[test]
    fn unknown_fields_survive_a_rewrite() {
        let bytes = br#"{"url":"x","links":[{"source_id":"web","target":"kv","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"],"since":3}],"digest":"d"}"#;
        let mut record = ComponentRecord::decode(bytes).unwrap();
        record.put_link(&link("kv2", &["atomics"])).unwrap();
        let value: Value = json::decode(&record.encode()).unwrap();
        assert_eq!(value["digest"], "d");
        assert_eq!(value["links"][0]["since"], 3);
        assert_eq!(value["links"][0]["name"], "default");
        assert_eq!(value["links"][1]["target"], "kv2");
        assert_eq!(ComponentRecord::decode(&record.encode()).unwrap(), record);
    }

    #[test]
    fn links_are_set_as_a_whole() {
        let bytes = br#"{"url":"x","links":[
            {"source_id":"web","target":"kv","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"],"since":3},
            {"source_id":"web","target":"not.valid","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"]},
            {"source_id":"web","target":"old","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["batch"]}]}"#;
        let mut record = ComponentRecord::decode(bytes).unwrap();
        record.set_links(&[link("new", &["atomics"]), link("kv", &["store", "batch"])]);
        let targets: Vec<&str> = record.links().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["new", "kv", "not.valid"]);
        let value: Value = json::decode(&record.encode()).unwrap();
        assert_eq!(value["links"][1]["since"], 3);
        assert_eq!(value["links"][1]["interfaces"][1], "batch");
        record.set_links(&[]);
        assert_eq!(record.links().len(), 1);
    }

    #[test]
    fn a_record_of_another_form_is_refused() {
        for text in [
            "[]",
            r#"{"url":1}"#,
            r#"{"links":{}}"#,
            r#"{"links":[1]}"#,
            r#"{"links":[{}]}"#,
        ] {
            assert!(ComponentRecord::decode(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(
            ComponentRecord::decode(b"{}").unwrap(),
            ComponentRecord::default()
        );
    }
}
