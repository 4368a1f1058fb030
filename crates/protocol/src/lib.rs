//! The dialect that the parties of a lattice speak: that of wasmCloud 1.9, as values.
//!
//! Subjects, envelopes, operations, events, records in buckets, messages of the application API and of providers, each
//! with its text form. The crate knows no clock, no socket, no randomness and no async code; what reads and writes the
//! messages is `weft_lattice`.
//!
//! Readers ignore unknown fields and fill in defaults; writers give exactly the fields that the 1.9 software gives, plus
//! optional ones whose names begin with `weft`. Every reader is bounded: see [`json`].
//!
//! ```
//! use weft_protocol::control::{Ack, PutLabel};
//! use weft_protocol::json;
//! use weft_protocol::subject::{ControlSubjects, Operation, SubjectPrefix};
//!
//! let subjects = ControlSubjects::new(&SubjectPrefix::control(), &"default".parse()?);
//! let operation = subjects.parse("wasmbus.ctl.v1.default.label.put.NABC")?;
//! assert_eq!(operation, Operation::LabelPut("NABC".parse()?));
//!
//! let label: PutLabel = json::decode(br#"{"key":"zone","value":"east"}"#)?;
//! assert!(!label.is_reserved());
//! let reply = json::encode(&Ack::done(weft_protocol::wire::text::LABEL_PUT));
//! assert_eq!(reply, br#"{"success":true,"message":"successfully put label"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod application;
pub mod control;
mod convert;
pub mod event;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod json;
pub mod provider;
pub mod state;
pub mod subject;
pub mod wire;

pub use convert::ConvertError;
