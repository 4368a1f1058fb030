//! Links and configs of the lattice, as the buckets have them (spec §3).

use std::collections::BTreeMap;

use weft_model::application::Config;
use weft_model::id::{ConfigName, EntityId};
use weft_model::link::Link;
use weft_protocol::json;
use weft_protocol::state::{ComponentRecord, LatticeKey, is_secret};
use weft_runtime::field;

/// Links and configs.
#[derive(Debug, Default)]
pub(super) struct View {
    links: BTreeMap<EntityId, Vec<Link>>,
    configs: BTreeMap<ConfigName, Config>,
}

// ===== impl View =====

impl View {
    pub(super) fn put_record(&mut self, key: &str, value: &[u8]) {
        let Ok(LatticeKey::Component(id)) = LatticeKey::parse(key) else {
            return;
        };
        match ComponentRecord::decode(value) {
            Ok(record) => {
                let (links, skipped) = record.model_links();
                for error in skipped {
                    tracing::warn!(
                        { field::KEY } = key,
                        { field::ERROR } = weft_model::problem::render_chain(&error),
                        "Left out a link"
                    );
                }
                self.links.insert(id, links);
            }
            // What cannot be read is as good as absent; the links that were there are not known to be valid any more.
            Err(error) => {
                tracing::warn!(
                    { field::KEY } = key,
                    { field::ERROR } = weft_model::problem::render_chain(&error),
                    "Cannot read a record"
                );
                self.links.remove(&id);
            }
        }
    }

    pub(super) fn delete_record(&mut self, key: &str) {
        if let Ok(LatticeKey::Component(id)) = LatticeKey::parse(key) {
            self.links.remove(&id);
        }
    }

    pub(super) fn put_config(&mut self, key: &str, value: &[u8]) {
        let Ok(name) = key.parse::<ConfigName>() else {
            return;
        };
        // A reference to a secret is no config, although it may look like one.
        if is_secret(&name) {
            return;
        }
        match json::decode(value) {
            Ok(config) => {
                self.configs.insert(name, config);
            }
            Err(error) => {
                tracing::warn!(
                    { field::CONFIG_NAME } = key,
                    { field::ERROR } = weft_model::problem::render_chain(&error),
                    "Cannot read a config"
                );
                self.configs.remove(&name);
            }
        }
    }

    pub(super) fn delete_config(&mut self, key: &str) {
        if let Ok(name) = key.parse::<ConfigName>() {
            self.configs.remove(&name);
        }
    }

    /// Links that begin at `source`.
    pub(super) fn links_from(&self, source: &EntityId) -> &[Link] {
        self.links.get(source).map_or(&[], Vec::as_slice)
    }

    /// Links that begin or end at `id`, in the order of their sources.
    pub(super) fn links_of<'a>(&'a self, id: &'a EntityId) -> impl Iterator<Item = &'a Link> {
        let links = self.links.values().flatten();
        links.filter(move |link| link.source == *id || link.target == *id)
    }

    /// Links that lead to `target`.
    pub(super) fn links_to(&self, target: &EntityId) -> impl Iterator<Item = &Link> {
        let links = self.links.values().flatten();
        links.filter(move |link| link.target == *target)
    }

    /// `names` merged left to right. A config that is gone is as if it were empty (spec §3.2).
    pub(super) fn merged(&self, names: &[ConfigName]) -> Config {
        names
            .iter()
            .filter_map(|name| self.configs.get(name))
            .flat_map(|config| {
                config
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_are_merged_left_to_right() {
        let mut view = View::default();
        view.put_config("a", br#"{"x":"1","y":"1"}"#);
        view.put_config("b", br#"{"y":"2"}"#);
        let names = [
            "a".parse().unwrap(),
            "b".parse().unwrap(),
            "gone".parse().unwrap(),
        ];
        let merged = view.merged(&names);
        assert_eq!((merged["x"].as_str(), merged["y"].as_str()), ("1", "2"));
        view.delete_config("b");
        assert_eq!(view.merged(&names)["y"], "1");
        view.put_config("a", b"[");
        assert!(view.merged(&names).is_empty());
        let reference = br#"{"name":"key","type":"v1","backend":"vault","key":"k"}"#;
        view.put_config("SECRET_key", reference);
        assert!(view.merged(&["SECRET_key".parse().unwrap()]).is_empty());
    }

    #[test]
    fn a_record_that_cannot_be_read_has_no_links() {
        let mut view = View::default();
        let record = br#"{"url":"x","links":[{"source_id":"web","target":"kv","name":"default","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"]}]}"#;
        view.put_record("COMPONENT_web", record);
        let web = "web".parse().unwrap();
        assert_eq!(view.links_from(&web).len(), 1);
        view.put_record("CLAIMS_x", b"{}");
        view.put_record("COMPONENT_web", b"{");
        assert!(view.links_from(&web).is_empty());
    }
}
