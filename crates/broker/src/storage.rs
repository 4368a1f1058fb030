//! Streams on disk.
//!
//! One embedded database holds the tables `meta` (configurations and positions), `heads` (what is known of
//! each message) and `bodies` (headers and body of each). Heads stand apart so that a start reads them alone:
//! the state machines rebuild their indexes from them. Two more tables make a start quick and could be dropped at
//! any time: `packs` has the heads of thousands of messages in one record, `gone` what was removed since.
//!
//! [`Disk`] reads and writes; [`Committer`] is the thread that forces data to the disk and then lets the
//! answers go. Damage is mended when the store is opened: what cannot be read is named, counted and left out.

mod bookkeeping;
mod checkpoint;
mod committer;
mod contain;
#[cfg(not(unix))]
mod directory_other;
#[cfg(unix)]
mod directory_unix;
mod disk;
mod journal;
mod layout;
mod load;
mod open;
mod pack;
mod packs;
mod rebuild;
mod record;
mod recover;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use committer::{Committer, Job};
pub(crate) use disk::Disk;
pub(crate) use open::OpenError;
pub(crate) use record::{Bounds, ConsumerRecord, StreamId, StreamRecord};
pub(crate) use recover::Unreadable;
pub(crate) use write::Writes;

#[cfg(not(unix))]
use directory_other::{prepare as prepare_directory, sync as sync_directory};
#[cfg(unix)]
use directory_unix::{prepare as prepare_directory, sync as sync_directory};
