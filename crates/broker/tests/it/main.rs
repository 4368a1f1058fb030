//! The broker as clients see it.
//!
//! Where releases of `nats-server` are installed, the tests of behaviour run against them as well: what holds
//! for all is what "indistinguishable" means here.

#![cfg(test)]

/// The allocator of the product: what it gives back to the system is part of what is tested.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(target_os = "linux")]
mod attacks;
mod buckets;
mod consumers;
mod durability;
mod hostile;
mod kill;
mod lifecycle;
mod messaging;
mod monitor;
mod permissions;
mod protocol;
mod queues;
mod random;
mod refusals;
mod security;
mod server;
mod sources;
mod streams;
mod suite;
mod tls;
mod vectors;
mod wadm;
