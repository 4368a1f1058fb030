//! Where the imports of a running component lead to.
//!
//! Routes are resolved when links or components change, not when a call is made: the host builds a whole [`RouteTable`]
//! and swaps it in; each call of an import reads it once.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use wasmtime::component::Val;
use weft_model::id::{ComponentId, LinkName};

use crate::call::CallContext;
use crate::error::{CallError, Denial};
use crate::flow::Flow;
use crate::program::LocalTarget;

/// What an import leads to.
#[derive(Clone)]
pub enum Route {
    /// A backend in this process, of the type that the interface's family expects.
    BuiltIn(Arc<dyn Any + Send + Sync>),
    /// A component on this host.
    Local(Arc<LocalTarget>),
    /// Something that runs elsewhere.
    Remote(Arc<dyn RemoteTarget>),
    /// A component on this host that runs elsewhere too: where there is no room for a call here, it goes there.
    Spilling(Arc<LocalTarget>, Arc<dyn RemoteTarget>),
    /// Nothing: there is no link.
    Denied(Arc<Denial>),
}

/// Something that runs elsewhere, as the target of an import.
pub trait RemoteTarget: Send + Sync + 'static {
    /// The id of what is called.
    fn target(&self) -> &str;

    /// Calls the function that the import has at `position`, for `caller`. `context` is that of the callee, and the call
    /// ends by its deadline; `results` has as many places as the function has results.
    ///
    /// `flows` are the streams and futures of the parameters in the order of their types, where `params` have places for
    /// them; those of the results are returned in the same way, and may be read long after the call.
    ///
    /// Dropping the future gives the call up.
    ///
    /// # Errors
    ///
    /// [`CallError::Remote`], or what of the others is known to have happened there.
    fn call<'a>(
        &'a self,
        position: usize,
        caller: &'a ComponentId,
        context: CallContext,
        params: &'a [Val],
        flows: Vec<Flow>,
        results: &'a mut [Val],
    ) -> BoxFuture<'a, Result<Vec<Flow>, CallError>>;
}

/// The routes of one running component; immutable, exchanged as a whole.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// By position of the import in its [`World`](crate::world::World).
    slots: Vec<SlotRoutes>,
}

/// The routes of one import.
#[derive(Debug)]
pub struct SlotRoutes {
    /// By the name `default`.
    pub default: Route,
    /// By other names, in no order; few.
    pub named: Vec<(LinkName, Route)>,
}

// ===== impl Route =====

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(_) => f.write_str("BuiltIn"),
            Self::Local(target) => write!(f, "Local({})", target.component()),
            Self::Remote(target) => write!(f, "Remote({})", target.target()),
            Self::Spilling(target, _) => write!(f, "Spilling({})", target.component()),
            Self::Denied(denial) => write!(f, "Denied({denial})"),
        }
    }
}

// ===== impl RouteTable =====

impl RouteTable {
    /// A table with `slots`, one for each import in the order of the component's world.
    pub fn new(slots: Vec<SlotRoutes>) -> Self {
        Self { slots }
    }

    /// The route of the import in `slot` by a link name, `None` for `default`. `None` for a slot the table does not have, and
    /// where there is no link of this name.
    pub(crate) fn route(&self, slot: usize, name: Option<&LinkName>) -> Option<&Route> {
        let routes = self.slots.get(slot)?;
        let Some(name) = name else {
            return Some(&routes.default);
        };
        let mut named = routes.named.iter();
        named
            .find(|(other, _)| other == name)
            .map(|(_, route)| route)
    }
}
