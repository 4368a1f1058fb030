//! What a provider program implements.

use std::sync::Arc;

use weft_model::application;

use crate::caller::Caller;
use crate::error::BoxError;
use crate::link::Link;
use crate::secrets::Secrets;
use crate::serve::Exports;

/// Named values, as they were set in the lattice, ordered by name.
pub type Config = application::Config;
/// What a method of a provider answers.
pub type HookResult = Result<(), BoxError>;

/// A capability provider. All methods have defaults that do nothing, so that only what matters is written; as `async fn`s.
///
/// [`Self::init`] comes first, then links one by one, then calls. Links and configs are told one after the other, in the
/// order in which they came, while calls run; health is asked at any time, also while another method runs.
pub trait Provider: Send + Sync + 'static {
    /// Begins the work. Until it is done no link is told and no call is taken; commands that come meanwhile are kept. The
    /// future is dropped when the host asks for the end meanwhile, or it takes longer than
    /// [`Options::init_timeout`](crate::Options::init_timeout).
    ///
    /// # Errors
    ///
    /// An error ends the process, which the host starts again.
    fn init(&self, start: Start) -> impl Future<Output = HookResult> + Send {
        let _ = start;
        async { Ok(()) }
    }

    /// The functions that are served. Asked for once, after [`Self::init`].
    fn exports(self: Arc<Self>) -> Exports {
        Exports::new()
    }

    /// Takes in a link: a new one, or one of which anything changed, config and secrets included. A link that is told
    /// again as it is known does not come here.
    ///
    /// # Errors
    ///
    /// An error is logged. The link counts as it did before: unknown, or as it was.
    fn link_put(&self, link: Arc<Link>) -> impl Future<Output = HookResult> + Send {
        let _ = link;
        async { Ok(()) }
    }

    /// Lets go of a link that was taken in.
    ///
    /// # Errors
    ///
    /// An error is logged. The link is gone all the same.
    fn link_delete(&self, link: Arc<Link>) -> impl Future<Output = HookResult> + Send {
        let _ = link;
        async { Ok(()) }
    }

    /// Takes in the config of the provider as a whole, when it is another one than before.
    ///
    /// # Errors
    ///
    /// An error is logged.
    fn config_update(&self, config: Config) -> impl Future<Output = HookResult> + Send {
        let _ = config;
        async { Ok(()) }
    }

    /// Says whether all is well. Asked every 30 s or so.
    fn health(&self) -> impl Future<Output = Health> + Send {
        async { Health::Healthy }
    }

    /// Ends the work, once no call runs any more. The host is told that the process ends when this is done, or has taken
    /// longer than [`Options::shutdown_timeout`](crate::Options::shutdown_timeout).
    ///
    /// # Errors
    ///
    /// An error is logged.
    fn shutdown(&self) -> impl Future<Output = HookResult> + Send {
        async { Ok(()) }
    }
}

/// What a provider knows when it begins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Start {
    /// The id of the provider.
    pub provider_id: String,
    /// The host that runs it.
    pub host_id: String,
    /// The lattice.
    pub lattice: String,
    /// A UUID of this process.
    pub instance_id: String,
    /// The config of the provider.
    pub config: Config,
    /// The secrets of the provider.
    pub secrets: Secrets,
    /// Calls components.
    pub caller: Caller,
}

/// Whether a provider is well.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Health {
    /// It is.
    Healthy,
    /// It is not, and why.
    Unhealthy(String),
}
