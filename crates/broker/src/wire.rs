//! The client protocol: control lines in, control lines out. No sockets here.

pub(crate) mod connect;
pub(crate) mod headers;
pub(crate) mod info;
pub(crate) mod message;
pub(crate) mod parser;
