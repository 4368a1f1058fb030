//! Who calls.

use std::sync::Arc;

use tokio::time::Instant;
use weft_wrpc::{Context, Incoming};

use crate::link::Link;
use crate::links::Links;

/// A caller of 1.9 that does not say who it is (spec §4.6).
const UNKNOWN: &str = "<unknown>";
/// The link that is meant when none is named (spec §4.6).
const LINK_DEFAULT: &str = "default";

/// Who calls, and over which link. Nothing of it is authenticated: whoever may publish in the lattice may claim it.
#[derive(Clone, Debug)]
pub struct Call {
    context: Context,
    link: Option<Arc<Link>>,
    deadline: Instant,
}

// ===== impl Call =====

impl Call {
    pub(super) fn new(incoming: &Incoming, links: &Links) -> Self {
        let context = incoming.context().clone();
        let deadline = incoming.deadline();
        let mut call = Self {
            context,
            link: None,
            deadline,
        };
        call.link = links.of_call(call.source(), call.link_name(), incoming.instance());
        call
    }

    /// The id of the caller; `<unknown>` when it does not say.
    pub fn source(&self) -> &str {
        self.context.source_id.as_deref().unwrap_or(UNKNOWN)
    }

    /// The name of the link that the caller uses.
    pub fn link_name(&self) -> &str {
        self.context.link_name.as_deref().unwrap_or(LINK_DEFAULT)
    }

    /// The link, as it was when the call came; `None` when the provider has taken in no such link (yet).
    pub fn link(&self) -> Option<&Arc<Link>> {
        self.link.as_ref()
    }

    /// A value of the provider's config of the link.
    pub fn link_config(&self, key: &str) -> Option<&str> {
        self.link.as_ref()?.config.get(key).map(String::as_str)
    }

    /// When the time of the call is up.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// All that the caller says, the trace and the depth included.
    pub fn context(&self) -> &Context {
        &self.context
    }
}
