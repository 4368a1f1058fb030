//! Links as a provider sees them.

use weft_protocol::provider::LinkDefinition;

use crate::provider::Config;
use crate::secrets::{Keys, OpenError, Secrets, open};

/// Which end of a link the provider is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LinkRole {
    /// The provider calls the peer.
    Source,
    /// The peer calls the provider.
    Target,
}

/// A link between the provider and a component. Prints without configs, which hold credentials too.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// Which end the provider is.
    pub role: LinkRole,
    /// The id at the other end.
    pub peer: String,
    /// The name of the link.
    pub name: String,
    /// The namespace of the package, such as `wasi`.
    pub namespace: String,
    /// The package in its namespace, such as `keyvalue`.
    pub package: String,
    /// The interfaces of the package, such as `store`.
    pub interfaces: Vec<String>,
    /// The config of the provider's end.
    pub config: Config,
    /// The config of the other end.
    pub peer_config: Config,
    /// The secrets of the provider's end.
    pub secrets: Secrets,
}

/// What tells links apart. Two links of the same pair differ in their names or packages.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct LinkKey {
    pub(crate) role: LinkRole,
    pub(crate) peer: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) package: String,
}

/// Why a definition is no link of the provider.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// Neither end is the provider.
    #[error("the link from `{from}` to `{to}` is not one of this provider")]
    Foreign { from: String, to: String },
    /// Its secrets cannot be opened.
    #[error("the secrets of the link with `{peer}` cannot be opened")]
    Secrets { peer: String, source: OpenError },
}

// ===== impl LinkKey =====

impl LinkKey {
    /// The key of `definition` for the provider `own`. A link of the provider with itself is one whose source it is.
    pub(crate) fn of(own: &str, definition: &LinkDefinition) -> Result<Self, LinkError> {
        let (role, peer) = if definition.source_id == own {
            (LinkRole::Source, &definition.target)
        } else if definition.target == own {
            (LinkRole::Target, &definition.source_id)
        } else {
            return Err(LinkError::Foreign {
                from: definition.source_id.clone(),
                to: definition.target.clone(),
            });
        };
        Ok(Self {
            role,
            peer: peer.clone(),
            name: definition.name.clone(),
            namespace: definition.wit_namespace.clone(),
            package: definition.wit_package.clone(),
        })
    }
}

// ===== impl Link =====

impl Link {
    /// The link that `definition` is to the provider `own`.
    pub(crate) fn open(
        own: &str,
        keys: Option<&Keys>,
        definition: LinkDefinition,
    ) -> Result<Self, LinkError> {
        let LinkKey {
            role,
            peer,
            name,
            namespace,
            package,
        } = LinkKey::of(own, &definition)?;
        let source = (definition.source_config, definition.source_secrets);
        let target = (definition.target_config, definition.target_secrets);
        let ((config, sealed), (peer_config, _)) = match role {
            LinkRole::Source => (source, target),
            LinkRole::Target => (target, source),
        };
        let secrets = match open(keys, sealed.as_deref()) {
            Ok(secrets) => secrets,
            Err(source) => return Err(LinkError::Secrets { peer, source }),
        };
        Ok(Self {
            role,
            peer,
            name,
            namespace,
            package,
            interfaces: definition.interfaces,
            config,
            peer_config,
            secrets,
        })
    }

    pub(crate) fn key(&self) -> LinkKey {
        LinkKey {
            role: self.role,
            peer: self.peer.clone(),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            package: self.package.clone(),
        }
    }

    /// Whether the link is of this interface, such as `wasi:http` and `incoming-handler`.
    pub fn is_of(&self, namespace: &str, package: &str, interface: &str) -> bool {
        self.namespace == namespace
            && self.package == package
            && self.interfaces.iter().any(|one| one == interface)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("role", &self.role)
            .field("peer", &self.peer)
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("package", &self.package)
            .field("interfaces", &self.interfaces)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}
