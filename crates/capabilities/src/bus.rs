//! `wasmcloud:bus/lattice`: an instance chooses by which links it calls (spec §11.2).
//!
//! A choice holds for the instance that makes it, and ends with it. In 1.9 it is shared by all calls of a component, which
//! then lead each other to wrong links (spec §14.3).

use std::sync::LazyLock;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use weft_engine::{Family, StoreContext};
use weft_model::id::LinkName;
use weft_model::interface::InterfaceName;

mod error;

/// The versions whose `set-link-name` says what is wrong. That of 1.0.0 says nothing.
const TELLING_VERSIONS: [&str; 2] = ["2.0.0", "2.0.1"];
const SILENT_VERSION: &str = "1.0.0";
/// The name that no link has.
const NOWHERE: &str = "_no-such-link_";
/// The longest part of the name of an interface that is kept, in bytes.
const PART_BYTES_MAX: usize = 256;

static LATTICE: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasmcloud:bus/lattice"));

/// Serves the family to guests.
pub struct Guest;

/// `call-target-interface`. `None` for what is no interface.
struct CallTarget {
    name: String,
    interface: Option<InterfaceName>,
}

/// Whether `interface` is one of this family.
pub fn is_bus(interface: &InterfaceName) -> bool {
    *interface == *LATTICE || error::is_error(interface)
}

// ===== impl Guest =====

impl Family for Guest {
    fn interfaces(&self) -> Vec<InterfaceName> {
        [vec![LATTICE.clone()], error::interfaces()].concat()
    }

    fn link(&self, linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
        for version in TELLING_VERSIONS {
            let mut instance = linker.instance(&format!("{}@{version}", *LATTICE))?;
            link_target(&mut instance)?;
            instance.func_wrap("set-link-name", |mut store, params: Choice| {
                choose(&mut store, params).map(|chosen| (chosen,))
            })?;
        }
        error::link(linker)?;
        let mut instance = linker.instance(&format!("{}@{SILENT_VERSION}", *LATTICE))?;
        link_target(&mut instance)?;
        instance.func_wrap("set-link-name", |mut store, params: Choice| {
            choose_silently(&mut store, params)
        })
    }
}

/// The parameters of `set-link-name`.
type Choice = (String, Vec<Resource<CallTarget>>);

fn link_target(instance: &mut LinkerInstance<'_, StoreContext>) -> wasmtime::Result<()> {
    let ty = ResourceType::host::<CallTarget>();
    instance.resource("call-target-interface", ty, |mut store, rep| {
        let handle = Resource::<CallTarget>::new_own(rep);
        store.data_mut().table().delete(handle)?;
        Ok(())
    })?;
    instance.func_wrap(
        "[constructor]call-target-interface",
        |mut store: StoreContextMut<'_, StoreContext>, parts: (String, String, String)| {
            let target = CallTarget::new(&parts);
            Ok((store.data_mut().table().push(target)?,))
        },
    )
}

/// The interfaces that handles stand for; takes the handles.
fn targets(
    context: &mut StoreContext,
    handles: Vec<Resource<CallTarget>>,
) -> wasmtime::Result<Vec<CallTarget>> {
    let take = |handle| -> wasmtime::Result<CallTarget> { Ok(context.table().delete(handle)?) };
    handles.into_iter().map(take).collect()
}

fn choose(
    store: &mut StoreContextMut<'_, StoreContext>,
    (name, handles): Choice,
) -> wasmtime::Result<Result<(), String>> {
    let context = store.data_mut();
    let targets = targets(context, handles)?;
    let Ok(name) = name.parse::<LinkName>() else {
        return Ok(Err("this is no name of a link".to_owned()));
    };
    let is_default = name == LinkName::default();
    let mut interfaces = Vec::with_capacity(targets.len());
    for target in targets {
        match target.interface {
            Some(interface) if is_default || context.has_link(&interface, &name) => {
                interfaces.push(interface);
            }
            _ => {
                let text = format!("there is no link `{name}` for `{}`", target.name);
                return Ok(Err(text));
            }
        }
    }
    for interface in interfaces {
        context.set_link_name(&interface, name.clone());
    }
    Ok(Ok(()))
}

fn choose_silently(
    store: &mut StoreContextMut<'_, StoreContext>,
    (name, handles): Choice,
) -> wasmtime::Result<()> {
    let context = store.data_mut();
    let targets = targets(context, handles)?;
    // What cannot be the name of a link leads nowhere, which the component is told when it calls.
    let name = name.parse().or_else(|_| NOWHERE.parse::<LinkName>());
    let name = name.expect("the name of no link is well formed");
    for interface in targets.into_iter().filter_map(|target| target.interface) {
        context.set_link_name(&interface, name.clone());
    }
    Ok(())
}

// ===== impl CallTarget =====

impl CallTarget {
    fn new((namespace, package, interface): &(String, String, String)) -> Self {
        let parts = [namespace, package, interface];
        if parts.iter().any(|part| part.len() > PART_BYTES_MAX) {
            return Self {
                name: "a name that is too long".to_owned(),
                interface: None,
            };
        }
        let name = format!("{namespace}:{package}/{interface}");
        Self {
            interface: name.parse().ok(),
            name,
        }
    }
}
