//! What is to be done.

use std::fmt;

use weft_model::application::Config;
use weft_model::digest::Digest;
use weft_model::id::{ApplicationName, ComponentId, ConfigName, EntityId, HostId, ProviderId};
use weft_model::labels::Annotations;
use weft_model::limits::LimitOverrides;
use weft_model::link::Link;

/// Actions in the order in which they are to be carried out, each after the one before was acknowledged.
///
/// A plan is one step towards the desired state, not the whole way: what has to wait until something is observed is
/// left to a later plan. The plan of the desired state is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// The actions, by phase.
    pub steps: Vec<Step>,
}

/// One action with its reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// The application it serves.
    pub application: ApplicationName,
    /// Which part of the plan it belongs to.
    pub phase: Phase,
    /// What to do.
    pub action: Action,
    /// Why: one line for people, without final period.
    pub reason: String,
}

/// The parts of a plan, in their order: what others need comes first, and what nobody needs any more goes last.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Phase {
    /// Configs that are new or changed.
    Configs,
    /// Providers that start, also those that stop and start to change.
    StartProviders,
    /// Components that start, grow or change.
    ScaleComponents,
    /// Records that gain or change links.
    Links,
    /// Components that shrink or end. Their calls end on the links that they have.
    DrainComponents,
    /// Providers that end.
    StopProviders,
    /// Records that only lose links.
    Unlink,
    /// Configs that nobody uses.
    DeleteConfigs,
}

/// Something to do, with nothing left to decide. All actions may be repeated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Creates or replaces a config.
    PutConfig {
        /// Its name.
        name: ConfigName,
        /// Its whole content.
        values: Config,
    },
    /// Removes a config.
    DeleteConfig {
        /// Its name.
        name: ConfigName,
    },
    /// Starts a provider on a host where its id does not run.
    StartProvider {
        /// Where.
        host: HostId,
        /// Its id.
        id: ProviderId,
        /// The reference, as written.
        image: String,
        /// What its bytes have to be.
        digest: Option<Digest>,
        /// Its configs, merged left to right.
        config: Vec<ConfigName>,
        /// What it carries; see [`weft_model::annotation`].
        annotations: Annotations,
    },
    /// Stops a provider.
    StopProvider {
        /// Where.
        host: HostId,
        /// Its id.
        id: ProviderId,
    },
    /// Sets how often a component may run on a host at once; starts it, changes it, or ends it with 0.
    ScaleComponent {
        /// Where.
        host: HostId,
        /// Its id.
        id: ComponentId,
        /// The reference, as written; when it ends, that of what runs.
        image: String,
        /// What its bytes have to be.
        digest: Option<Digest>,
        /// Instances at once.
        count: u32,
        /// Its configs, merged left to right.
        config: Vec<ConfigName>,
        /// What it may use.
        limits: LimitOverrides,
        /// What it carries; see [`weft_model::annotation`].
        annotations: Annotations,
        /// Whether what runs is to be replaced in place, new up before old drained.
        allows_update: bool,
    },
    /// Replaces all links of a record, unless it has changed meanwhile.
    SetLinks {
        /// Whose links.
        source: EntityId,
        /// The revision that the record still has to have; `None` when there must be none.
        expected: Option<u64>,
        /// All its links, foreign ones included, in order.
        links: Vec<Link>,
    },
}

/// What an action is about. Of several actions about one object only the last one counts.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Object {
    /// A config.
    Config(ConfigName),
    /// A component on a host.
    Component(HostId, ComponentId),
    /// A provider on a host.
    Provider(HostId, ProviderId),
    /// The record of a source of links.
    Record(EntityId),
}

// ===== impl Action =====

impl Action {
    /// What the action is about.
    pub fn object(&self) -> Object {
        match self {
            Self::PutConfig { name, .. } | Self::DeleteConfig { name } => {
                Object::Config(name.clone())
            }
            Self::StartProvider { host, id, .. } | Self::StopProvider { host, id } => {
                Object::Provider(host.clone(), id.clone())
            }
            Self::ScaleComponent { host, id, .. } => Object::Component(host.clone(), id.clone()),
            Self::SetLinks { source, .. } => Object::Record(source.clone()),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PutConfig { name, .. } => write!(f, "put config `{name}`"),
            Self::DeleteConfig { name } => write!(f, "delete config `{name}`"),
            Self::StartProvider {
                host, id, image, ..
            } => write!(f, "start provider `{id}` on `{host}` from `{image}`"),
            Self::StopProvider { host, id } => write!(f, "stop provider `{id}` on `{host}`"),
            Self::ScaleComponent {
                host,
                id,
                image,
                count,
                allows_update,
                ..
            } => match (count, allows_update) {
                (0, _) => write!(f, "end component `{id}` on `{host}`"),
                (_, true) => write!(
                    f,
                    "update component `{id}` on `{host}` to {count} of `{image}`"
                ),
                (_, false) => write!(
                    f,
                    "scale component `{id}` on `{host}` to {count} of `{image}`"
                ),
            },
            Self::SetLinks { source, links, .. } => {
                write!(f, "set the links of `{source}` ({})", links.len())
            }
        }
    }
}
