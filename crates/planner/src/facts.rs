//! The input in the order in which planning asks for it.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::application::Application;
use weft_model::id::{ApplicationName, ConfigName, EntityId, HostId};

use crate::draft::Subject;
use crate::error::Error;
use crate::input::{ApplicationInput, Deployed, Failure, Input, LinkIdentity, LinkRecord, Policy};
use crate::plan::{Action, Object};
use crate::running::{Kind, Owner, Owners, Running, index_running};
use crate::spread::Hosts;

/// The input, indexed. All iteration is in the order of ids, whatever the order of the input.
pub(crate) struct Facts<'a> {
    pub(crate) input: &'a Input,
    pub(crate) hosts: Hosts<'a>,
    /// The hosts that take work: those that do not drain.
    pub(crate) takers: Hosts<'a>,
    /// Deployed applications, the first with a claim first.
    pub(crate) deployed: Vec<(&'a ApplicationName, &'a Deployed)>,
    pub(crate) applications: BTreeMap<&'a ApplicationName, &'a ApplicationInput>,
    pub(crate) records: BTreeMap<&'a EntityId, &'a LinkRecord>,
    /// What runs, by id, then by host.
    running: BTreeMap<&'a str, Vec<Running<'a>>>,
    pending: BTreeMap<Object, &'a Action>,
    failures: BTreeMap<FailureKey<'a>, &'a Failure>,
    id_winners: BTreeMap<&'a str, (&'a ApplicationName, Kind)>,
    config_winners: BTreeMap<&'a ConfigName, &'a ApplicationName>,
    /// Links of deployed applications whose source is no other application's.
    wanted_links: BTreeSet<LinkIdentity>,
    /// Who put a link, or wants it.
    link_owners: BTreeMap<LinkIdentity, &'a ApplicationName>,
}

/// Application, version, id and host.
type FailureKey<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The hosts that take work.
fn takers<'a>(hosts: &Hosts<'a>, policy: &Policy) -> Hosts<'a> {
    let hosts = hosts.iter().map(|(&id, &host)| (id, host));
    hosts.filter(|(_, host)| policy.is_taker(host)).collect()
}

// ===== impl Facts =====

impl<'a> Facts<'a> {
    pub(crate) fn new(input: &'a Input) -> Self {
        let deployed = in_order_of_claims(input);
        let mut id_winners = BTreeMap::new();
        let mut config_winners = BTreeMap::new();
        for &(name, deployed) in &deployed {
            for (id, kind) in ids(&deployed.application) {
                id_winners.entry(id).or_insert((name, kind));
            }
            for config in deployed.application.configs.keys() {
                config_winners.entry(config).or_insert(name);
            }
        }
        let applications: BTreeMap<_, _> = input
            .applications
            .iter()
            .map(|application| (&application.name, application))
            .collect();
        let wanted_links = wanted_links(&deployed, &id_winners);
        let link_owners = link_owners(&deployed, &applications);
        let hosts: Hosts<'_> = input.hosts.iter().map(|host| (&host.host, host)).collect();
        let owners = Owners::new(
            &input.policy.managed_by,
            deployed.iter().map(|(_, deployed)| &deployed.application),
        );

        Self {
            input,
            running: index_running(&hosts, &owners),
            takers: takers(&hosts, &input.policy),
            hosts,
            deployed,
            applications,
            records: input
                .records
                .iter()
                .map(|record| (&record.source, record))
                .collect(),
            pending: input
                .pending
                .iter()
                .map(|action| (action.object(), action))
                .collect(),
            failures: input
                .failures
                .iter()
                .map(|failure| {
                    let key = (
                        failure.application.as_str(),
                        failure.version.as_str(),
                        failure.id.as_str(),
                        failure.host.as_str(),
                    );
                    (key, failure)
                })
                .collect(),
            id_winners,
            config_winners,
            wanted_links,
            link_owners,
        }
    }

    /// Everything that runs, by id and host.
    pub(crate) fn all_running(&self) -> impl Iterator<Item = &Running<'a>> {
        self.running.values().flatten()
    }

    /// Everything that runs under `id`, by host.
    pub(crate) fn running(&self, id: &str) -> &[Running<'a>] {
        self.running.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether anything runs under `id`.
    pub(crate) fn is_running(&self, id: &EntityId) -> bool {
        !self.running(id.as_str()).is_empty()
    }

    /// The deployed application that has the id, if any claims it.
    pub(crate) fn id_winner(&self, id: &str) -> Option<&'a ApplicationName> {
        self.id_winners.get(id).map(|(winner, _)| *winner)
    }

    /// Whether the deployed revision of `application` has `running`: the id is its, and of this kind.
    pub(crate) fn wants(&self, application: &ApplicationName, running: &Running<'_>) -> bool {
        self.id_winners
            .get(running.id())
            .is_some_and(|&(winner, kind)| winner == application && kind == running.kind())
    }

    /// The deployed application that brings the config along, if any does.
    pub(crate) fn config_winner(&self, name: &ConfigName) -> Option<&'a ApplicationName> {
        self.config_winners.get(name).copied()
    }

    /// Why `application` cannot use the config `name`: it does not exist, nor will it once the configs of this plan are
    /// put, or the application brings it along and another one was first.
    pub(crate) fn config_problem(
        &self,
        application: &ApplicationName,
        name: &ConfigName,
    ) -> Option<Error> {
        match self.config_winner(name) {
            Some(winner) if winner == application => None,
            Some(winner) if self.brings_config(application, name) => Some(Error::ConfigClaimed {
                name: name.clone(),
                winner: winner.clone(),
            }),
            Some(_) => None,
            None if self.input.configs.contains_key(name) => None,
            None => Some(Error::ConfigMissing { name: name.clone() }),
        }
    }

    fn brings_config(&self, application: &ApplicationName, name: &ConfigName) -> bool {
        self.revision(application)
            .is_some_and(|deployed| deployed.application.configs.contains_key(name))
    }

    /// Why nobody may touch `id`: something that is not ours runs under it.
    pub(crate) fn foreign_problem(&self, id: &EntityId) -> Option<Error> {
        self.running(id.as_str())
            .iter()
            .find_map(|running| match &running.owner {
                Owner::Foreign(manager) => Some(Error::IdForeign {
                    id: id.clone(),
                    host: running.host.clone(),
                    manager: manager.map(str::to_owned),
                }),
                Owner::Application(_) => None,
            })
    }

    /// Whether a deployed application wants the link and has its source.
    pub(crate) fn wants_link(&self, identity: &LinkIdentity) -> bool {
        self.wanted_links.contains(identity)
    }

    /// The application that put the link or wants it; `None` for foreign links.
    pub(crate) fn link_owner(&self, identity: &LinkIdentity) -> Option<&'a ApplicationName> {
        self.link_owners.get(identity).copied()
    }

    /// The revision of `application` that is to run.
    pub(crate) fn revision(&self, application: &ApplicationName) -> Option<&'a Deployed> {
        self.applications.get(application)?.deployed.as_ref()
    }

    /// The action about `object` that is under way.
    pub(crate) fn pending(&self, object: &Object) -> Option<&'a Action> {
        self.pending.get(object).copied()
    }

    /// What `host` reported about `subject`.
    pub(crate) fn failure(&self, subject: &Subject<'_>, host: &HostId) -> Option<&'a Failure> {
        let application = subject.application.as_str();
        self.failures
            .get(&(application, subject.version, subject.id, host.as_str()))
            .copied()
    }
}

/// Links of deployed applications whose source is no other application's.
fn wanted_links(
    deployed: &[(&ApplicationName, &Deployed)],
    id_winners: &BTreeMap<&str, (&ApplicationName, Kind)>,
) -> BTreeSet<LinkIdentity> {
    let mut wanted = BTreeSet::new();
    for &(name, deployed) in deployed {
        for link in &deployed.application.links {
            let winner = id_winners.get(link.source.as_str());
            if winner.is_none_or(|(winner, _)| *winner == name) {
                wanted.insert(LinkIdentity::of(link));
            }
        }
    }
    wanted
}

/// Whose each link is: the first's that wants it, else that of the one whose revisions have put it.
fn link_owners<'a>(
    deployed: &[(&'a ApplicationName, &'a Deployed)],
    applications: &BTreeMap<&'a ApplicationName, &'a ApplicationInput>,
) -> BTreeMap<LinkIdentity, &'a ApplicationName> {
    let mut owners = BTreeMap::new();
    for &(name, deployed) in deployed {
        for link in &deployed.application.links {
            owners.entry(LinkIdentity::of(link)).or_insert(name);
        }
    }
    for (&name, application) in applications {
        for identity in &application.owned.links {
            owners.entry(identity.clone()).or_insert(name);
        }
    }
    owners
}

/// The deployed applications: the lowest rank first, then by name.
fn in_order_of_claims(input: &Input) -> Vec<(&ApplicationName, &Deployed)> {
    let mut deployed: Vec<(&ApplicationName, &Deployed)> = input
        .applications
        .iter()
        .filter_map(|application| Some((&application.name, application.deployed.as_ref()?)))
        .collect();
    deployed.sort_by_key(|(name, deployed)| (deployed.rank, *name));
    deployed
}

/// The ids of an application's components and providers.
fn ids(application: &Application) -> impl Iterator<Item = (&str, Kind)> {
    let components = application.components.iter();
    let providers = application.providers.iter();
    components
        .map(|one| (one.id.as_str(), Kind::Component))
        .chain(providers.map(|one| (one.id.as_str(), Kind::Provider)))
}
