//! The catalog: what is stored of applications, as a value.
//!
//! [`Catalog`] follows the bucket of applications; [`edit`] has the changes of one application. Both are pure, the bucket
//! itself is the business of [`crate::store`].

pub(crate) mod edit;
pub(crate) mod key;
mod orphans;
pub(crate) mod record;
pub(crate) mod revision;
pub(crate) mod status;
mod text;

pub(crate) use orphans::Orphans;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use weft_lattice::bucket::{Change, Entry};
use weft_model::id::ApplicationName;

use self::key::Kind;
use self::record::{ApplicationRecord, RevisionId};
use self::status::StatusRecord;
use crate::error::Error;

/// How many revisions are remembered as they come by, and how large they may be together: whoever deploys has usually
/// put a moment ago.
const RECENT_MAX: usize = 32;
const RECENT_BYTES_MAX: usize = 8 << 20;

/// What is stored, as far as the watch of the bucket has told.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    applications: BTreeMap<ApplicationName, Stored>,
    statuses: BTreeMap<ApplicationName, Arc<StatusRecord>>,
    /// Whose statuses they are, by key.
    status_keys: BTreeMap<String, ApplicationName>,
    /// The keys of all revisions.
    revision_keys: BTreeSet<String>,
    /// Revisions that came by lately, the newest last.
    recent: VecDeque<(String, Bytes)>,
    /// Applications whose entry cannot be read, by key.
    unreadable: BTreeMap<String, Error>,
    is_listed: bool,
}

/// The record of an application, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// The record.
    pub(crate) record: Arc<ApplicationRecord>,
    /// The revision of its entry.
    pub(crate) revision: u64,
}

/// What a change of the bucket is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum News {
    /// What is stored of this application, or of all of them.
    Application(Option<ApplicationName>),
    /// What is said of an application.
    Status,
    /// Nothing that anything follows from.
    Nothing,
}

// ===== impl Catalog =====

impl Catalog {
    /// Takes a change of the bucket in.
    pub(crate) fn apply(&mut self, change: Change) -> News {
        match change {
            Change::Put(entry) => self.put(entry),
            Change::Deleted { key, .. } => self.delete(&key),
            Change::Listed { .. } => {
                self.is_listed = true;
                News::Application(None)
            }
            _ => News::Nothing,
        }
    }

    /// Whether everything that was stored when the manager started is known.
    pub(crate) fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// All applications, deleted ones that may have left something included.
    pub(crate) fn applications(&self) -> impl Iterator<Item = (&ApplicationName, &Stored)> {
        self.applications.iter()
    }

    /// What is stored of an application.
    pub(crate) fn application(&self, name: &ApplicationName) -> Option<&Stored> {
        self.applications.get(name)
    }

    /// The stored statuses.
    pub(crate) fn statuses(&self) -> &BTreeMap<ApplicationName, Arc<StatusRecord>> {
        &self.statuses
    }

    /// Why entries of applications cannot be read, by key.
    pub(crate) fn unreadable(&self) -> &BTreeMap<String, Error> {
        &self.unreadable
    }

    /// A revision, where it came by lately.
    pub(crate) fn recent(&self, name: &ApplicationName, id: &RevisionId) -> Option<Bytes> {
        let key = key::revision(name, id);
        let mut recent = self.recent.iter();
        recent
            .find(|(one, _)| *one == key)
            .map(|(_, bytes)| bytes.clone())
    }

    /// Revisions and statuses that no application has, by key. Nothing while an application cannot be read: they might
    /// be its.
    pub(crate) fn unreferenced(&self) -> BTreeSet<&str> {
        if !self.is_listed || !self.unreadable.is_empty() {
            return BTreeSet::new();
        }
        let referenced: BTreeSet<String> = self
            .applications
            .iter()
            .flat_map(|(name, stored)| {
                let revisions = stored.record.revisions();
                revisions.into_iter().map(|id| key::revision(name, id))
            })
            .collect();
        let revisions = self
            .revision_keys
            .iter()
            .filter(|key| !referenced.contains(*key));
        let statuses = self
            .status_keys
            .iter()
            .filter(|(_, name)| !self.applications.contains_key(*name));
        revisions
            .chain(statuses.map(|(key, _)| key))
            .map(String::as_str)
            .collect()
    }

    fn put(&mut self, entry: Entry) -> News {
        match key::kind(&entry.key) {
            Kind::Application => self.put_application(entry),
            Kind::Status => match StatusRecord::decode(&entry.key, &entry.value) {
                Ok(status) => {
                    self.status_keys.insert(entry.key, status.name.clone());
                    self.statuses.insert(status.name.clone(), Arc::new(status));
                    News::Status
                }
                // It is written anew when something about it changes.
                Err(_) => News::Nothing,
            },
            Kind::Revision => {
                self.revision_keys.insert(entry.key.clone());
                self.recent.push_back((entry.key, entry.value));
                self.forget_older();
                News::Nothing
            }
            Kind::Other => News::Nothing,
        }
    }

    fn put_application(&mut self, entry: Entry) -> News {
        match ApplicationRecord::decode(&entry.key, &entry.value) {
            Ok(record) => {
                self.unreadable.remove(&entry.key);
                let name = record.name.clone();
                let stored = Stored {
                    record: Arc::new(record),
                    revision: entry.revision,
                };
                self.applications.insert(name.clone(), stored);
                News::Application(Some(name))
            }
            Err(error) => {
                let name = self.remove_application(&entry.key);
                self.unreadable.insert(entry.key, error);
                News::Application(name)
            }
        }
    }

    fn remove_application(&mut self, key: &str) -> Option<ApplicationName> {
        let mut names = self.applications.keys();
        let name = names.find(|name| key::application(name) == key)?.clone();
        self.applications.remove(&name);
        Some(name)
    }

    fn delete(&mut self, key: &str) -> News {
        match key::kind(key) {
            Kind::Application => {
                self.unreadable.remove(key);
                News::Application(self.remove_application(key))
            }
            Kind::Status => {
                if let Some(name) = self.status_keys.remove(key) {
                    self.statuses.remove(&name);
                }
                News::Status
            }
            Kind::Revision => {
                self.revision_keys.remove(key);
                self.recent.retain(|(one, _)| one != key);
                News::Nothing
            }
            Kind::Other => News::Nothing,
        }
    }

    fn forget_older(&mut self) {
        let mut bytes: usize = self.recent.iter().map(|(_, value)| value.len()).sum();
        while self.recent.len() > RECENT_MAX || bytes > RECENT_BYTES_MAX {
            match self.recent.pop_front() {
                Some((_, value)) => bytes -= value.len(),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
