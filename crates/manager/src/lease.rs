//! The lease: which of all managers acts (architecture D7).
//!
//! [`Machine`] decides, [`task`] reads and writes the record.

mod machine;
pub(crate) mod task;

pub(crate) use machine::{Effect, Failure, Input, Machine, Settings};

use weft_protocol::control::Lease;

use crate::clock::Moment;

/// The lease, as long as it is held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Held {
    /// What mutations carry.
    pub(crate) lease: Lease,
    /// Until when it holds unless it is renewed.
    pub(crate) until: Moment,
}
