//! A plan that is to be executed.

use std::collections::BTreeMap;

use weft_model::id::EntityId;
use weft_model::problem::Problem;
use weft_planner::Step;
use weft_protocol::control::Lease;
use weft_protocol::state::ComponentRecord;

/// A plan, with everything that executing it needs.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Distinguishes it in the log.
    pub(crate) id: u64,
    /// The steps, by phase.
    pub(crate) steps: Vec<Step>,
    /// What the records were made of whose links are to be set.
    pub(crate) records: BTreeMap<EntityId, ComponentRecord>,
    /// Whether links are put and deleted by hosts, since some of them tell their providers of nothing else.
    pub(crate) are_links_told: bool,
    /// The lease under which it is executed.
    pub(crate) lease: Lease,
}

/// What became of a step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum StepOutcome {
    /// It was acknowledged; what writes a record was written as `revision`.
    Done {
        /// The revision.
        revision: Option<u64>,
    },
    /// A record has changed meanwhile.
    Conflict,
    /// A host or the store refused, or did not answer.
    Failed(Problem),
    /// The host is not there any more.
    HostGone,
    /// It was not begun.
    Skipped(Skip),
}

/// Why a step was not begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Skip {
    /// Something before it, for the same application, was not done.
    Blocked,
    /// Another manager acts, or the manager stops.
    Ended,
}
