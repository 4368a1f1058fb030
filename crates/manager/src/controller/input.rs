//! What happens to the controller, and what it wants done.

use weft_lattice::bucket::Change;
use weft_model::id::{ApplicationName, EntityId, HostId};
use weft_planner::Step;
use weft_protocol::control::Lease;
use weft_protocol::event::Event;

use super::job::{Job, StepOutcome};
use crate::catalog::record::RevisionId;
use crate::catalog::status::StatusRecord;
use crate::desired::Loaded;
use crate::observed::Answer;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// Time passed.
    Tick,
    /// NATS became reachable, or is not any more.
    Connection(bool),
    /// The bucket of applications changed.
    Application(Change),
    /// The bucket of component records changed.
    Record(Change),
    /// The bucket of configs changed.
    Config(Change),
    /// A host said that something happened.
    Event(Box<Event>),
    /// Events were lost.
    EventsMissed,
    /// A host answered a ping.
    Greeting(HostId),
    /// A host was asked for its inventory.
    Answered(HostId, Answer),
    /// A revision was read.
    Loaded(RevisionId, Loaded),
    /// The lease is held, or not any more.
    Lease(Option<Lease>),
    /// Something became of a step.
    StepEnded(Box<Step>, StepOutcome),
    /// A plan came to its end.
    PlanEnded,
    /// Statuses were written; those that were not are named.
    StatusesWritten {
        /// The applications whose statuses were not written.
        failed: Vec<ApplicationName>,
    },
    /// What was to be tidied up was, as far as that was possible.
    Tidied,
    /// The manager stops.
    Stop,
}

/// Something to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Ask a host for its inventory; answer with [`Input::Answered`].
    Ask(HostId),
    /// Ask all hosts who they are; answer with [`Input::Greeting`] for each.
    Ping,
    /// Read a revision; answer with [`Input::Loaded`].
    Load(ApplicationName, RevisionId),
    /// Execute a plan; answer with [`Input::StepEnded`] for each step and [`Input::PlanEnded`].
    Execute(Box<Job>),
    /// Write and publish statuses; answer with [`Input::StatusesWritten`].
    WriteStatuses(Vec<StatusRecord>),
    /// Tidy up; answer with [`Input::Tidied`].
    Tidy(Vec<Tidying>),
}

/// Something to tidy up in the bucket of applications, or in that of component records. Whoever is faster wins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Tidying {
    /// Write the record of an application, or remove it, if it still is at this revision; then remove what it dropped.
    Change {
        /// The application.
        name: ApplicationName,
        /// The revision of its entry.
        expected: u64,
        /// What becomes of it.
        change: crate::catalog::edit::Change,
    },
    /// Remove an entry that nothing refers to.
    Remove {
        /// Its key.
        key: String,
    },
    /// Remove the record of a component or provider, if it still is at this revision.
    RemoveRecord {
        /// The component or provider.
        id: EntityId,
        /// The revision of its entry.
        expected: u64,
    },
}
