//! Calls between components of different hosts, and of other software: imports and exports of any WIT, by wRPC over NATS
//! (spec §4).
//!
//! Values pass between Wasmtime's dynamic values and the bytes of the wire one by one. What a function has to be like for
//! that is checked when its component is scaled; see [`Wire::check`].

pub(crate) mod exported;
mod failure;
pub mod http;
mod serve;
mod signature;
mod target;
mod values;

use crate::messaging;

use wasmtime::component::types::ComponentFunc;
use weft_engine::world::{Export, Import, Provision, World};
use weft_model::interface::{InterfaceName, VersionedInterface};
use weft_model::problem::Coded;
use weft_wrpc::{ServeError, Signature, TypeError};

pub use self::serve::{Serving, Wire};
pub use self::signature::UnsupportedType;
pub use self::target::Target;
pub(crate) use self::target::wire_context;

/// Why a component cannot be served to other hosts, or call what runs there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A function has a type that the wire cannot carry.
    #[error("function `{function}` of `{interface}` cannot be called across hosts")]
    Unsupported {
        /// The interface.
        interface: Box<VersionedInterface>,
        /// The function.
        function: String,
        /// What is wrong with it.
        #[source]
        source: UnsupportedType,
    },
    /// The names of the function make no subject.
    #[error("function `{function}` of `{interface}` has no subject of NATS")]
    Subject {
        /// The interface.
        interface: Box<VersionedInterface>,
        /// The function.
        function: String,
        /// What is wrong with it.
        #[source]
        source: weft_wrpc::subject::SubjectError,
    },
    /// The calls of others cannot be subscribed to.
    #[error("cannot subscribe to the calls of other hosts")]
    Serve(#[from] ServeError),
}

/// Whether others call the functions of an exported interface as they are: not where hosts call them in ways of their own.
fn is_called_plainly(interface: &InterfaceName) -> bool {
    let package = interface.package();
    let is_native = match (package.namespace(), package.name()) {
        ("wasi", "cli" | "http") => true,
        ("wasi", "keyvalue") => interface.name() == "watcher",
        _ => false,
    };
    !is_native && !messaging::takes_handles(interface)
}

/// Whether it is for hosts to call what they know of an exported interface, and not for components to call all of it.
fn is_of_wasi(interface: &InterfaceName) -> bool {
    interface.package().namespace() == "wasi"
}

/// The types of a function that a component of `world` exports.
///
/// # Errors
///
/// [`Error::Unsupported`] when the wire cannot carry them.
fn export_signature(
    world: &World,
    export: &Export,
    name: &str,
    function: &ComponentFunc,
) -> Result<Signature, Error> {
    signature::of(world, function).map_err(|source| Error::Unsupported {
        interface: Box::new(export.interface.clone()),
        function: name.to_owned(),
        source,
    })
}

/// Checks that everything that links provide to a component of `world` could be on another host.
///
/// # Errors
///
/// [`Error::Unsupported`], naming the first function that the wire cannot carry.
fn check_imports(world: &World) -> Result<(), Error> {
    let imports = world.imports().iter();
    for import in imports.filter(|import| import.provision == Provision::Link) {
        import_signatures(world, import)?;
    }
    Ok(())
}

fn import_signatures(world: &World, import: &Import) -> Result<Vec<Signature>, Error> {
    let functions = import.functions.iter();
    functions
        .map(|function| {
            signature::of(world, &function.signature).map_err(|source| Error::Unsupported {
                interface: Box::new(import.interface.clone()),
                function: function.name.clone(),
                source,
            })
        })
        .collect()
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "CMP013",
            Self::Subject { .. } => "CMP014",
            Self::Serve(_) => "NET020",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Unsupported {
                interface,
                function,
                ..
            }
            | Self::Subject {
                interface,
                function,
                ..
            } => format!("{interface}.{function}"),
            Self::Serve(_) => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Unsupported { .. } => {
                "pass values of WIT, and streams and futures of numbers, bool, char, string or list<u8>"
            }
            Self::Subject { .. } => "shorten its names",
            Self::Serve(_) => "check the connection to NATS",
        };
        vec![hint.to_owned()]
    }
}

impl From<TypeError> for UnsupportedType {
    fn from(error: TypeError) -> Self {
        Self::Wire(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hosts_call_in_ways_of_their_own_is_not_served_plainly() {
        let is_called = |name: &str| is_called_plainly(&name.parse().unwrap());
        for name in [
            "wasi:http/incoming-handler",
            "wasi:cli/run",
            "wasi:keyvalue/watcher",
            "wasmcloud:messaging/incoming-handler",
        ] {
            assert!(!is_called(name), "{name}");
        }
        for name in [
            "wasi:logging/logging",
            "wasi:keyvalue/store",
            "wasmcloud:messaging/handler",
            "acme:http/handler",
        ] {
            assert!(is_called(name), "{name}");
        }
    }
}
