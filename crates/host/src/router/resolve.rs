//! From what runs, links and configs to routes and rules: a plain function over values.

mod imports;
mod providers;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use weft_capabilities::http_server::Rule;
use weft_capabilities::remote::Wire;
use weft_engine::route::RouteTable;
use weft_model::application::Config;
use weft_model::id::{ComponentId, ProviderId};
use weft_model::problem::Problem;

use self::imports::resolve_component;
use self::providers::resolve_provider;
use super::view::View;
use crate::keyvalue::Linked;
use crate::options::Spill;
use crate::provider::Brief;
use crate::registry::Snapshot;

/// How what does not run here is reached.
pub(crate) struct Reach {
    /// `None` where nothing else is.
    pub(crate) wire: Option<Wire>,
    pub(crate) spill: Spill,
}

impl Reach {
    pub(crate) fn new(wire: &Wire, spill: Spill) -> Self {
        Self {
            wire: Some(wire.clone()),
            spill,
        }
    }
}

/// What everything that runs is to be given.
pub(super) struct Resolution {
    pub(super) components: BTreeMap<ComponentId, ResolvedComponent>,
    pub(super) providers: BTreeMap<ProviderId, ResolvedProvider>,
}

pub(super) struct ResolvedComponent {
    pub(super) config: Config,
    pub(super) routes: RouteTable,
    pub(super) problems: Vec<Problem>,
}

pub(super) struct ResolvedProvider {
    /// With the address they are served at; `None` for the shared one.
    pub(super) rules: Vec<(Option<SocketAddr>, Rule)>,
    /// What callers on other hosts are let in to.
    pub(super) linked: Linked,
    pub(super) problems: Vec<Problem>,
    /// What its process is to know; `None` where it has none.
    pub(super) brief: Option<Brief>,
}

pub(super) fn resolve(running: &Snapshot, view: &View, reach: &Reach) -> Resolution {
    Resolution {
        components: running
            .components
            .iter()
            .map(|(id, component)| {
                let resolved = resolve_component(id, component, running, view, reach);
                (id.clone(), resolved)
            })
            .collect(),
        providers: running
            .providers
            .iter()
            .map(|(id, provider)| {
                (
                    id.clone(),
                    resolve_provider(id, provider, running, view, reach),
                )
            })
            .collect(),
    }
}
