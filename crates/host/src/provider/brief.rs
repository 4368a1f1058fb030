//! What a provider is to know, and what is new to its process.

use std::collections::BTreeMap;

use weft_model::application::Config;
use weft_protocol::provider::{LinkDefinition, SecretValue};

/// Secrets by name.
pub(crate) type Secrets = BTreeMap<String, SecretValue>;

/// What a provider is to know: made by the router from the state of the lattice.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Brief {
    /// Its merged config.
    pub(crate) config: Config,
    /// The links that it is part of, in the order of their keys.
    pub(crate) links: Vec<BriefedLink>,
}

/// A link, with what has to be sealed before it is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BriefedLink {
    /// The link with its configs resolved and without secrets.
    pub(crate) definition: LinkDefinition,
    pub(crate) source_secrets: Secrets,
    pub(crate) target_secrets: Secrets,
}

/// What providers tell links apart by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
struct Key<'a> {
    source: &'a str,
    target: &'a str,
    name: &'a str,
    namespace: &'a str,
    package: &'a str,
}

/// Something to tell a process about a link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// The link is gone.
    Delete(BriefedLink),
    /// The link is there.
    Put(BriefedLink),
}

// ===== impl BriefedLink =====

impl BriefedLink {
    /// A link without secrets.
    pub(crate) fn new(definition: LinkDefinition) -> Self {
        Self {
            definition,
            source_secrets: Secrets::new(),
            target_secrets: Secrets::new(),
        }
    }

    /// Whether `definition` is of the same link.
    pub(super) fn is_same_link(&self, definition: &LinkDefinition) -> bool {
        are_same_link(&self.definition, definition)
    }

    pub(super) fn has_secrets(&self) -> bool {
        !self.source_secrets.is_empty() || !self.target_secrets.is_empty()
    }
}

/// Whether both are of one link, whatever their configs.
pub(super) fn are_same_link(a: &LinkDefinition, b: &LinkDefinition) -> bool {
    key(a) == key(b)
}

fn key(definition: &LinkDefinition) -> Key<'_> {
    Key {
        source: &definition.source_id,
        target: &definition.target,
        name: &definition.name,
        namespace: &definition.wit_namespace,
        package: &definition.wit_package,
    }
}

/// What a process that knows `told` has to be told so that it knows `desired`. A link that is different is deleted and put:
/// the SDKs of 1.9 ignore a put of a link that they have (spec §5.5). Deletions come first, so that a link that leads elsewhere
/// now is never there twice.
pub(super) fn changes(told: &[BriefedLink], desired: &[BriefedLink]) -> Vec<Change> {
    let index = |links: &'_ [BriefedLink]| -> BTreeMap<_, _> {
        links
            .iter()
            .enumerate()
            .map(|(place, link)| (owned_key(link), place))
            .collect()
    };
    let (told_by_key, desired_by_key) = (index(told), index(desired));
    let is_kept = |link: &BriefedLink, others: &[BriefedLink], by_key: &BTreeMap<_, usize>| {
        by_key
            .get(&owned_key(link))
            .is_some_and(|&place| others[place] == *link)
    };
    let deleted = told
        .iter()
        .filter(|link| !is_kept(link, desired, &desired_by_key));
    let put = desired
        .iter()
        .filter(|link| !is_kept(link, told, &told_by_key));
    deleted
        .cloned()
        .map(Change::Delete)
        .chain(put.cloned().map(Change::Put))
        .collect()
}

fn owned_key(link: &BriefedLink) -> [String; 5] {
    let Key {
        source,
        target,
        name,
        namespace,
        package,
    } = key(&link.definition);
    [source, target, name, namespace, package].map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(target: &str, config: &str) -> BriefedLink {
        BriefedLink::new(LinkDefinition {
            source_id: "web".to_owned(),
            target: target.to_owned(),
            name: "default".to_owned(),
            wit_namespace: "wasi".to_owned(),
            wit_package: "keyvalue".to_owned(),
            interfaces: vec!["store".to_owned()],
            source_config: Config::new(),
            target_config: Config::from([("url".to_owned(), config.to_owned())]),
            source_secrets: None,
            target_secrets: None,
        })
    }

    #[test]
    fn only_what_is_new_is_told() {
        let check = |told: &[BriefedLink], desired: &[BriefedLink], expected: &[Change]| {
            assert_eq!(changes(told, desired), expected);
        };
        let (a, b) = (link("a", "1"), link("b", "1"));
        let one = std::slice::from_ref(&a);
        check(&[], one, &[Change::Put(a.clone())]);
        check(one, &[], &[Change::Delete(a.clone())]);
        check(&[a.clone(), b.clone()], &[b.clone(), a.clone()], &[]);
        let changed = link("a", "2");
        check(
            &[a.clone(), b.clone()],
            &[changed.clone(), b],
            &[Change::Delete(a), Change::Put(changed)],
        );
    }
}
