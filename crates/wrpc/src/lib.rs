//! wRPC over NATS, in both directions: how the components and providers of a lattice call each other from afar.
//!
//! The wire is that of wasmCloud 1.9 (spec §4), with whom either end may be; between ends of Weft a call costs what a
//! plain request costs, its failures say what they are, and its streams are slowed down by their readers. What is added
//! to the wire, and how the ends find out about each other, is in `docs/design/wrpc.md`.
//!
//! ```text
//! Endpoint     one per connection: its inbox, the memory that calls may take
//!   call/invoke  a Function with a tuple of parameters      -> Reply
//!   serve        Exports of an id, which come as Incoming   <- answer, respond, fail
//! Type, Signature     what crosses the wire, checked before it does
//! Writer, Reader      values one by one, without a tree; Encode and Decode for Rust types; Value for tools
//! stream, future      what is written and read while a call runs and after it
//! observe     calls of others, as a tool that listens sees them
//! ```
//!
//! The crate knows nothing of Wasmtime: who has values of its own writes and reads them by [`codec::Writer`] and
//! [`codec::Reader`].

#![forbid(unsafe_code)]

pub mod client;
pub mod codec;
pub mod encode;
mod endpoint;
mod failure;
mod function;
#[cfg(fuzzing)]
pub mod fuzzing;
mod header;
pub mod observe;
mod problem;
mod request;
mod route;
pub mod server;
mod short;
pub mod stream;
pub mod subject;
pub mod ty;
mod value;

pub use client::{CallError, CallOptions, Reply};
pub use encode::{Decode, Encode, Tuple, Typed};
pub use endpoint::{ConnectError, Dialect, Endpoint, Options, Session};
pub use failure::{Failure, FailureCode};
pub use function::{Export, Function, FunctionError};
pub use header::Context;
pub use problem::{CallProblem, TypeProblem};
pub use server::{Exports, Incoming, ServeError, ServeOptions};
pub use stream::{FutureWriter, StreamError, StreamReader, StreamWriter};
pub use subject::Prefix;
pub use ty::{Signature, Type, TypeError};
pub use value::Value;
