//! Manifests and answers recorded from wadm 0.21.1.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use weft_manifest::{Document, Strictness, parse};

/// The lines of a recording in `WEFT_VECTORS`, by default `../shared/vectors` beside the project; none without it.
#[expect(
    clippy::print_stderr,
    reason = "a test that checks nothing has to say so"
)]
fn recording(name: &str) -> Vec<Value> {
    let directory = std::env::var_os("WEFT_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    let path = directory.join(name);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!(
                "SKIPPED: cannot read the recording {}: {error}; set WEFT_VECTORS",
                path.display()
            );
            return Vec::new();
        }
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The text of a recorded payload.
fn payload(line: &Value) -> Option<String> {
    if let Some(data) = line["data"].as_str() {
        return Some(data.to_owned());
    }
    let hex = line["hex"].as_str()?;
    let bytes = (0..hex.len() / 2)
        .map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
        .collect();
    String::from_utf8(bytes).ok()
}

fn puts(lines: &[Value]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line["subject"].as_str() == Some("wadm.api.default.model.put"))
        .filter_map(payload)
        .collect()
}

#[test]
fn recorded_manifests_are_judged_as_wadm_judged_them() {
    let lines = recording("wadm-0.21.1.jsonl");
    let accepted: Vec<bool> = puts(&lines)
        .iter()
        .map(|text| parse(text, Strictness::Strict).application.is_some())
        .collect();
    // The third repeats the second, which wadm refuses for its version, not for its text.
    assert!(lines.is_empty() || accepted == [false, false, true, true, true]);
}

#[test]
fn recorded_manifests_get_the_ids_that_wadm_gave_them() {
    let lines = recording("wadm-0.21.1.jsonl");
    let Some(text) = puts(&lines).last().cloned() else {
        return;
    };
    let application = parse(&text, Strictness::Strict).application.unwrap();
    let ids: Vec<&str> = application
        .components
        .iter()
        .map(|component| component.id.as_str())
        .chain(
            application
                .providers
                .iter()
                .map(|provider| provider.id.as_str()),
        )
        .collect();
    assert_eq!(
        ids,
        [
            "hello_app-caller",
            "hello_app-callee",
            "hello_app-kv",
            "hello_app-httpserver"
        ]
    );
    // What wadm put with the control interface.
    let put_configs: Vec<String> = lines
        .iter()
        .filter_map(|line| line["subject"].as_str())
        .filter_map(|subject| subject.strip_prefix("wasmbus.ctl.v1.default.config.put."))
        .map(str::to_owned)
        .collect();
    for name in application.configs.keys() {
        assert!(put_configs.contains(&name.to_string()), "{name}");
    }
    let put_links: Vec<Value> = lines
        .iter()
        .filter(|line| line["subject"].as_str() == Some("wasmbus.ctl.v1.default.link.put"))
        .filter_map(payload)
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect();
    assert_eq!(application.links.len(), 3);
    for link in &application.links {
        let names = |list: &[weft_model::id::ConfigName]| -> Vec<String> {
            list.iter().map(ToString::to_string).collect()
        };
        let expected = serde_json::json!({
            "source_id": link.source.as_str(),
            "target": link.target.as_str(),
            "name": link.name.as_str(),
            "wit_namespace": link.package.namespace(),
            "wit_package": link.package.name(),
            "interfaces": link.interfaces,
            "source_config": names(&link.source_config),
            "target_config": names(&link.target_config),
        });
        assert!(put_links.contains(&expected), "wadm never put {expected}");
    }
}

#[test]
fn the_document_is_the_manifest_that_wadm_returned() {
    let lines = recording("wadm-0.21.1.jsonl");
    let returned = lines
        .iter()
        .filter_map(payload)
        .filter_map(|text| serde_json::from_str::<Value>(&text).ok())
        .find(|answer| answer["manifest"].is_object());
    let (Some(returned), Some(put)) = (returned, puts(&lines).get(2).cloned()) else {
        return;
    };
    let document = parse(&put, Strictness::Strict).document.unwrap();
    let ours: Value = serde_json::from_str(&document.to_json()).unwrap();
    assert_eq!(ours, returned["manifest"]);
    let theirs: Document = serde_json::from_value(returned["manifest"].clone()).unwrap();
    assert_eq!(theirs.canonical_json(), document.canonical_json());
}
