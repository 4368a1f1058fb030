//! Links as providers get them.

use std::fmt;

use serde::{Deserialize, Serialize};
use weft_model::application::Config;
use weft_model::link;

use crate::control::Link;

/// A link with its configs resolved (spec §5.3); prints without configs and secrets, as configs hold credentials too.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
pub struct LinkDefinition {
    /// The id of who calls.
    pub source_id: String,
    /// The id of who is called.
    pub target: String,
    /// The name of the link.
    pub name: String,
    /// The namespace of the package.
    pub wit_namespace: String,
    /// The package in its namespace.
    pub wit_package: String,
    /// The interfaces of the package.
    pub interfaces: Vec<String>,
    /// The merged configs of the source.
    #[serde(default)]
    pub source_config: Config,
    /// The merged configs of the target.
    #[serde(default)]
    pub target_config: Config,
    /// The secrets of the source, sealed for the provider's curve key; `null` when there are none.
    #[serde(default)]
    pub source_secrets: Option<Vec<u8>>,
    /// The secrets of the target, sealed for the provider's curve key; `null` when there are none.
    #[serde(default)]
    pub target_secrets: Option<Vec<u8>>,
}

// ===== impl LinkDefinition =====

impl LinkDefinition {
    /// `link` with the merged configs of its sides and without secrets.
    pub fn new(link: &link::Link, source_config: Config, target_config: Config) -> Self {
        let link = Link::from(link);
        Self {
            source_id: link.source_id,
            target: link.target,
            name: link.name,
            wit_namespace: link.wit_namespace,
            wit_package: link.wit_package,
            interfaces: link.interfaces,
            source_config,
            target_config,
            source_secrets: None,
            target_secrets: None,
        }
    }

    /// The link itself, without configs: as providers are told that it is gone.
    pub fn without_configs(link: &link::Link) -> Self {
        Self::new(link, Config::new(), Config::new())
    }
}

impl fmt::Debug for LinkDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkDefinition")
            .field("source_id", &self.source_id)
            .field("target", &self.target)
            .field("name", &self.name)
            .field("wit_namespace", &self.wit_namespace)
            .field("wit_package", &self.wit_package)
            .field("interfaces", &self.interfaces)
            .finish_non_exhaustive()
    }
}
