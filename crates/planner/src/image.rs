//! Whether what a host reports is the image that was asked for.

use weft_model::reference::{Location, Reference};

/// Whether `reported` names the image `wanted`.
///
/// Hosts report references as they were written, except that 1.9 hosts report the file of a provider by its bare path,
/// and all hosts a built-in provider by its bare name.
pub(crate) fn is_same_image(wanted: &Reference, reported: &str) -> bool {
    if wanted.as_str() == reported {
        return true;
    }
    match wanted.location() {
        Location::File(path) => path == reported,
        Location::Builtin(name) if name == reported => true,
        Location::Registry(_) | Location::Builtin(_) => reported
            .parse::<Reference>()
            .is_ok_and(|reported| reported.location() == wanted.location()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_the_same_under_any_spelling_that_hosts_use() {
        let is_same = |wanted: &str, reported| is_same_image(&wanted.parse().unwrap(), reported);
        assert!(is_same("file:///a.wasm", "file:///a.wasm"));
        assert!(is_same("file:///a.par.gz", "/a.par.gz"));
        assert!(is_same("oci://ghcr.io/x/y:1", "ghcr.io/x/y:1"));
        assert!(!is_same("ghcr.io/x/y:1", "ghcr.io/x/y:2"));
        assert!(!is_same("file:///a.wasm", "file:///b.wasm"));
        assert!(is_same("wasmcloud+builtin://http-server", "http-server"));
        assert!(!is_same("wasmcloud+builtin://http-server", "http-client"));
        assert!(!is_same("http-server", "wasmcloud+builtin://http-server"));
    }
}
