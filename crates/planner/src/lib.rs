//! From what is desired and what is observed to what is to be done, and why.
//!
//! [`plan()`] is a pure function. Its [`Input`] holds the deployed revisions, what live hosts report, the link records and
//! configs of the lattice; it returns a [`Plan`], whose actions leave nothing to decide, and a [`Report`] of how far each
//! part of each application is. It knows no clock, no network and no JSON.
//!
//! # One step at a time
//!
//! Planning goes by level. A plan holds what can be done now; whatever has to wait for something to be observed, such as
//! ending old instances once new ones run, is left to a later plan, which is made from fresh facts. Nothing is remembered
//! between plans but what the caller passes in: `pending` keeps an action from being repeated while its effect is on the
//! way, and `failures` keep a host from being asked again before its time, and tell the person why. Both are matched
//! by what they are about, and neither is needed for the result to be right.
//!
//! # What is ours
//!
//! Components and providers are ours by their annotations ([`weft_model::annotation`]), links and configs because a
//! revision of ours put them ([`Owned`]). Everything else is left alone, and where it is in the way, the part in question
//! fails with a [`Problem`](weft_model::problem::Problem) while all others go on.
//!
//! # Change without downtime
//!
//! * A component changes in place: the host brings up the new one before it drains the old one.
//! * A component that moves runs on the new host before it ends on the old one; see `component`.
//! * A link moves to another target when that runs, and in one write; see `links`.
//! * What a new revision leaves out goes when all parts of the new one are up; see `cleanup`. If it never comes up, the
//!   old one stays. (Two providers that need one and the same port therefore have to keep their id from one revision to
//!   the next, or be undeployed in between.)
//! * A provider that changes is stopped and started, one host at a time: the one gap there is, and its reason says so.

#![forbid(unsafe_code)]

pub mod check;

mod cleanup;
mod component;
mod configs;
mod draft;
mod error;
mod facts;
mod image;
mod input;
mod links;
mod marks;
mod plan;
mod planner;
mod preconditions;
mod provider;
mod report;
mod running;
mod spread;

pub use error::Error;
pub use input::{
    ApplicationInput, Deployed, Failure, Input, LinkIdentity, LinkRecord, Owned, Policy,
};
pub use plan::{Action, Object, Phase, Plan, Step};
pub use planner::plan;
pub use report::{ApplicationReport, Leftovers, Part, PartName, Report, State};
