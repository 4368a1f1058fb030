//! What an id will be once the requests for it that were taken in are done.
//!
//! Some requests are answered at once by what runs (spec §1.3), though others for the same id still wait. They are judged
//! by the state that those lead to if all goes well; where it does not, the outcome is an event like any other failure.

use std::sync::Arc;

/// What a job makes of its id, if all goes well. The default makes nothing of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Outlook {
    /// Whether the component will run, and from which image.
    pub(crate) component: Option<Presence>,
    /// Whether the provider will run.
    pub(crate) provider: Option<bool>,
}

/// Whether a component runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Presence {
    /// It does not.
    Absent,
    /// It runs from this image.
    From(Arc<str>),
}

// ===== impl Outlook =====

impl Outlook {
    pub(crate) fn component(presence: Presence) -> Self {
        Self {
            component: Some(presence),
            provider: None,
        }
    }

    pub(crate) fn provider(runs: bool) -> Self {
        Self {
            component: None,
            provider: Some(runs),
        }
    }

    /// What becomes of the id when `later` is done after this.
    pub(crate) fn then(self, later: &Self) -> Self {
        Self {
            component: later.component.clone().or(self.component),
            provider: later.provider.or(self.provider),
        }
    }
}

// ===== impl Presence =====

impl Presence {
    /// The image, where the component runs.
    pub(crate) fn image(&self) -> Option<&Arc<str>> {
        match self {
            Self::From(image) => Some(image),
            Self::Absent => None,
        }
    }
}
