//! Calls between components of different hosts, and of other software: imports and exports of any WIT, by wRPC over NATS
//! (spec §4).
//!
//! Values pass between Wasmtime's dynamic values and the bytes of the wire one by one. What a function has to be like for
//! that is checked when its component is scaled; see [`export_signatures`] and [`check_imports`].

pub(crate) mod exported;
mod failure;
pub mod http;
mod serve;
mod signature;
mod target;
mod values;

use crate::messaging;

use weft_engine::world::{Export, Import, Provision, World};
use weft_model::interface::VersionedInterface;
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

/// Whether other components call the functions of `export` as they are. What WASI defines is called by hosts alone, and what
/// families serve by plain values in its place.
fn is_called_plainly(export: &Export) -> bool {
    let interface = &export.interface.interface;
    interface.package().namespace() != "wasi" && !messaging::takes_handles(interface)
}

/// The functions that others call of a component of `world`, with their types: for each export its position in the world
/// and its functions in the order of their names.
///
/// # Errors
///
/// [`Error::Unsupported`], naming the first function that the wire cannot carry.
pub fn export_signatures(world: &World) -> Result<Vec<(usize, Vec<Signature>)>, Error> {
    let exports = world.exports().iter().enumerate();
    exports
        .filter(|(_, export)| is_called_plainly(export))
        .map(|(position, export)| {
            let signatures = export.functions().map(|(name, function)| {
                signature::of(world, function).map_err(|source| Error::Unsupported {
                    interface: Box::new(export.interface.clone()),
                    function: name.to_owned(),
                    source,
                })
            });
            Ok((position, signatures.collect::<Result<_, _>>()?))
        })
        .collect()
}

/// Checks that everything that links provide to a component of `world` could be on another host.
///
/// # Errors
///
/// [`Error::Unsupported`], naming the first function that the wire cannot carry.
pub fn check_imports(world: &World) -> Result<(), Error> {
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
