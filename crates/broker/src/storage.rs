//! Streams on disk.
//!
//! A log of segments: files that only grow, up to a length, and are removed when little of them still counts. It holds
//! messages, that messages were forgotten, and records: configurations and positions. A start reads it all but for the
//! bodies of messages, from which the state machines rebuild their indexes.
//!
//! [`Log`] writes and reads; [`Committer`] is the thread that forces data to the disk and then lets the answers
//! go. Damage is mended when the store is opened: what cannot be read is named, counted and left out.

mod clean;
mod committer;
#[cfg(not(unix))]
mod directory_other;
#[cfg(unix)]
mod directory_unix;
mod entry;
#[cfg(unix)]
mod file_unix;
#[cfg(windows)]
mod file_windows;
mod layout;
mod load;
mod log;
mod mend;
mod messages;
mod open;
mod record;
mod recover;
mod scan;
mod seal;
mod segment;
mod summary;
#[cfg(test)]
mod tests;
mod unsynced;
mod write;

pub(crate) use clean::{Portion, Wanted};
pub(crate) use committer::{Committer, Job};
pub(crate) use entry::cost;
pub(crate) use log::Log;
pub(crate) use messages::Messages;
pub(crate) use open::{Disk, OpenError};
pub(crate) use record::{Bounds, ConsumerRecord, StreamId, StreamRecord};

#[cfg(not(unix))]
use directory_other::{prepare as prepare_directory, sync as sync_directory};
#[cfg(unix)]
use directory_unix::{prepare as prepare_directory, sync as sync_directory};
#[cfg(unix)]
use file_unix as file;
#[cfg(windows)]
use file_windows as file;
