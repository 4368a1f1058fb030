//! Values that three or more crates of Weft share.
//!
//! Everything here is plain data with its parsing and its rules: ids, references to artifacts, WIT interface names,
//! links, limits, what an application asks for and what a host says it runs. The crate knows no clock, no socket, no
//! serialisation and no async code; the edges (`protocol`, `manifest`) convert to and from their own forms.

#![forbid(unsafe_code)]

pub mod annotation;
pub mod application;
pub mod digest;
pub mod id;
pub mod interface;
pub mod inventory;
pub mod labels;
pub mod limits;
pub mod link;
pub mod problem;
pub mod reference;
