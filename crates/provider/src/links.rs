//! The links that the provider has taken in.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::link::{Link, LinkKey, LinkRole};

/// The links that the provider has taken in, shared by what changes them and the calls that look them up. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    by_key: Arc<RwLock<BTreeMap<LinkKey, Arc<Link>>>>,
}

// ===== impl Links =====

impl Links {
    pub(crate) fn get(&self, key: &LinkKey) -> Option<Arc<Link>> {
        let links = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        links.get(key).cloned()
    }

    pub(crate) fn insert(&self, link: Arc<Link>) {
        let mut links = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        links.insert(link.key(), link);
    }

    pub(crate) fn remove(&self, key: &LinkKey) -> Option<Arc<Link>> {
        let mut links = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        links.remove(key)
    }

    /// The link over which `peer` calls `instance`, such as `wrpc:keyvalue/store@0.2.0-draft`. What WASI defines is called
    /// under `wrpc`, while its links are of `wasi` (spec §4.9).
    pub(crate) fn of_call(&self, peer: &str, name: &str, instance: &str) -> Option<Arc<Link>> {
        let (namespace, rest) = instance.split_once(':')?;
        let package = rest.split(['/', '@']).next()?;
        let find = |namespace: &str| {
            self.get(&LinkKey {
                role: LinkRole::Target,
                peer: peer.to_owned(),
                name: name.to_owned(),
                namespace: namespace.to_owned(),
                package: package.to_owned(),
            })
        };
        let link = find(namespace);
        if namespace == "wrpc" {
            return link.or_else(|| find("wasi"));
        }
        link
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::json;

    use super::*;

    #[test]
    fn a_call_finds_its_link_by_peer_name_and_package() {
        let links = Links::default();
        let put = |source: &str, name: &str, namespace: &str, package: &str| {
            let text = format!(
                r#"{{"source_id":"{source}","target":"p","name":"{name}","wit_namespace":"{namespace}","wit_package":"{package}",
                "interfaces":["i"]}}"#
            );
            let definition = json::decode(text.as_bytes()).unwrap();
            links.insert(Arc::new(Link::open("p", None, definition).unwrap()));
        };
        put("a", "default", "wasi", "keyvalue");
        put("a", "other", "wasi", "keyvalue");
        put("a", "default", "demo", "thing");
        put("p", "default", "demo", "thing");
        let check = |peer: &str, name: &str, instance: &str, expected: Option<&str>| {
            let found = links.of_call(peer, name, instance);
            let found = found.map(|link| format!("{}/{}", link.name, link.package));
            assert_eq!(found.as_deref(), expected, "{instance}");
        };
        let store = "wrpc:keyvalue/store@0.2.0-draft";
        check("a", "default", store, Some("default/keyvalue"));
        check("a", "other", store, Some("other/keyvalue"));
        check("b", "default", store, None);
        check("a", "default", "demo:thing/i", Some("default/thing"));
        check("a", "default", "demo:thing@1.0.0", Some("default/thing"));
        check("a", "default", "demo:keyvalue/store", None);
        // The link of which the provider is the source.
        check("p", "default", "demo:thing/i", None);
        check("a", "default", "", None);
    }
}
