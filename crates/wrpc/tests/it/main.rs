//! Calls over a real nats-server.

#![cfg(test)]

mod call;
mod codec;
mod cut;
mod legacy;
mod liveness;
mod observe;
mod recorded;
mod server;
mod short;
mod stream;
mod vectors;
