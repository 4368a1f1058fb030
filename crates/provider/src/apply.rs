//! Acting upon what the host tells, one after the other.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{debug, info, warn};
use weft_model::problem::render_chain;
use weft_protocol::provider::LinkDefinition;
use weft_runtime::{Shutdown, field};

use crate::command::Change;
use crate::hook;
use crate::host_data::Setup;
use crate::link::{Link, LinkKey, LinkRole};
use crate::links::Links;
use crate::options::Options;
use crate::provider::{Config, Provider};

/// Tells the provider of changes, and keeps what it has taken in.
pub(crate) struct Applier<P> {
    pub(crate) provider: Arc<P>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) options: Arc<Options>,
    pub(crate) links: Links,
    /// What the provider was told last.
    pub(crate) config: Config,
}

// ===== impl Applier =====

impl<P: Provider> Applier<P> {
    /// Acts upon changes until there are no more, or the end is asked for.
    pub(crate) async fn run(mut self, mut changes: mpsc::Receiver<Change>, end: Shutdown) {
        while let Some(Some(change)) = end.or(changes.recv()).await {
            match change {
                Change::LinkPut(definition) => self.put(definition).await,
                Change::LinkDelete(definition) => self.delete(&definition).await,
                Change::Config(config) => self.configure(config).await,
            }
        }
    }

    /// Takes in a link: when it is new, or different. (The SDK of 1.9 passes over one that is different.)
    pub(crate) async fn put(&self, definition: LinkDefinition) {
        let id = self.setup.provider.as_str();
        let link = match Link::open(id, self.setup.keys.as_ref(), definition) {
            Ok(link) => Arc::new(link),
            Err(error) => {
                warn!(
                    { field::ERROR } = render_chain(&error),
                    "Link cannot be taken in"
                );
                return;
            }
        };
        let known = self.links.get(&link.key());
        if known.as_ref() == Some(&link) {
            debug!(
                peer = link.peer,
                { field::LINK_NAME } = link.name,
                "Link is known already"
            );
            return;
        }
        let put = self.provider.link_put(Arc::clone(&link));
        match hook::run(self.options.hook_timeout, put).await {
            Ok(()) => {
                info!(
                    peer = link.peer,
                    { field::LINK_NAME } = link.name,
                    is_source = link.role == LinkRole::Source,
                    is_update = known.is_some(),
                    "Link taken in"
                );
                self.links.insert(link);
            }
            Err(error) => warn!(
                peer = link.peer,
                { field::LINK_NAME } = link.name,
                { field::ERROR } = render_chain(&error),
                "Link was not taken in"
            ),
        }
    }

    async fn delete(&self, definition: &LinkDefinition) {
        let key = match LinkKey::of(self.setup.provider.as_str(), definition) {
            Ok(key) => key,
            Err(error) => {
                warn!(
                    { field::ERROR } = render_chain(&error),
                    "Link cannot be let go of"
                );
                return;
            }
        };
        let Some(link) = self.links.remove(&key) else {
            debug!(
                peer = key.peer,
                { field::LINK_NAME } = key.name,
                "Link is not known"
            );
            return;
        };
        let deletion = self.provider.link_delete(link);
        match hook::run(self.options.hook_timeout, deletion).await {
            Ok(()) => info!(
                peer = key.peer,
                { field::LINK_NAME } = key.name,
                "Link let go of"
            ),
            Err(error) => warn!(
                peer = key.peer,
                { field::LINK_NAME } = key.name,
                { field::ERROR } = render_chain(&error),
                "Link was not let go of cleanly"
            ),
        }
    }

    /// Hosts of 1.9 tell the config once more after the start.
    async fn configure(&mut self, config: Config) {
        if config == self.config {
            return;
        }
        self.config = config.clone();
        let update = self.provider.config_update(config);
        match hook::run(self.options.hook_timeout, update).await {
            Ok(()) => info!("Config taken in"),
            Err(error) => {
                warn!(
                    { field::ERROR } = render_chain(&error),
                    "Config was not taken in"
                );
            }
        }
    }
}
