//! The manager role: keeps applications, and makes what runs in a lattice what they ask for.
//!
//! ```text
//!  application API ──► api ──► store (revisions, by compare-and-set)
//!                                  │ watch
//!  buckets of links, configs ──►   ▼
//!  events, inventories, pings ─► controller ──► planner ──► plan ──► execute ──► hosts
//!                                  ▲    └─► statuses ──► store, status subjects     │
//!                                  └────────────── outcomes, events ◄───────────────┘
//!  lease (one manager acts) ───────┘
//! ```
//!
//! Every manager answers the application API, for its state is in the lattice; the one that holds the lease acts. What is
//! decided is decided by plain values: edits of the catalog, the lease's machine, and the controller, which takes in
//! what happened and says what to do. The tasks around them do it. The manager knows no WebAssembly, and holds no pointer
//! to a host: everything goes over the lattice.

#![forbid(unsafe_code)]

mod api;
mod catalog;
mod clock;
mod configs;
mod controller;
mod desired;
mod error;
mod execute;
mod lease;
mod manager;
mod metrics;
mod observed;
mod options;
mod pending;
mod reconcile;
mod records;
mod setbacks;
mod status;
mod store;
mod work;

pub use error::{Error, StartError};
pub use manager::{Manager, Role};
pub use metrics::Metrics;
pub use options::{ID_BYTES_MAX, Options};
