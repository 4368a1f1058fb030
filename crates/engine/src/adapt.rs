//! From bytes as delivered to a component: recognises what they are and wraps core modules.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use crate::error::LoadError;

const MAGIC: &[u8; 4] = b"\0asm";
/// The two layer bytes after magic and version, which tell core modules from components.
const LAYER_MODULE: [u8; 2] = [0, 0];
const LAYER_COMPONENT: [u8; 2] = [1, 0];
/// How files that are often taken for components begin.
const OTHER_KINDS: [(&[u8], &str); 6] = [
    (b"\x7fELF", "a native program"),
    (b"MZ", "a native program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"#!", "a script"),
    (MAGIC, "WebAssembly of a version that is not known"),
];

/// The bytes of a component: as given, or made from a core module that carries WIT types, with WASI preview 1 adapted.
///
/// # Errors
///
/// [`LoadError::Text`], [`LoadError::NotWasm`], [`LoadError::BareModule`] or [`LoadError::Adapt`]. Damage further in is
/// for the compiler to find.
pub(crate) fn to_component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    match bytes.get(..8) {
        Some(header) if &header[..4] == MAGIC && header[6..] == LAYER_COMPONENT => {
            Ok(Cow::Borrowed(bytes))
        }
        Some(header) if &header[..4] == MAGIC && header[6..] == LAYER_MODULE => {
            adapt_module(bytes).map(Cow::Owned)
        }
        _ if looks_like_text(bytes) => Err(LoadError::Text),
        _ => Err(LoadError::NotWasm {
            kind: other_kind(bytes),
        }),
    }
}

fn adapt_module(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let adapt_error = |error| LoadError::Adapt {
        reason: format!("{error:#}"),
    };
    let (_, metadata) = wit_component::metadata::decode(module).map_err(adapt_error)?;
    let offers_something = metadata
        .resolve
        .worlds
        .get(metadata.world)
        .is_some_and(|world| !world.exports.is_empty());
    if !offers_something {
        return Err(LoadError::BareModule);
    }
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
        })
        .and_then(|encoder| encoder.encode())
        .map_err(adapt_error)
}

fn other_kind(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        return "empty";
    }
    OTHER_KINDS
        .iter()
        .find(|(start, _)| bytes.starts_with(start))
        .map_or("of another kind", |&(_, kind)| kind)
}

fn looks_like_text(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"(module")
        || bytes.trim_ascii_start().starts_with(b"(component")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_a_wrong_file_is() {
        assert!(matches!(to_component(b"  (module)"), Err(LoadError::Text)));
        assert!(matches!(to_component(b""), Err(LoadError::NotWasm { .. })));
        assert!(matches!(
            to_component(b"\0asm"),
            Err(LoadError::NotWasm { .. })
        ));
        assert!(
            matches!(to_component(b"#!/bin/sh\n"), Err(LoadError::NotWasm { kind }) if kind == "a script")
        );
        let module = wat::parse_str("(module)").unwrap();
        assert!(matches!(to_component(&module), Err(LoadError::BareModule)));
        let component = wat::parse_str("(component)").unwrap();
        assert_eq!(to_component(&component).unwrap().as_ref(), component);
    }
}
