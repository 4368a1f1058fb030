//! Links: who may call whom, for what.

use crate::id::{ConfigName, EntityId, LinkName};
use crate::interface::{InterfaceName, PackageName};

/// A permission for `source` to call `target` over some interfaces of one package, with the configs of each side
/// (spec §1.3).
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Link {
    /// Who calls.
    pub source: EntityId,
    /// Who is called.
    pub target: EntityId,
    /// The name by which the source chooses this link; `default` unless given.
    pub name: LinkName,
    /// The package of the interfaces.
    pub package: PackageName,
    /// Names of interfaces of `package`, in the order given; not empty.
    pub interfaces: Vec<String>,
    /// Configs for the source, merged left to right.
    pub source_config: Vec<ConfigName>,
    /// Configs for the target, merged left to right.
    pub target_config: Vec<ConfigName>,
}

/// What makes a link the same link when it is put again: source, package and name, within one target (spec §1.3).
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LinkKey {
    /// Who calls.
    pub source: EntityId,
    /// The name of the link.
    pub name: LinkName,
    /// The package of its interfaces.
    pub package: PackageName,
}

// ===== impl Link =====

impl Link {
    /// The key under which `link.del` finds this link.
    pub fn key(&self) -> LinkKey {
        LinkKey {
            source: self.source.clone(),
            name: self.name.clone(),
            package: self.package.clone(),
        }
    }

    /// The names of all its configs: those for the source, then those for the target.
    pub fn configs(&self) -> impl Iterator<Item = &ConfigName> {
        self.source_config.iter().chain(&self.target_config)
    }

    /// Whether this link carries calls of `interface`.
    pub fn carries(&self, interface: &InterfaceName) -> bool {
        interface.package() == &self.package
            && self.interfaces.iter().any(|name| name == interface.name())
    }

    /// Whether `other` may not stand beside this link: the same source, name, package and at least one interface, but
    /// another target (spec §1.3).
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.key() == other.key()
            && self.target != other.target
            && self
                .interfaces
                .iter()
                .any(|name| other.interfaces.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(target: &str, name: &str, interfaces: &[&str]) -> Link {
        Link {
            source: "web".parse().unwrap(),
            target: target.parse().unwrap(),
            name: name.parse().unwrap(),
            package: "wasi:keyvalue".parse().unwrap(),
            interfaces: interfaces.iter().map(|&name| name.to_owned()).collect(),
            source_config: Vec::new(),
            target_config: Vec::new(),
        }
    }

    #[test]
    fn two_targets_for_one_interface_and_name_conflict() {
        let first = link("kv", "default", &["store", "atomics"]);
        assert!(first.conflicts_with(&link("other", "default", &["store"])));
        assert!(!first.conflicts_with(&link("kv", "default", &["store"])));
        assert!(!first.conflicts_with(&link("other", "second", &["store"])));
        assert!(!first.conflicts_with(&link("other", "default", &["batch"])));
    }

    #[test]
    fn a_link_carries_the_interfaces_it_names() {
        let link = link("kv", "default", &["store"]);
        assert!(link.carries(&"wasi:keyvalue/store".parse().unwrap()));
        assert!(!link.carries(&"wasi:keyvalue/batch".parse().unwrap()));
        assert!(!link.carries(&"wasi:blobstore/store".parse().unwrap()));
    }
}
