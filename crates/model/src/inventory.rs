//! What a host says it runs.

use std::time::Duration;

use crate::id::{ComponentId, HostId, ProviderId};
use crate::labels::{Annotations, Labels};
use crate::limits::LimitOverrides;
use crate::problem::Problem;

/// One host and what it runs, as its inventory and heartbeats report it (spec §1.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostInventory {
    /// The host.
    pub host: HostId,
    /// A name for people; not unique.
    pub friendly_name: String,
    /// Labels for placement.
    pub labels: Labels,
    /// The version of the host's software.
    pub version: String,
    /// Time since the host started.
    pub uptime: Duration,
    /// Running components, each id at most once.
    pub components: Vec<ComponentInventory>,
    /// Running providers, each id at most once.
    pub providers: Vec<ProviderInventory>,
    /// How far the host had come with the state of the lattice when it said this; `None` where it does not tell.
    pub passed: Option<PassedRevisions>,
}

/// Revisions of the buckets of a lattice up to which a host has acted on every write: what it says of links and configs
/// holds for these, and for nothing newer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PassedRevisions {
    /// Of the bucket of component records, which hold the links.
    pub records: u64,
    /// Of the bucket of configs.
    pub configs: u64,
}

/// A component on a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ComponentInventory {
    /// The component.
    pub id: ComponentId,
    /// The reference it was started from, as written.
    pub image: String,
    /// A name from its claims.
    pub name: Option<String>,
    /// Annotations of the command that started it.
    pub annotations: Annotations,
    /// How many of its instances may run at once.
    pub instances_max: u32,
    /// The limits that the command asked for.
    pub limits: Option<LimitOverrides>,
    /// What keeps its links from being served, as long as it lasts.
    pub problems: Vec<Problem>,
}

/// A provider on a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderInventory {
    /// The provider.
    pub id: ProviderId,
    /// The reference it was started from, as written.
    pub image: Option<String>,
    /// A name from its claims.
    pub name: Option<String>,
    /// Annotations of the command that started it.
    pub annotations: Annotations,
    /// What stands in for the backend that its image means, for people.
    pub substitution: Option<String>,
    /// What keeps it or its links from being served, as long as it lasts.
    pub problems: Vec<Problem>,
}
