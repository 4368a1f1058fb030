//! What a component imports and exports, as far as linking is concerned.

mod callable;

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::types::{self, ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, ResourceType};
use weft_model::interface::{InterfaceName, VersionedInterface};

use crate::error::LinkError;
use crate::flow::{Shapes, UnsupportedFlow};

/// WASI packages that the engine itself provides to every component.
const NATIVE_PACKAGES: [&str; 7] = [
    "cli",
    "clocks",
    "filesystem",
    "http",
    "io",
    "random",
    "sockets",
];

/// Imports and exports of one component.
#[derive(Debug)]
pub struct World {
    imports: Vec<Import>,
    exports: Vec<Export>,
    input_stream: Option<ResourceType>,
}

/// An imported interface.
#[derive(Debug)]
pub struct Import {
    /// The interface as imported.
    pub interface: VersionedInterface,
    /// Who provides it.
    pub provision: Provision,
    /// Its functions where a link provides it, otherwise none.
    pub functions: Vec<ImportedFunction>,
}

/// Who provides an imported interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provision {
    /// The engine, without any link.
    Native,
    /// A capability family, by what its route leads to.
    Family,
    /// Whatever component a link names.
    Link,
}

/// A function of an imported interface.
#[derive(Debug)]
pub struct ImportedFunction {
    /// Its name.
    pub name: String,
    /// Its types.
    pub signature: ComponentFunc,
    pub(crate) shapes: Arc<Shapes>,
}

/// An exported interface.
#[derive(Debug)]
pub struct Export {
    /// The interface as exported.
    pub interface: VersionedInterface,
    pub(crate) functions: BTreeMap<String, ExportedFunction>,
}

/// A function of an exported interface.
#[derive(Debug)]
pub(crate) struct ExportedFunction {
    pub(crate) index: ComponentExportIndex,
    pub(crate) signature: ComponentFunc,
    /// An error for one that no other component can call.
    pub(crate) shapes: Result<Arc<Shapes>, UnsupportedFlow>,
}

// ===== impl World =====

impl World {
    /// Reads the types of `component`; `is_family` tells which imports a capability family provides.
    ///
    /// # Errors
    ///
    /// [`LinkError`] for an import that no link can provide. Exports that cannot be called are left out instead: they
    /// hurt nobody until somebody imports them.
    pub(crate) fn of(
        component: &Component,
        is_family: impl Fn(&InterfaceName) -> bool,
    ) -> Result<Self, LinkError> {
        let ty = component.component_type();
        let engine = component.engine();
        let input_stream = find_input_stream(engine, &ty);
        let mut imports = Vec::new();
        for (name, import) in ty.imports(engine) {
            let ComponentItem::ComponentInstance(instance) = import.ty else {
                if is_harmless(&import.ty) {
                    continue;
                }
                return Err(LinkError::BareImport {
                    import: name.to_owned(),
                });
            };
            let Ok(interface) = name.parse::<VersionedInterface>() else {
                return Err(LinkError::BareImport {
                    import: name.to_owned(),
                });
            };
            let input_stream = input_stream.as_ref();
            imports.push(Import::of(
                engine,
                interface,
                &instance,
                &is_family,
                input_stream,
            )?);
        }
        let exports: Vec<_> = ty
            .exports(engine)
            .filter_map(|(name, export)| match export.ty {
                ComponentItem::ComponentInstance(instance) => {
                    Export::of(component, name, &instance, input_stream.as_ref())
                }
                _ => None,
            })
            .collect();
        for export in &exports {
            export.ensure_flows_can_pass()?;
        }
        Ok(Self {
            imports,
            exports,
            input_stream,
        })
    }

    /// Imported interfaces; the position is the slot in a [`RouteTable`](crate::route::RouteTable).
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// Exported interfaces, with those that only hosts call.
    pub fn exports(&self) -> &[Export] {
        &self.exports
    }

    /// Whether `resource` is the `wasi:io/streams.input-stream` that the component knows: an owned one passes between
    /// components as a stream of bytes.
    pub fn is_input_stream(&self, resource: &ResourceType) -> bool {
        self.input_stream.as_ref() == Some(resource)
    }

    /// Whether the component answers HTTP requests.
    pub fn handles_http(&self) -> bool {
        self.exports_http("incoming-handler") || self.exports_service()
    }

    /// Whether it does so by the interface of WASI 0.3.
    pub(crate) fn exports_service(&self) -> bool {
        self.exports_http("handler")
    }

    fn exports_http(&self, interface: &str) -> bool {
        self.exports.iter().any(|export| {
            let name = &export.interface.interface;
            is_wasi(name, "http") && name.name() == interface
        })
    }

    /// The slot of the import of `interface`, whatever its version.
    pub(crate) fn slot(&self, interface: &InterfaceName) -> Option<usize> {
        self.imports
            .iter()
            .position(|import| import.interface.interface == *interface)
    }

    /// The export that serves an import of `wanted`: of the same version if there is one, otherwise of another.
    pub(crate) fn export(&self, wanted: &VersionedInterface) -> Option<&Export> {
        let same = |export: &&Export| export.interface == *wanted;
        let other = |export: &&Export| export.interface.interface == wanted.interface;
        self.exports
            .iter()
            .find(same)
            .or_else(|| self.exports.iter().find(other))
    }
}

// ===== impl Import =====

impl Import {
    fn of(
        engine: &wasmtime::Engine,
        interface: VersionedInterface,
        instance: &types::ComponentInstance,
        is_family: impl Fn(&InterfaceName) -> bool,
        input_stream: Option<&ResourceType>,
    ) -> Result<Self, LinkError> {
        let name = &interface.interface;
        let provision = if NATIVE_PACKAGES.iter().any(|package| is_wasi(name, package)) {
            Provision::Native
        } else if is_family(name) {
            Provision::Family
        } else {
            Provision::Link
        };
        let mut functions = Vec::new();
        if provision == Provision::Link {
            for (name, item) in instance.exports(engine) {
                match item.ty {
                    ComponentItem::ComponentFunc(signature) => {
                        let shapes = Shapes::of(&signature, input_stream)
                            .map_err(|what| unsupported(&interface, name, what.to_string()))?;
                        functions.push(ImportedFunction {
                            name: name.to_owned(),
                            signature,
                            shapes: Arc::new(shapes),
                        });
                    }
                    ComponentItem::Type(_) => {}
                    ComponentItem::Resource(ty) if input_stream == Some(&ty) => {}
                    _ => return Err(unsupported(&interface, name, "a resource")),
                }
            }
        }
        Ok(Self {
            interface,
            provision,
            functions,
        })
    }
}

// ===== impl Export =====

impl Export {
    fn of(
        component: &Component,
        name: &str,
        instance: &types::ComponentInstance,
        input_stream: Option<&ResourceType>,
    ) -> Option<Self> {
        let interface = name.parse().ok()?;
        let instance_index = component.get_export_index(None, name)?;
        let functions = instance
            .exports(component.engine())
            .filter_map(|(name, item)| {
                let ComponentItem::ComponentFunc(signature) = item.ty else {
                    return None;
                };
                let index = component.get_export_index(Some(&instance_index), name)?;
                let shapes = Shapes::of(&signature, input_stream).map(Arc::new);
                let function = ExportedFunction {
                    index,
                    signature,
                    shapes,
                };
                Some((name.to_owned(), function))
            })
            .collect();
        Some(Self {
            interface,
            functions,
        })
    }
}

impl Export {
    /// Refuses streams and futures that no other component could read. Hosts call what is of WASI, as far as they know it;
    /// functions that take resources are called by nobody, which keeps nobody from calling the others.
    fn ensure_flows_can_pass(&self) -> Result<(), LinkError> {
        if self.interface.interface.package().namespace() == "wasi" {
            return Ok(());
        }
        for (name, function) in &self.functions {
            if let Err(UnsupportedFlow::Flow(what)) = &function.shapes {
                return Err(unsupported(&self.interface, name, what.clone()));
            }
        }
        Ok(())
    }

    /// The names and types of its functions, in the order of their names.
    pub fn functions(&self) -> impl ExactSizeIterator<Item = (&str, &ComponentFunc)> {
        let functions = self.functions.iter();
        functions.map(|(name, function)| (name.as_str(), &function.signature))
    }
}

fn is_wasi(interface: &InterfaceName, package: &str) -> bool {
    interface.package().namespace() == "wasi" && interface.package().name() == package
}

/// Whether an import that is not an interface needs nobody to provide it.
fn is_harmless(item: &ComponentItem) -> bool {
    matches!(item, ComponentItem::Type(_))
}

fn unsupported(
    interface: &VersionedInterface,
    function: &str,
    what: impl Into<String>,
) -> LinkError {
    LinkError::Unsupported {
        interface: interface.clone(),
        function: function.to_owned(),
        what: what.into(),
    }
}

/// What a component knows `wasi:io/streams.input-stream` by, if it knows it.
fn find_input_stream(
    engine: &wasmtime::Engine,
    component: &types::Component,
) -> Option<ResourceType> {
    let is_streams = |name: &str| {
        name.parse::<VersionedInterface>()
            .is_ok_and(|name| is_wasi(&name.interface, "io") && name.interface.name() == "streams")
    };
    let mut imports = component.imports(engine);
    let (_, streams) = imports.find(|(name, _)| is_streams(name))?;
    let ComponentItem::ComponentInstance(streams) = streams.ty else {
        return None;
    };
    let mut items = streams.exports(engine);
    items.find_map(|(name, item)| match item.ty {
        ComponentItem::Resource(ty) if name == "input-stream" => Some(ty),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
