//! What an application asks for: a manifest after validation.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::id::{ApplicationName, ComponentId, ConfigName, ProviderId};
use crate::labels::Labels;
use crate::limits::LimitOverrides;
use crate::link::Link;
use crate::reference::Reference;

/// A config: key to value.
pub type Config = BTreeMap<String, String>;

/// One revision of an application: everything that is to run and how it is joined. Ids, links and configs are unique
/// within it; every link end and every config name it uses is either in it or, for configs, in the lattice already.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Application {
    /// The name of the application.
    pub name: ApplicationName,
    /// The version given by its author, if any.
    pub version: Option<String>,
    /// A sentence for people.
    pub description: Option<String>,
    /// The manager whose things, started for an application of this name, are this one's: the value of
    /// [`MANAGED_BY`](crate::annotation::MANAGED_BY) on them. They are replaced in place, one after the other.
    pub adopts: Option<String>,
    /// Its components, in the order of the manifest.
    pub components: Vec<ComponentSpec>,
    /// Its providers, in the order of the manifest.
    pub providers: Vec<ProviderSpec>,
    /// Its links, in the order of the manifest.
    pub links: Vec<Link>,
    /// The configs that it brings along.
    pub configs: BTreeMap<ConfigName, Config>,
}

/// A component that an application asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ComponentSpec {
    /// Its name within the manifest.
    pub name: String,
    /// Its id in the lattice (spec §9.9).
    pub id: ComponentId,
    /// Where its bytes are.
    pub image: Reference,
    /// What its bytes are, where the author recorded it.
    pub digest: Option<Digest>,
    /// Configs it reads, merged left to right.
    pub config: Vec<ConfigName>,
    /// Limits it asks for.
    pub limits: LimitOverrides,
    /// Where and how often it runs.
    pub placement: Placement,
}

/// A provider that an application asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderSpec {
    /// Its name within the manifest.
    pub name: String,
    /// Its id in the lattice (spec §9.9).
    pub id: ProviderId,
    /// Where its archive is, or which built-in it is.
    pub image: Reference,
    /// What its bytes are, where the author recorded it.
    pub digest: Option<Digest>,
    /// Configs it reads, merged left to right.
    pub config: Vec<ConfigName>,
    /// Where and how often it runs.
    pub placement: Placement,
}

/// Where and how often something runs (spec §9.8).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Placement {
    /// How `instances` is meant.
    pub rule: PlacementRule,
    /// For components the number of instances that may run at once; for providers the number of hosts.
    pub instances: u32,
    /// How the number is shared among groups of hosts; empty means all hosts are one group.
    pub spread: Vec<Spread>,
}

/// How the number of a [`Placement`] is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlacementRule {
    /// The number is a total, shared by weight.
    Spread,
    /// The number is for each matching host.
    Daemon,
}

/// A group of hosts and its share.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spread {
    /// The name of the group; unique within its placement.
    pub name: String,
    /// The share of the group relative to the others; 100 unless given.
    pub weight: u64,
    /// Labels that a host of the group has.
    pub requirements: Labels,
}
