//! The configs of the lattice, as the watch of their bucket tells them.

use std::collections::BTreeMap;

use weft_lattice::bucket::Change;
use weft_model::application::Config;
use weft_model::id::{ConfigName, EntityId};
use weft_model::link::Link;
use weft_protocol::json;

/// Of how many configs the last revision is remembered.
const REVISIONS_MAX: usize = 1 << 18;

/// All configs.
#[derive(Debug, Default)]
pub(crate) struct Configs {
    /// The content, which is empty where it is no map of texts, such as that of references to secrets.
    configs: BTreeMap<ConfigName, Config>,
    /// The revision of the last write, also of what is not there any more.
    revisions: BTreeMap<ConfigName, u64>,
    /// The revision of the last write to a config that a link from or to an id names.
    about: BTreeMap<EntityId, u64>,
    is_listed: bool,
}

// ===== impl Configs =====

impl Configs {
    /// Takes a change of the bucket in; gives the config that it concerns.
    pub(crate) fn apply(&mut self, change: Change) -> Option<ConfigName> {
        match change {
            Change::Put(entry) => {
                // A key that is no name cannot be asked for.
                let name: ConfigName = entry.key.parse().ok()?;
                let config = json::decode(&entry.value).unwrap_or_default();
                self.configs.insert(name.clone(), config);
                self.note(&name, entry.revision);
                Some(name)
            }
            Change::Deleted { key, revision } => {
                let name: ConfigName = key.parse().ok()?;
                self.configs.remove(&name)?;
                self.note(&name, revision);
                Some(name)
            }
            Change::Listed { .. } => {
                self.is_listed = true;
                None
            }
            _ => None,
        }
    }

    /// Whether everything that was there when the manager started is known.
    pub(crate) fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// The configs by name.
    pub(crate) fn all(&self) -> &BTreeMap<ConfigName, Config> {
        &self.configs
    }

    /// The revision of the last write to a config; zero when there was none.
    pub(crate) fn revision(&self, name: &str) -> u64 {
        self.revisions.get(name).copied().unwrap_or_default()
    }

    /// The last revision of a config that had to do with links from or to `id`.
    pub(crate) fn revision_about(&self, id: &str) -> u64 {
        self.about.get(id).copied().unwrap_or_default()
    }

    /// Takes note of what the configs of a link are, for both of its ends.
    pub(crate) fn note_link(&mut self, link: &Link) {
        let revisions = link.configs().map(|name| self.revision(name.as_str()));
        let Some(revision) = revisions.max() else {
            return;
        };
        // Ids that once had links pile up; see `Records`.
        if self.about.len() >= REVISIONS_MAX {
            self.about.clear();
        }
        for end in [&link.source, &link.target] {
            let about = self.about.entry(end.clone()).or_default();
            *about = revision.max(*about);
        }
    }

    fn note(&mut self, name: &ConfigName, revision: u64) {
        // Names that once were there pile up; see `Records`.
        if self.revisions.len() >= REVISIONS_MAX {
            self.revisions.clear();
        }
        self.revisions.insert(name.clone(), revision);
    }
}

#[cfg(test)]
mod tests {
    use weft_lattice::bucket::Entry;

    use super::*;

    #[test]
    fn configs_are_followed() {
        let mut configs = Configs::default();
        let put = |key: &str, value: &str, revision| {
            Change::Put(Entry {
                key: key.to_owned(),
                value: value.to_owned().into(),
                revision,
            })
        };
        let name: ConfigName = "a".parse().unwrap();
        assert_eq!(
            configs.apply(put("a", r#"{"k":"v"}"#, 1)),
            Some(name.clone())
        );
        assert_eq!(configs.all()[&name]["k"], "v");
        configs.apply(put("SECRET_x", r#"{"name":"x","key":1}"#, 2));
        assert_eq!(configs.all().len(), 2);
        assert_eq!(configs.apply(put("a.b", "{}", 3)), None);
        let deleted = || Change::Deleted {
            key: "a".to_owned(),
            revision: 4,
        };
        assert_eq!(configs.apply(deleted()), Some(name));
        assert_eq!(configs.apply(deleted()), None);
        assert_eq!((configs.all().len(), configs.revision("a")), (1, 4));
    }
}
