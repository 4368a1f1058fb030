//! The broker as clients see it.
//!
//! Where a `nats-server` is installed (or `NATS_SERVER` names one), the tests of behaviour run against it as
//! well: what holds for both is what "indistinguishable" means here.

#![cfg(test)]

mod buckets;
mod consumers;
mod durability;
mod hostile;
mod lifecycle;
mod messaging;
mod permissions;
mod protocol;
mod queues;
mod refusals;
mod security;
mod server;
mod sources;
mod streams;
mod tls;
mod vectors;
mod wadm;
