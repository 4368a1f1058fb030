//! Providers that are processes of their own (spec §5): started, told, watched, started again, stopped.
//!
//! ```text
//!  command ──► Process (handle) ──► supervisor (one task each) ──► supervision: what to do next, a plain state machine
//!  router  ──► brief: config, links     │    ▲
//!                                       ▼    │ exits, answers, time
//!                              child process, NATS subjects of the provider, events
//! ```
//!
//! The router alone says what a provider is to know: it puts a brief into the handle whenever that differs, and the
//! supervisor tells the process what is new.

mod brief;
mod executable;
mod host_data;
mod keys;
mod options;
mod output;
mod process_unix;
mod processes;
mod report;
mod running;
mod spawn_linux;
mod spawner;
mod status;
mod supervision;
mod supervisor;
mod talk;

pub(crate) use self::brief::{Brief, BriefedLink};
pub(crate) use self::executable::Executable;
pub use self::options::{Options, Policy, User};
pub(crate) use self::processes::Processes;
pub(crate) use self::status::FACTS_BYTES_MAX;
pub(crate) use self::supervisor::{Process, Spec};
