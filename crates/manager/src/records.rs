//! The component records of the lattice, which hold its links, as the watch of their bucket tells them.

use std::collections::{BTreeMap, BTreeSet};

use weft_lattice::bucket::{Change, Entry};
use weft_model::id::{ConfigName, EntityId};
use weft_model::link::Link;
use weft_model::problem::Problem;
use weft_planner::LinkRecord;
use weft_protocol::state::{ComponentRecord, LatticeKey};

use crate::error::Error;

/// About how many ids the last revision is remembered.
const ABOUT_MAX: usize = 1 << 18;

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Records {
    records: BTreeMap<EntityId, Record>,
    /// The last revision that had to do with an id, as the source or the target of a link.
    about: BTreeMap<EntityId, u64>,
    is_listed: bool,
}

/// One record.
#[derive(Debug)]
struct Record {
    revision: u64,
    links: Vec<Link>,
    /// The record as it stands; the reason where it cannot be read.
    content: Result<ComponentRecord, Problem>,
}

// ===== impl Records =====

impl Records {
    /// Takes a change of the bucket in; gives the ids that it concerns.
    pub(crate) fn apply(&mut self, change: Change) -> BTreeSet<EntityId> {
        match change {
            Change::Put(entry) => self.put(&entry),
            Change::Deleted { key, revision } => match LatticeKey::parse(&key) {
                Ok(LatticeKey::Component(id)) => {
                    let concerned = self.remove(&id);
                    self.note(&concerned, revision);
                    concerned
                }
                _ => BTreeSet::new(),
            },
            Change::Listed { .. } => {
                self.is_listed = true;
                BTreeSet::new()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Whether everything that was there when the manager started is known.
    pub(crate) fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// The records as the planner wants them.
    pub(crate) fn to_input(&self) -> Vec<LinkRecord> {
        self.records
            .iter()
            .map(|(source, record)| LinkRecord {
                source: source.clone(),
                revision: record.revision,
                links: record.links.clone(),
            })
            .collect()
    }

    /// The revision of the record of `source`.
    pub(crate) fn revision(&self, source: &EntityId) -> Option<u64> {
        self.records.get(source).map(|record| record.revision)
    }

    /// The record of `source` as it stands.
    pub(crate) fn content(&self, source: &EntityId) -> Option<&Result<ComponentRecord, Problem>> {
        self.records.get(source).map(|record| &record.content)
    }

    /// The records that have no links, those that nobody here understands included, and their revisions.
    pub(crate) fn without_links(&self) -> impl Iterator<Item = (&EntityId, u64)> {
        self.records.iter().filter_map(|(id, record)| {
            let (links, odd) = record.content.as_ref().ok()?.model_links();
            (links.is_empty() && odd.is_empty()).then_some((id, record.revision))
        })
    }

    /// The last revision that had to do with links from or to `id`.
    pub(crate) fn revision_about(&self, id: &str) -> u64 {
        self.about.get(id).copied().unwrap_or_default()
    }

    /// All links.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.records.values().flat_map(|record| &record.links)
    }

    /// The links that begin at `source`.
    pub(crate) fn links_from(&self, source: &EntityId) -> &[Link] {
        self.records
            .get(source)
            .map_or(&[], |record| record.links.as_slice())
    }

    /// The ids at both ends of links that name the config.
    pub(crate) fn ends_with_config(&self, name: &ConfigName) -> BTreeSet<EntityId> {
        self.links()
            .filter(|link| link.source_config.contains(name) || link.target_config.contains(name))
            .flat_map(|link| [link.source.clone(), link.target.clone()])
            .collect()
    }

    fn put(&mut self, entry: &Entry) -> BTreeSet<EntityId> {
        let Ok(LatticeKey::Component(id)) = LatticeKey::parse(&entry.key) else {
            return BTreeSet::new();
        };
        let mut concerned = self.remove(&id);
        let content = ComponentRecord::decode(&entry.value).map_err(|source| {
            let key = entry.key.clone();
            Problem::new(&Error::Unreadable { key, source })
        });
        // Links that are no values of the model are nobody's business here, and stay where they are.
        let links = content
            .as_ref()
            .map(|record| record.model_links().0)
            .unwrap_or_default();
        concerned.insert(id.clone());
        concerned.extend(links.iter().map(|link| link.target.clone()));
        self.note(&concerned, entry.revision);
        let record = Record {
            revision: entry.revision,
            links,
            content,
        };
        self.records.insert(id, record);
        concerned
    }

    fn remove(&mut self, id: &EntityId) -> BTreeSet<EntityId> {
        let Some(record) = self.records.remove(id) else {
            return BTreeSet::new();
        };
        let targets = record.links.into_iter().map(|link| link.target);
        targets.chain([id.clone()]).collect()
    }

    /// Takes note of the last revision about `ids`.
    fn note(&mut self, ids: &BTreeSet<EntityId>, revision: u64) {
        // Ids that once had links pile up; forgetting them makes hosts count as being up to date sooner, nothing worse.
        if self.about.len() >= ABOUT_MAX {
            self.about.clear();
        }
        for id in ids {
            self.about.insert(id.clone(), revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(records: &mut Records, id: &str, target: Option<&str>, revision: u64) -> Vec<String> {
        let mut record = ComponentRecord::new("x:1");
        if let Some(target) = target {
            record.set_links(&[Link {
                source: id.parse().unwrap(),
                target: target.parse().unwrap(),
                name: Default::default(),
                package: "wasi:keyvalue".parse().unwrap(),
                interfaces: vec!["store".to_owned()],
                source_config: vec!["c".parse().unwrap()],
                target_config: Vec::new(),
            }]);
        }
        put_bytes(records, id, record.encode(), revision)
    }

    fn put_bytes(records: &mut Records, id: &str, value: Vec<u8>, revision: u64) -> Vec<String> {
        let change = Change::Put(Entry {
            key: format!("COMPONENT_{id}"),
            value: value.into(),
            revision,
        });
        let concerned = records.apply(change);
        concerned.into_iter().map(|id| id.to_string()).collect()
    }

    #[test]
    fn a_change_concerns_the_ends_of_its_links_before_and_after() {
        let mut records = Records::default();
        assert_eq!(put(&mut records, "web", Some("kv"), 1), ["kv", "web"]);
        assert_eq!(put(&mut records, "web", Some("db"), 2), ["db", "kv", "web"]);
        assert_eq!(records.revision_about("kv"), 2);
        assert_eq!(put(&mut records, "other", None, 3), ["other"]);
        assert_eq!(records.revision_about("web"), 2);
        let ends = records.ends_with_config(&"c".parse().unwrap());
        assert_eq!(ends.len(), 2);
        let deleted = Change::Deleted {
            key: "COMPONENT_web".to_owned(),
            revision: 4,
        };
        assert_eq!(records.apply(deleted).len(), 2);
        assert_eq!(records.revision_about("db"), 4);
        assert_eq!(records.links().count(), 0);
        assert_eq!(records.to_input().len(), 1);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_there_all_the_same() {
        let mut records = Records::default();
        put_bytes(&mut records, "web", b"[]".to_vec(), 1);
        let web = "web".parse().unwrap();
        assert_eq!(records.revision(&web), Some(1));
        let problem = records.content(&web).unwrap().as_ref().unwrap_err();
        assert_eq!(problem.code, "MGR002");
        assert!(put_bytes(&mut records, "not.an.id", Vec::new(), 2).is_empty());
    }
}
