//! What is to run: the deployed revisions, read and understood.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weft_model::application::Application;
use weft_model::id::ApplicationName;
use weft_model::problem::Problem;
use weft_planner::{ApplicationInput, Deployed, LinkIdentity, Owned};

use crate::catalog::Catalog;
use crate::catalog::record::{ApplicationRecord, RevisionId};
use crate::configs::Configs;
use crate::records::Records;

/// The revisions of which something runs or may be left.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    revisions: BTreeMap<RevisionId, Revision>,
}

/// What became of reading a revision.
#[derive(Clone, Debug)]
pub(crate) enum Loaded {
    /// This is what it asks for.
    Application(Arc<Application>),
    /// It is there and cannot be used.
    Unusable(Problem),
    /// It is not there any more, so nothing is known of what it left.
    Missing(Problem),
    /// The store did not answer.
    Unavailable,
}

#[derive(Debug)]
enum Revision {
    Loading,
    Loaded(Loaded),
}

/// The applications as the planner wants them.
#[derive(Debug, Default)]
pub(crate) struct Applications {
    pub(crate) inputs: Vec<ApplicationInput>,
    /// Applications whose deployed revision cannot be used: nothing of theirs is touched.
    pub(crate) frozen: BTreeMap<ApplicationName, Problem>,
}

// ===== impl Desired =====

impl Desired {
    /// The revisions that have to be read; they are being read from now on. What is not needed any more is forgotten.
    pub(crate) fn take_missing(&mut self, catalog: &Catalog) -> Vec<(ApplicationName, RevisionId)> {
        let needed: BTreeMap<RevisionId, ApplicationName> = catalog
            .applications()
            .flat_map(|(name, stored)| {
                let revisions = stored.record.revisions_in_use();
                revisions.map(|revision| (revision.clone(), name.clone()))
            })
            .collect();
        self.revisions
            .retain(|revision, _| needed.contains_key(revision));
        let mut missing = Vec::new();
        for (revision, name) in needed {
            if !self.revisions.contains_key(&revision) {
                self.revisions.insert(revision.clone(), Revision::Loading);
                missing.push((name, revision));
            }
        }
        missing
    }

    /// A revision was read, or not.
    pub(crate) fn take_loaded(&mut self, id: &RevisionId, loaded: Loaded) {
        if let Some(revision) = self.revisions.get_mut(id) {
            *revision = Revision::Loaded(loaded);
        }
    }

    /// Has everything that could not be read be read again.
    pub(crate) fn forget_failed(&mut self) {
        self.revisions.retain(|_, revision| {
            matches!(
                revision,
                Revision::Loading | Revision::Loaded(Loaded::Application(_))
            )
        });
    }

    /// Whether nothing is being read.
    pub(crate) fn is_complete(&self) -> bool {
        self.revisions
            .values()
            .all(|revision| matches!(revision, Revision::Loaded(_)))
    }

    /// The application of a revision.
    pub(crate) fn application(&self, id: &RevisionId) -> Option<&Arc<Application>> {
        match self.revisions.get(id)? {
            Revision::Loaded(Loaded::Application(application)) => Some(application),
            _ => None,
        }
    }

    /// The applications as the planner wants them.
    pub(crate) fn to_input(&self, catalog: &Catalog) -> Applications {
        let mut applications = Applications::default();
        for (name, stored) in catalog.applications() {
            let record = &stored.record;
            let revisions: Vec<&Application> = record
                .revisions_in_use()
                .filter_map(|revision| self.application(revision))
                .map(Arc::as_ref)
                .collect();
            let deployed = match self.deployed(record) {
                Ok(deployed) => deployed,
                Err(problem) => {
                    applications.frozen.insert(name.clone(), problem);
                    None
                }
            };
            applications.inputs.push(ApplicationInput {
                name: name.clone(),
                deployed,
                owned: Owned::by(revisions),
            });
        }
        applications
    }

    /// The applications that claim ids, by id: the first one where several do.
    pub(crate) fn claims(&self, catalog: &Catalog) -> BTreeMap<String, ApplicationName> {
        let mut deployed: Vec<_> = catalog
            .applications()
            .filter_map(|(name, stored)| {
                let deployed = stored.record.deployed.as_ref()?;
                Some((deployed.rank, name, self.application(&deployed.revision)?))
            })
            .collect();
        deployed.sort_by_key(|(rank, name, _)| (*rank, *name));
        let mut claims = BTreeMap::new();
        for (_, name, application) in deployed {
            for id in ids(application) {
                claims.entry(id.to_owned()).or_insert_with(|| name.clone());
            }
        }
        claims
    }

    /// The remnants of an application that may still have left something.
    ///
    /// What runs is known by its annotations. A remnant is needed for its links and configs alone, as long as one is there
    /// that no other revision that is kept has too.
    pub(crate) fn needed_remnants(
        &self,
        record: &ApplicationRecord,
        records: &Records,
        configs: &Configs,
    ) -> BTreeSet<RevisionId> {
        let mut accounted = Owned::default();
        let deployed = record.deployed.iter().map(|one| &one.revision);
        for application in deployed.filter_map(|revision| self.application(revision)) {
            extend(&mut accounted, application);
        }
        let present: BTreeSet<LinkIdentity> = records.links().map(LinkIdentity::of).collect();
        let mut needed = BTreeSet::new();
        // The newest first, as it has most in common with what is deployed.
        for revision in record.remnants.iter().rev() {
            let is_needed = match self.revisions.get(revision) {
                Some(Revision::Loaded(Loaded::Application(application))) => {
                    let is_new = has_unaccounted(application, &accounted, &present, configs);
                    if is_new {
                        extend(&mut accounted, application);
                    }
                    is_new
                }
                Some(Revision::Loaded(Loaded::Missing(_))) => false,
                _ => true,
            };
            if is_needed {
                needed.insert(revision.clone());
            }
        }
        needed
    }

    fn deployed(&self, record: &ApplicationRecord) -> Result<Option<Deployed>, Problem> {
        let Some(deployed) = &record.deployed else {
            return Ok(None);
        };
        match self.revisions.get(&deployed.revision) {
            Some(Revision::Loaded(Loaded::Application(application))) => Ok(Some(Deployed {
                rank: deployed.rank,
                version: deployed.version.clone(),
                application: application.as_ref().clone(),
            })),
            Some(Revision::Loaded(Loaded::Unusable(problem) | Loaded::Missing(problem))) => {
                Err(problem.clone())
            }
            Some(Revision::Loading | Revision::Loaded(Loaded::Unavailable)) | None => {
                Err(unavailable())
            }
        }
    }
}

/// The ids of an application's components and providers.
pub(crate) fn ids(application: &Application) -> impl Iterator<Item = &str> {
    let components = application.components.iter().map(|one| one.id.as_str());
    components.chain(application.providers.iter().map(|one| one.id.as_str()))
}

fn unavailable() -> Problem {
    Problem::new(&crate::error::Error::Behind)
}

fn extend(owned: &mut Owned, application: &Application) {
    let more = Owned::by([application]);
    owned.links.extend(more.links);
    owned.configs.extend(more.configs);
}

/// Whether a link or config of the application is there that is not among `accounted`.
fn has_unaccounted(
    application: &Application,
    accounted: &Owned,
    present: &BTreeSet<LinkIdentity>,
    configs: &Configs,
) -> bool {
    let mut links = application.links.iter().map(LinkIdentity::of);
    links.any(|link| present.contains(&link) && !accounted.links.contains(&link))
        || application
            .configs
            .keys()
            .any(|name| configs.all().contains_key(name) && !accounted.configs.contains(name))
}
