//! From core modules to components, and the checks that every component passes before it is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::process::{Process, cargo};

/// The package whose WIT text is that of WASI 0.2, so that none of it is copied into the project.
const STANDARD_WIT_CRATE: &str = "wasip2";
/// The core module that programs for preview 1 import from.
const PREVIEW_1_MODULE: &str = "wasi_snapshot_preview1";

/// A component out of what a compiler made: components as they are, core modules wrapped.
pub(crate) fn encode_component(bytes: Vec<u8>) -> Result<Vec<u8>> {
    let component = if Parser::is_component(&bytes) {
        bytes
    } else {
        ComponentEncoder::default()
            .module(&bytes)
            .context("the core module does not say what component it is")?
            .encode()
            .context("the core module does not fit its world")?
    };
    validate(&component)?;
    ensure!(
        exports_anything(&component)?,
        "the component exports nothing"
    );
    Ok(component)
}

/// Writes a world into a core module, for the module to be encoded. Modules that use preview 1 are left at that: hosts
/// adapt them.
pub(crate) fn encode_module(mut module: Vec<u8>, world: &Path, standard: &Path) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    resolve.push_path(standard)?;
    let text =
        fs::read_to_string(world).with_context(|| format!("cannot read {}", world.display()))?;
    let package = resolve.push_str(world, &text)?;
    let world = resolve.select_world(&[package], None)?;
    let canonical_names = false;
    embed_component_metadata(
        &mut module,
        &resolve,
        world,
        StringEncoding::UTF8,
        canonical_names,
    )?;
    if uses_preview_1(&module)? {
        validate(&module)?;
        return Ok(module);
    }
    encode_component(module)
}

/// The directory with the WIT text of WASI 0.2, in the sources of a crate that the guests use.
pub(crate) fn find_standard_wit(guests: &Path) -> Result<PathBuf> {
    let text = Process::new(cargo())
        .args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(guests.join("Cargo.toml"))
        .read()?;
    let metadata: Value =
        serde_json::from_str(&text).context("the answer of `cargo metadata` is not JSON")?;
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let manifests: BTreeMap<_, _> = packages
        .iter()
        .filter_map(|package| {
            Some((
                package["name"].as_str()?,
                package["manifest_path"].as_str()?,
            ))
        })
        .collect();
    let manifest = manifests.get(STANDARD_WIT_CRATE);
    let manifest =
        manifest.with_context(|| format!("the guests do not use {STANDARD_WIT_CRATE}"))?;
    let directory = Path::new(manifest).with_file_name("wit");
    ensure!(
        directory.is_dir(),
        "{STANDARD_WIT_CRATE} has no directory {}",
        directory.display()
    );
    Ok(directory)
}

fn validate(bytes: &[u8]) -> Result<()> {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .context("what was built is not valid WebAssembly")?;
    Ok(())
}

/// Whether the outermost component has an export: a guest without one was not written to the end.
fn exports_anything(component: &[u8]) -> Result<bool> {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(_) if depth == 0 => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}

fn uses_preview_1(module: &[u8]) -> Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) = payload? {
            for import in imports.into_imports() {
                if import?.module == PREVIEW_1_MODULE {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;

    use super::*;

    const STANDARD: &str = "package a:standard@0.2.0; interface face { ask: func() -> u32; }";
    const WORLD: &str = "package b:guest; world guest { export a:standard/face@0.2.0; }";
    const MODULE: &str = r#"(module
        (memory (export "memory") 1)
        (func (export "a:standard/face@0.2.0#ask") (result i32) (i32.const 7)))"#;
    const PREVIEW_1: &str = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (memory (export "memory") 1)
        (func (export "a:standard/face@0.2.0#ask") (result i32) (call $yield)))"#;

    fn encode(module: &str) -> Result<Vec<u8>> {
        let directory = tempfile::tempdir().unwrap();
        let (standard, world) = (
            directory.path().join("standard"),
            directory.path().join("world.wit"),
        );
        fs::create_dir(&standard).unwrap();
        fs::write(standard.join("face.wit"), STANDARD).unwrap();
        fs::write(&world, WORLD).unwrap();
        encode_module(wat::parse_str(module).unwrap(), &world, &standard)
    }

    #[test]
    fn a_core_module_becomes_the_component_of_its_world() {
        let component = encode(MODULE).unwrap();
        assert!(Parser::is_component(&component));
        assert_eq!(
            encode_component(component.clone()).unwrap(),
            component,
            "it stays as it is"
        );
    }

    #[test]
    fn a_core_module_for_preview_1_is_left_for_hosts_to_adapt() {
        let module = encode(PREVIEW_1).unwrap();
        assert!(!Parser::is_component(&module));
        let mut encoder = ComponentEncoder::default();
        encoder.module(&module).unwrap();
        encoder
            .adapter(PREVIEW_1_MODULE, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
            .unwrap();
        assert!(Parser::is_component(&encoder.encode().unwrap()));
    }

    #[test]
    fn a_core_module_without_its_exports_or_without_a_world_is_refused() {
        let error = encode("(module)").unwrap_err();
        assert_eq!(error.to_string(), "the core module does not fit its world");
        let error = encode_component(wat::parse_str("(module)").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the component exports nothing");
        assert!(encode_component(b"no WebAssembly".to_vec()).is_err());
    }
}
