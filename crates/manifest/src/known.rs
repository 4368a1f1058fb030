//! Interfaces that everybody knows, to find mistyped ones (spec §11).

use crate::names::nearest;

/// Well-known packages and their interfaces, in the order of namespace and package.
const PACKAGES: &[(&str, &str, &[&str])] = &[
    ("wasi", "blobstore", &["blobstore", "container", "types"]),
    ("wasi", "config", &["store", "runtime"]),
    (
        "wasi",
        "http",
        &["incoming-handler", "outgoing-handler", "handler", "types"],
    ),
    (
        "wasi",
        "keyvalue",
        &["store", "atomics", "batch", "watcher"],
    ),
    ("wasi", "logging", &["logging"]),
    (
        "wasmcloud",
        "messaging",
        &[
            "consumer",
            "handler",
            "types",
            "producer",
            "request-reply",
            "incoming-handler",
        ],
    ),
];

/// What looks wrong about a package.
pub(crate) enum Typo {
    /// The namespace is near that of a well-known package of this name.
    Namespace(&'static str),
    /// The package is near a well-known one of this namespace.
    Package(&'static str),
}

/// The interfaces of a well-known package.
pub(crate) fn interfaces(namespace: &str, package: &str) -> Option<&'static [&'static str]> {
    PACKAGES
        .iter()
        .find(|(known_namespace, known_package, _)| {
            *known_namespace == namespace && *known_package == package
        })
        .map(|(_, _, interfaces)| *interfaces)
}

/// What is probably mistyped about a package that is not well known. Packages of other namespaces are their authors'
/// business unless both parts point at a well-known one.
pub(crate) fn typo(namespace: &str, package: &str) -> Option<Typo> {
    let is_namespace = PACKAGES.iter().any(|(known, _, _)| *known == namespace);
    if is_namespace {
        let packages = PACKAGES
            .iter()
            .filter(|(known, _, _)| *known == namespace)
            .map(|(_, package, _)| *package);
        return nearest(package, packages)
            .filter(|&near| near != package)
            .map(Typo::Package);
    }
    let namespaces = PACKAGES
        .iter()
        .filter(|(_, known, _)| *known == package)
        .map(|(namespace, _, _)| *namespace);
    nearest(namespace, namespaces).map(Typo::Namespace)
}
