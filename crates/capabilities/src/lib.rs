//! What Weft gives components: one module for each capability family.
//!
//! A family is one trait, the adapter that serves it to guests, and backends that implement it. Which backend an import
//! reaches is decided by the routes of the calling component, never here.

#![forbid(unsafe_code)]

pub mod blobstore;
pub mod bus;
pub mod config;
pub mod http_server;
pub mod keyvalue;
pub mod logging;
pub mod messaging;
pub mod remote;

use weft_engine::Family;
use weft_model::interface::InterfaceName;

/// All families, for [`Engine::start`](weft_engine::Engine::start).
pub fn families() -> Vec<Box<dyn Family>> {
    vec![
        Box::new(keyvalue::Guest),
        Box::new(blobstore::Guest),
        Box::new(messaging::Guest),
        Box::new(bus::Guest),
        Box::new(config::Guest),
        Box::new(logging::Guest),
    ]
}

/// Whether every component may import `interface` without a link: what it reads or writes there is its own, or what it gets
/// there comes by the link of another interface.
pub fn needs_no_link(interface: &InterfaceName) -> bool {
    config::is_config(interface)
        || logging::is_logging(interface)
        || bus::is_bus(interface)
        || blobstore::is_carried_along(interface)
        || messaging::is_carried_along(interface)
}

/// The interface with a name that stands in this crate.
fn interface(name: &'static str) -> InterfaceName {
    name.parse().expect("names in this crate are well formed")
}
