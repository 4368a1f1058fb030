//! Compiles, caches, links and runs WebAssembly components, within limits.
//!
//! The engine turns bytes into [`Code`], and code into a [`Program`]: a component that can be called, with bounds on
//! everything it may use. Each call gets a fresh instance from a pool of slots. What a program imports is provided by
//! the engine (WASI), by capability families, or by other programs, as the [routes](route) say at the moment of the call.
//!
//! ```text
//! bytes ── load ──► Code ── link ──► Program ◄── set_routes
//!          │  cache on disk             │
//!          └─ two lanes                 ├── handle_http(request) ─► fresh instance ─► response
//!                                       └── a call by another program (in this process, by plain values)
//! ```
//!
//! It knows no bus and no lattice: who may call whom is decided by whoever sets the routes.

#![deny(unsafe_code)]

mod adapt;
mod admission;
mod cache;
mod call;
mod context;
mod engine;
mod error;
pub mod flow;
mod headroom;
pub mod http;
mod lane;
mod limiter;
mod link;
mod log;
mod options;
mod program;
pub mod route;
mod ticker;
pub mod world;

pub use call::{CallContext, Trace};
pub use context::StoreContext;
pub use engine::{Code, Engine, Family, Origin};
pub use error::{
    CallError, Denial, DenialReason, Failed, LinkError, LoadError, Overload, RemoteProblem,
    StartError,
};
pub use lane::LaneKind;
pub use limiter::Refusal;
pub use options::{Options, Pool};
pub use program::{AdmittedCall, ExportTarget, LocalTarget, NoSuchFunction, Program, Stats};
