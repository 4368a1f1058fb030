//! What a component imports and exports, as far as linking is concerned.

use std::collections::BTreeMap;

use wasmtime::component::types::{self, ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, ComponentExportIndex};
use weft_model::interface::{InterfaceName, VersionedInterface};

use crate::error::LinkError;

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
            imports.push(Import::of(engine, interface, &instance, &is_family)?);
        }
        let exports = ty
            .exports(engine)
            .filter_map(|(name, export)| match export.ty {
                ComponentItem::ComponentInstance(instance) => {
                    Export::of(component, name, &instance)
                }
                _ => None,
            })
            .collect();
        Ok(Self { imports, exports })
    }

    /// Imported interfaces; the position is the slot in a [`RouteTable`](crate::route::RouteTable).
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// Exported interfaces, with those that only hosts call.
    pub fn exports(&self) -> &[Export] {
        &self.exports
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
                    ComponentItem::ComponentFunc(signature) => functions.push(ImportedFunction {
                        name: name.to_owned(),
                        signature,
                    }),
                    ComponentItem::Type(_) => {}
                    _ => return Err(unsupported(&interface, name, "a resource")),
                }
            }
            for function in &functions {
                if let Some(what) = function_problem(&function.signature) {
                    return Err(unsupported(&interface, &function.name, what));
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
    fn of(component: &Component, name: &str, instance: &types::ComponentInstance) -> Option<Self> {
        let interface = name.parse().ok()?;
        let instance_index = component.get_export_index(None, name)?;
        let functions = instance
            .exports(component.engine())
            .filter_map(|(name, item)| {
                let ComponentItem::ComponentFunc(signature) = item.ty else {
                    return None;
                };
                let index = component.get_export_index(Some(&instance_index), name)?;
                Some((name.to_owned(), ExportedFunction { index, signature }))
            })
            .collect();
        Some(Self {
            interface,
            functions,
        })
    }
}

impl Export {
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

fn unsupported(interface: &VersionedInterface, function: &str, what: &'static str) -> LinkError {
    LinkError::Unsupported {
        interface: interface.clone(),
        function: function.to_owned(),
        what,
    }
}

/// What keeps a function from being called with plain values, if anything.
fn function_problem(function: &ComponentFunc) -> Option<&'static str> {
    function
        .params()
        .map(|(_, ty)| ty)
        .chain(function.results())
        .find_map(|ty| type_problem(&ty))
}

fn type_problem(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Own(_) | Type::Borrow(_) => Some("a resource"),
        Type::Future(_) => Some("a future"),
        Type::Stream(_) => Some("a stream"),
        Type::ErrorContext => Some("an error context"),
        Type::List(list) => type_problem(&list.ty()),
        Type::FixedLengthList(list) => type_problem(&list.ty()),
        Type::Map(map) => type_problem(&map.key()).or_else(|| type_problem(&map.value())),
        Type::Option(option) => type_problem(&option.ty()),
        Type::Result(result) => result
            .ok()
            .into_iter()
            .chain(result.err())
            .find_map(|ty| type_problem(&ty)),
        Type::Record(record) => record.fields().find_map(|field| type_problem(&field.ty)),
        Type::Tuple(tuple) => tuple.types().find_map(|ty| type_problem(&ty)),
        Type::Variant(variant) => variant
            .cases()
            .filter_map(|case| case.ty)
            .find_map(|ty| type_problem(&ty)),
        Type::Bool
        | Type::S8
        | Type::U8
        | Type::S16
        | Type::U16
        | Type::S32
        | Type::U32
        | Type::S64
        | Type::U64
        | Type::Float32
        | Type::Float64
        | Type::Char
        | Type::String
        | Type::Enum(_)
        | Type::Flags(_) => None,
    }
}

/// Whether a caller that imports `import` can call `export`: the same parameters and results, by structure.
pub(crate) fn is_callable(import: &ComponentFunc, export: &ComponentFunc) -> bool {
    import.async_() == export.async_()
        && import.params().len() == export.params().len()
        && import.params().zip(export.params()).all(|(a, b)| a == b)
        && import.results().eq(export.results())
}
