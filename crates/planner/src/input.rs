//! The facts that a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::application::{Application, Config};
use weft_model::id::{ApplicationName, ConfigName, EntityId, HostId, LinkName, ProviderId};
use weft_model::interface::PackageName;
use weft_model::inventory::HostInventory;
use weft_model::link::Link;
use weft_model::problem::Problem;

use crate::plan::Action;

/// Everything there is to know. The order of its lists does not matter.
///
/// It has to be complete: what runs under our annotations for an application that is not in `applications` is taken
/// for a leftover and stopped.
#[derive(Clone, Debug)]
pub struct Input {
    /// Who we are.
    pub policy: Policy,
    /// All applications that are stored, and those that were deleted and may have left something; names are unique.
    pub applications: Vec<ApplicationInput>,
    /// The hosts that are alive, with what they run; ids are unique. Who is alive is the caller's decision.
    pub hosts: Vec<HostInventory>,
    /// Providers whose last report of health was bad.
    pub unhealthy: BTreeSet<(HostId, ProviderId)>,
    /// The `COMPONENT_{id}` records; sources are unique.
    pub records: Vec<LinkRecord>,
    /// The configs that exist, by name.
    pub configs: BTreeMap<ConfigName, Config>,
    /// Actions that were carried out so recently that what they do may not be observed yet; the caller decides how
    /// long that is, and takes out those that are known to have failed. At most one about each [`Object`](crate::Object): the last one.
    /// An equal action is not planned again; one that differs is, and supersedes it.
    pub pending: Vec<Action>,
    /// What hosts could not do.
    pub failures: Vec<Failure>,
}

/// Who we are.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The value of the annotation `wasmcloud.dev/managed-by` of all that is ours.
    pub managed_by: String,
    /// The label of hosts that give their work to others and take no new; any value but `false` means so.
    pub draining_label: String,
}

/// One application.
#[derive(Clone, Debug)]
pub struct ApplicationInput {
    /// Its name.
    pub name: ApplicationName,
    /// The revision that is to run; `None` removes all that the application left.
    pub deployed: Option<Deployed>,
    /// The links and configs that any of its revisions has put, the present one included or not.
    pub owned: Owned,
}

/// The revision of an application that is to run.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The position of the application among all deployed ones: the lower one keeps an id that two of them claim. It
    /// stays the same when another revision is deployed. Ties go to the lesser name.
    pub rank: u64,
    /// The version of the revision, which failures are kept apart by.
    pub version: String,
    /// What is to run; no two of its links have one [`LinkIdentity`].
    pub application: Application,
}

/// What is an application's own among things that carry no annotations.
///
/// Links stand in records that others write as well, and configs are shared by name. Both are ours when a revision
/// of ours put them; everything else is foreign and never touched.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Owned {
    /// The links.
    pub links: BTreeSet<LinkIdentity>,
    /// The configs.
    pub configs: BTreeSet<ConfigName>,
}

/// What makes a link the same link when its interfaces or configs change (spec §1.3).
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct LinkIdentity {
    /// Who calls.
    pub source: EntityId,
    /// Who is called.
    pub target: EntityId,
    /// The name of the link.
    pub name: LinkName,
    /// The package of its interfaces.
    pub package: PackageName,
}

/// The `COMPONENT_{source}` record of a source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkRecord {
    /// Whose links these are.
    pub source: EntityId,
    /// The revision of the record, which a change of it has to name.
    pub revision: u64,
    /// The links, in the order of the record.
    pub links: Vec<Link>,
}

/// A host reported that it could not start or change something.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The host.
    pub host: HostId,
    /// The component or provider.
    pub id: EntityId,
    /// The application it was for.
    pub application: ApplicationName,
    /// The version of the revision that it was for. Another revision is tried at once.
    pub version: String,
    /// What the host said.
    pub problem: Problem,
    /// Whether it is time to try again; the caller decides how long to wait.
    pub is_retry_due: bool,
}

// ===== impl Policy =====

impl Policy {
    /// Whether `host` takes work.
    pub(crate) fn is_taker(&self, host: &HostInventory) -> bool {
        let value = host.labels.get(&self.draining_label);
        value.is_none_or(|value| value == "false")
    }
}

// ===== impl Owned =====

impl Owned {
    /// What the revisions of one application have put.
    pub fn by<'a>(revisions: impl IntoIterator<Item = &'a Application>) -> Self {
        let mut owned = Self::default();
        for application in revisions {
            owned
                .links
                .extend(application.links.iter().map(LinkIdentity::of));
            owned.configs.extend(application.configs.keys().cloned());
        }
        owned
    }
}

// ===== impl LinkIdentity =====

impl LinkIdentity {
    /// The identity of `link`.
    pub fn of(link: &Link) -> Self {
        Self {
            source: link.source.clone(),
            target: link.target.clone(),
            name: link.name.clone(),
            package: link.package.clone(),
        }
    }
}
