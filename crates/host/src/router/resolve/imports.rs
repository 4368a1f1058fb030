//! The routes of a component: for each import, by each link.

use std::any::Any;
use std::sync::{Arc, LazyLock};

use weft_capabilities::remote::Target;
use weft_capabilities::remote::http::{Handler, HttpTarget};
use weft_capabilities::{blobstore, keyvalue, messaging};
use weft_engine::http::OutgoingBackend;
use weft_engine::route::{Route, RouteTable, SlotRoutes};
use weft_engine::world::{Import, Provision};
use weft_engine::{CallError, Denial, DenialReason, NoSuchFunction};
use weft_model::id::{ComponentId, EntityId, LinkName};
use weft_model::interface::InterfaceName;
use weft_model::link::Link;
use weft_model::problem::{Problem, render_chain};
use weft_wrpc::FunctionError;

use super::{Reach, ResolvedComponent};
use crate::builtin::Builtin;
use crate::error::Refusal;
use crate::options::Spill;
use crate::registry::{Backing, RunningComponent, Snapshot};
use crate::router::view::View;

/// The interfaces by which components send requests, of WASI 0.2 and 0.3.
pub(super) static OUTGOING_HANDLER: LazyLock<InterfaceName> = LazyLock::new(|| {
    "wasi:http/outgoing-handler"
        .parse()
        .expect("the name of a WASI interface is well formed")
});
static CLIENT: LazyLock<InterfaceName> = LazyLock::new(|| {
    "wasi:http/client"
        .parse()
        .expect("the name of a WASI interface is well formed")
});

pub(super) fn resolve_component(
    id: &ComponentId,
    component: &RunningComponent,
    running: &Snapshot,
    view: &View,
    reach: &Reach,
) -> ResolvedComponent {
    let links = view.links_from(&EntityId::from(id));
    let mut problems = Vec::new();
    let slots = component
        .program
        .world()
        .imports()
        .iter()
        .enumerate()
        .map(|(slot, import)| {
            if weft_capabilities::needs_no_link(&import.interface.interface) {
                return SlotRoutes {
                    default: Route::BuiltIn(Arc::clone(&component.config) as _),
                    named: Vec::new(),
                };
            }
            let caller = Caller {
                id,
                component,
                slot,
                import,
                reach,
            };
            caller.routes(links, running, view, &mut problems)
        })
        .collect();
    ResolvedComponent {
        config: view.merged(&component.configs),
        routes: RouteTable::new(slots),
        problems,
    }
}

/// One import of one component.
struct Caller<'a> {
    id: &'a ComponentId,
    component: &'a RunningComponent,
    slot: usize,
    import: &'a Import,
    reach: &'a Reach,
}

impl Caller<'_> {
    /// The routes by each of `links` that carries the import.
    fn routes(
        &self,
        links: &[Link],
        running: &Snapshot,
        view: &View,
        problems: &mut Vec<Problem>,
    ) -> SlotRoutes {
        let mut default = None;
        let mut named = Vec::new();
        for link in links
            .iter()
            .filter(|link| link.carries(&self.import.interface.interface))
        {
            let route = self.route(link, running, view).unwrap_or_else(|reason| {
                let denial = self.denial(&link.name, reason);
                if is_lasting(&denial.reason) {
                    problems.push(problem(&denial));
                }
                Route::Denied(denial)
            });
            if link.name == LinkName::default() {
                default = Some(route);
            } else {
                named.push((link.name.clone(), route));
            }
        }
        let default = default.unwrap_or_else(|| {
            let denial = self.denial(&LinkName::default(), DenialReason::NoLink);
            // What the engine provides itself needs no link, and a component that chooses links by name no default.
            if self.import.provision != Provision::Native && named.is_empty() {
                problems.push(problem(&denial));
            }
            Route::Denied(denial)
        });
        SlotRoutes { default, named }
    }

    /// The route by one link.
    fn route(&self, link: &Link, running: &Snapshot, view: &View) -> Result<Route, DenialReason> {
        let target = link.target.to_string();
        let incompatible = |function: &str| DenialReason::Incompatible {
            target: target.clone(),
            function: function.to_owned(),
        };
        if let Some(provider) = running.providers.get(link.target.as_str())
            && let Backing::Builtin(builtin) = &provider.backing
        {
            let refused = |refusal: Refusal| DenialReason::Refused {
                target: target.clone(),
                problem: refusal.to_string(),
            };
            return match (&**builtin, self.import.provision) {
                (Builtin::KeyValue(buckets), Provision::Family) => buckets
                    .backend(&view.merged(&link.target_config))
                    .map(|backend| Route::BuiltIn(backend))
                    .map_err(refused),
                _ => Err(incompatible("*")),
            };
        }
        let interface = &self.import.interface.interface;
        match (
            running.components.get(link.target.as_str()),
            self.import.provision,
        ) {
            (Some(callee), Provision::Link) => {
                let route = self.component.program.route_to(self.slot, &callee.program);
                if route.is_err() && messaging::stands_in(interface, &callee.program) {
                    return Ok(Route::Remote(self.remote(link)?));
                }
                match route.map_err(|NoSuchFunction { function }| incompatible(&function))? {
                    Route::Local(local) if self.reach.spill == Spill::WhenFull => {
                        Ok(Route::Spilling(local, self.remote(link)?))
                    }
                    route => Ok(route),
                }
            }
            (Some(callee), Provision::Family) if messaging::provides(interface) => {
                let broker = messaging::Local::new(&callee.program);
                let broker = broker.ok_or_else(|| incompatible("*"))?;
                let backend = messaging::Backend(Arc::new(broker));
                Ok(Route::BuiltIn(Arc::new(backend)))
            }
            (None, Provision::Link) => Ok(Route::Remote(self.remote(link)?)),
            // A component of this host serves them as one elsewhere does: by the interfaces of the wire alone.
            (_, Provision::Native) if is_outgoing(self.import) => self.outgoing(link),
            (_, Provision::Family) => self.family(link),
            (Some(_), Provision::Native) => Err(incompatible("*")),
            (None, Provision::Native) => Err(DenialReason::NotRunning { target }),
        }
    }

    /// The target of a link as it serves a capability family to other hosts.
    fn family(&self, link: &Link) -> Result<Route, DenialReason> {
        let target = link.target.to_string();
        let Some(wire) = &self.reach.wire else {
            return Err(DenialReason::NotRunning { target });
        };
        let interface = &self.import.interface.interface;
        let (source, to, name) = (EntityId::from(self.id), &link.target, &link.name);
        let backend: Result<Arc<dyn Any + Send + Sync>, FunctionError> =
            if keyvalue::provides(interface) {
                keyvalue::Remote::new(wire, &source, to, name)
                    .map(|store| Arc::new(keyvalue::Backend(Arc::new(store))) as _)
            } else if blobstore::provides(interface) {
                blobstore::Remote::new(wire, &source, to, name)
                    .map(|store| Arc::new(blobstore::Backend(Arc::new(store))) as _)
            } else if messaging::provides(interface) {
                messaging::Remote::new(wire, &source, to, name)
                    .map(|broker| Arc::new(messaging::Backend(Arc::new(broker))) as _)
            } else {
                return Err(DenialReason::NotRunning { target });
            };
        backend
            .map(Route::BuiltIn)
            .map_err(|error| DenialReason::Refused {
                target,
                problem: render_chain(&error),
            })
    }

    /// The target of a link as it sends requests on.
    fn outgoing(&self, link: &Link) -> Result<Route, DenialReason> {
        let target = link.target.to_string();
        let Some(wire) = &self.reach.wire else {
            return Err(DenialReason::NotRunning { target });
        };
        let source = EntityId::from(self.id);
        let handler = Handler::Outgoing;
        let sender = HttpTarget::new(wire, &source, &link.target, &link.name, handler);
        let sender = sender.map_err(|error| DenialReason::Refused {
            target,
            problem: render_chain(&error),
        })?;
        Ok(Route::BuiltIn(Arc::new(OutgoingBackend(Arc::new(sender)))))
    }

    /// The target of a link as it is reached on other hosts.
    fn remote(&self, link: &Link) -> Result<Arc<Target>, DenialReason> {
        let target = link.target.to_string();
        let Some(wire) = &self.reach.wire else {
            return Err(DenialReason::NotRunning { target });
        };
        let world = self.component.program.world();
        Target::new(wire, &link.target, &link.name, world, self.import).map_err(|error| {
            DenialReason::Refused {
                target,
                problem: render_chain(&error),
            }
        })
    }

    fn denial(&self, name: &LinkName, reason: DenialReason) -> Arc<Denial> {
        Arc::new(Denial {
            source: self.id.to_string(),
            interface: self.import.interface.interface.clone(),
            link_name: name.to_string(),
            reason,
        })
    }
}

/// Whether guests send requests by an import.
fn is_outgoing(import: &Import) -> bool {
    let interface = &import.interface.interface;
    interface == &*OUTGOING_HANDLER || interface == &*CLIENT
}

/// Whether a denial stays until somebody changes something; a target that does not run may be about to.
fn is_lasting(reason: &DenialReason) -> bool {
    !matches!(reason, DenialReason::NotRunning { .. })
}

fn problem(denial: &Arc<Denial>) -> Problem {
    Problem::new(&CallError::Denied(Arc::clone(denial)))
}
