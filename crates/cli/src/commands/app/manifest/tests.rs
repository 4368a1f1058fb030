use std::fs;
use std::path::Path;

use super::*;

/// Reads a manifest whose components are named and have these images.
fn read(base: &Path, images: &[(&str, &str)]) -> Reading {
    let mut text = String::from(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: { name: shop, annotations: {} }\nspec:\n  components:\n",
    );
    for (name, image) in images {
        text.push_str("    - name: ");
        text.push_str(name);
        text.push_str("\n      type: component\n      properties: { image: '");
        text.push_str(image);
        text.push_str(
            "' }\n      traits: [{ type: spreadscaler, properties: { instances: 1 } }]\n",
        );
    }
    let source = Source {
        name: "shop.yaml".to_owned(),
        bytes: text.into_bytes(),
        base: base.to_path_buf(),
    };
    read_manifest(source, Strictness::Strict)
}

#[test]
fn paths_count_from_the_directory_of_the_manifest() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("build")).unwrap();
    fs::write(dir.path().join("build/web.wasm"), "wasm").unwrap();
    let whole = dir.path().join("build/web.wasm").display().to_string();
    let check = |image: &str| {
        let reading = read(dir.path(), &[("web", image)]);
        assert_eq!(reading.diagnostics, [], "{image}");
        let json = reading.manifest.unwrap().document.to_json();
        assert!(
            json.contains(&format!(r#""image":"file://{whole}""#)),
            "{json}"
        );
        assert!(json.contains(r#""weft.digest/web":"sha256:"#), "{json}");
    };
    check("file://build/web.wasm");
    check("file://./build/web.wasm");
    check("./build/web.wasm");
    check(&whole);
    check(&format!("file://{whole}"));
}

#[test]
fn other_images_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    for image in ["ghcr.io/shop/web:1", "wasmcloud+builtin://http-server"] {
        let reading = read(dir.path(), &[("web", image)]);
        let json = reading.manifest.unwrap().document.to_json();
        assert!(
            json.contains(image) && !json.contains("weft.digest"),
            "{json}"
        );
    }
}

#[test]
fn a_digest_follows_the_content_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let annotation = |content: &str| {
        fs::write(dir.path().join("web.wasm"), content).unwrap();
        let reading = read(dir.path(), &[("web", "./web.wasm")]);
        let document = reading.manifest.unwrap().document;
        document.annotation("weft.digest/web").unwrap().to_owned()
    };
    let first = annotation("one");
    assert_eq!(
        first,
        "sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    );
    assert_ne!(annotation("two"), first);
    assert_eq!(annotation("one"), first);
}

#[test]
fn each_file_that_is_missing_is_told_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let reading = read(
        dir.path(),
        &[("web", "./web.wasm"), ("api", "file://api.wasm")],
    );
    assert!(reading.manifest.is_none());
    let told: Vec<(usize, &str, &str)> = reading
        .diagnostics
        .iter()
        .map(|diagnostic| {
            (
                diagnostic.span.start.line,
                diagnostic.code.as_str(),
                diagnostic.subject.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (8, "APP028", "spec.components[web].properties.image"),
            (12, "APP028", "spec.components[api].properties.image"),
        ]
    );
    assert_eq!(
        reading.unusable().to_string(),
        "the manifest `shop.yaml` cannot be used: 2 errors"
    );
}

#[test]
fn a_digest_that_cannot_be_recorded_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("web.wasm"), "wasm").unwrap();
    let reading = read(dir.path(), &[("my web", "./web.wasm")]);
    assert_eq!((reading.errors(), reading.warnings()), (0, 1));
    assert!(reading.manifest.is_some());
}
