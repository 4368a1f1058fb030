//! Subjects: how the parties of a lattice address each other.
//!
//! Each family of subjects has a builder bound to one lattice. Builders render what they parse: `parse(render(x))` is
//! `x` for every value.

mod application;
mod control;
mod event;
mod prefix;
mod provider;

pub use application::{
    ApplicationOperation, ApplicationSubjects, parse_status_subject, status_subject,
    statuses_subject,
};
pub use control::{
    Auctions, ControlSubjects, Operation, OperationKind, Subscription, config_service_subject,
};
pub use event::{event_subject, events_subject, parse_event_subject};
pub use prefix::{ParsePrefixError, SubjectPrefix};
pub use provider::{ProviderMessage, ProviderSubjects};

use weft_model::id::ParseIdError;

/// Why a subject is not understood.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// The subject does not begin as those of this family and lattice do.
    #[error("the subject belongs to another family or lattice")]
    Foreign,
    /// The subject names no operation. The text is what a 1.9 host replies (spec §1.4).
    #[error("{}", crate::wire::text::UNSUPPORTED_SUBJECT)]
    Unsupported,
    /// The argument at the end of the subject is no id of its kind.
    #[error("the argument of the subject is not valid")]
    Argument(#[from] ParseIdError),
}
