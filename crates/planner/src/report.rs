//! How far each application is, and why.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::application::PlacementRule;
use weft_model::id::{ApplicationName, ComponentId, ConfigName, ProviderId};
use weft_model::problem::Problem;

use crate::input::LinkIdentity;

/// What a plan was made for: the state of everything that is desired.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// All applications of the input, and those that are known from what they left only.
    pub applications: BTreeMap<ApplicationName, ApplicationReport>,
}

/// The state of one application.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ApplicationReport {
    /// The version that is to run; `None` when none is.
    pub version: Option<String>,
    /// The parts of that revision: configs by name, then components, providers and links in the order of the manifest.
    pub parts: Vec<Part>,
    /// What is still there of revisions that are not to run.
    pub leftovers: Leftovers,
}

/// One part of an application.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// What it is.
    pub name: PartName,
    /// How far it is.
    pub state: State,
}

/// What a part is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PartName {
    /// A config that the application brings along.
    Config(ConfigName),
    /// A component.
    Component {
        /// Its name in the manifest.
        name: String,
        /// Its id.
        id: ComponentId,
        /// How it is placed.
        rule: PlacementRule,
    },
    /// A provider.
    Provider {
        /// Its name in the manifest.
        name: String,
        /// Its id.
        id: ProviderId,
        /// How it is placed.
        rule: PlacementRule,
    },
    /// A link.
    Link(LinkIdentity),
}

/// How far a part or an application is. A part is never `Undeployed`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// As desired.
    Deployed,
    /// As desired, but not well.
    Unhealthy {
        /// What is not well.
        message: String,
    },
    /// Being changed.
    Reconciling {
        /// What is going on.
        message: String,
    },
    /// Nothing can be done before something else happens.
    Waiting {
        /// For what.
        message: String,
    },
    /// Not to run.
    Undeployed,
    /// Cannot become as desired by itself. Other parts go on.
    Failed(Problem),
}

/// What is still there of an application beyond what is desired.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Leftovers {
    /// Nothing.
    #[default]
    None,
    /// So many things, which are being removed.
    Removing(usize),
    /// So many things, which stay until the desired revision is up.
    Held(usize),
}

// ===== impl ApplicationReport =====

impl ApplicationReport {
    /// The state of the application: that of its worst part (spec §9.1), or that it still removes something.
    pub fn state(&self) -> State {
        if self.version.is_none() {
            return State::Undeployed;
        }
        let worst = self.parts.iter().map(|part| part.state.badness()).max();
        let of_worst = || {
            self.parts
                .iter()
                .map(|part| &part.state)
                .filter(|state| Some(state.badness()) == worst)
        };
        let messages = || join_messages(of_worst().filter_map(State::message));
        match of_worst().next() {
            Some(State::Failed(problem)) => State::Failed(problem.clone()),
            Some(State::Waiting { .. }) => State::Waiting {
                message: messages(),
            },
            Some(State::Reconciling { .. }) => State::Reconciling {
                message: messages(),
            },
            Some(State::Unhealthy { .. }) => State::Unhealthy {
                message: messages(),
            },
            _ => match self.leftovers {
                Leftovers::None => State::Deployed,
                Leftovers::Removing(count) | Leftovers::Held(count) => State::Reconciling {
                    message: format!("removing {count} of earlier revisions"),
                },
            },
        }
    }

    /// Whether the application is not to run and has left nothing, so that it may be forgotten.
    pub fn is_gone(&self) -> bool {
        self.version.is_none() && self.leftovers == Leftovers::None
    }
}

// ===== impl State =====

impl State {
    /// Whether the part runs as desired.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Deployed | Self::Unhealthy { .. })
    }

    /// What there is to say about the state.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Deployed | Self::Undeployed => None,
            Self::Unhealthy { message }
            | Self::Reconciling { message }
            | Self::Waiting { message } => Some(message),
            Self::Failed(problem) => Some(&problem.message),
        }
    }

    /// The order in which states win when several are put together.
    fn badness(&self) -> u8 {
        match self {
            Self::Deployed => 0,
            Self::Unhealthy { .. } => 1,
            Self::Reconciling { .. } => 2,
            Self::Waiting { .. } => 3,
            Self::Undeployed => 4,
            Self::Failed(_) => 5,
        }
    }
}

/// The messages, each once, with commas.
fn join_messages<'a>(messages: impl Iterator<Item = &'a str>) -> String {
    let mut seen = BTreeSet::new();
    messages
        .filter(|message| seen.insert(*message))
        .collect::<Vec<_>>()
        .join(", ")
}
