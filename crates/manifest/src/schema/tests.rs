use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::SCHEMA;
use crate::keys;
use crate::{API_VERSION, COMPONENTS_MAX, KIND, LIMITS_TRAIT, Strictness, parse};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

#[track_caller]
fn check_keys(definition: &Value, expected: &[&str]) {
    let keys: Vec<&str> = definition["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut keys = keys;
    let mut expected = expected.to_vec();
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

#[test]
fn the_schema_has_the_keys_that_are_read() {
    let schema = schema();
    let definition = |name: &str| &schema["definitions"][name];
    check_keys(&schema, keys::MANIFEST);
    for (name, keys) in [
        ("metadata", keys::METADATA),
        ("spec", keys::SPEC),
        ("policy", keys::POLICY),
        ("component", keys::COMPONENT),
        ("properties", keys::PROPERTIES),
        ("shared", keys::SHARED),
        ("config", keys::CONFIG),
        ("secret", keys::SECRET),
        ("secretProperties", keys::SECRET_PROPERTIES),
        ("trait", keys::TRAIT),
        ("scaler", keys::SCALER),
        ("spread", keys::SPREAD),
        ("link", keys::LINK),
        ("linkSource", keys::LINK_SOURCE),
        ("linkTarget", keys::LINK_TARGET),
        ("limits", keys::LIMITS),
    ] {
        check_keys(definition(name), keys);
    }
    assert_eq!(schema["properties"]["apiVersion"]["const"], API_VERSION);
    assert_eq!(schema["properties"]["kind"]["const"], KIND);
    assert_eq!(
        definition("spec")["properties"]["components"]["maxItems"],
        COMPONENTS_MAX
    );
    assert!(SCHEMA.contains(&format!("\"const\": \"{LIMITS_TRAIT}\"")));
}

#[test]
fn every_case_that_is_accepted_satisfies_the_schema() {
    let schema = schema();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut accepted = 0;
    for entry in fs::read_dir(cases).unwrap() {
        let path = entry.unwrap().path();
        let parsed = parse(&fs::read_to_string(&path).unwrap(), Strictness::Lenient);
        if let (Some(_), Some(document)) = (parsed.application, parsed.document) {
            let value = serde_json::from_str(&document.to_json()).unwrap();
            let mut problems = Vec::new();
            validate(&schema, &schema, &value, "", &mut problems);
            assert!(problems.is_empty(), "{}: {problems:?}", path.display());
            accepted += 1;
        }
    }
    assert!(accepted > 5, "only {accepted} cases were accepted");
}

#[test]
fn the_schema_finds_what_is_missing_or_mistyped() {
    let schema = schema();
    let problems = |text: &str| {
        let mut problems = Vec::new();
        let value = serde_json::from_str(text).unwrap();
        validate(&schema, &schema, &value, "", &mut problems);
        problems.len()
    };
    let manifest = |traits: &str| {
        format!(
            r#"{{"apiVersion":"{API_VERSION}","kind":"{KIND}","metadata":{{"name":"a","annotations":{{}}}},
            "spec":{{"components":[{{"name":"a","type":"component","properties":{{"image":"x"}},"traits":[{traits}]}}]}}}}"#
        )
    };
    assert_eq!(problems(&manifest("")), 0);
    assert_eq!(problems("{}"), 4);
    assert_ne!(
        problems(&manifest(r#"{"type":"spreadscaler","properties":{}}"#)),
        0
    );
    assert_ne!(
        problems(&manifest(r#"{"type":"link","properties":{"target":1}}"#)),
        0
    );
    assert_ne!(
        problems(&manifest(r#"{"type":"weft.limits","properties":{"x":1}}"#)),
        0
    );
    assert_eq!(
        problems(&manifest(r#"{"type":"other","properties":{"x":1}}"#)),
        0
    );
}

/// Checks the part of JSON schema that the schema uses, patterns excepted.
fn validate(root: &Value, schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        return;
    };
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap();
        validate(root, target, value, path, problems);
    }
    check_scalar(schema, value, path, problems);
    let is_valid = |schema: &Value| {
        let mut problems = Vec::new();
        validate(root, schema, value, path, &mut problems);
        problems.is_empty()
    };
    if let Some(any) = schema.get("anyOf").and_then(Value::as_array)
        && !any.iter().any(is_valid)
    {
        problems.push(format!("{path}: none of the alternatives"));
    }
    for part in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        validate(root, part, value, path, problems);
    }
    if let Some(condition) = schema.get("if")
        && is_valid(condition)
        && let Some(then) = schema.get("then")
    {
        validate(root, then, value, path, problems);
    }
    if let Some(object) = value.as_object() {
        for key in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if !object.contains_key(key.as_str().unwrap()) {
                problems.push(format!("{path}: no {key}"));
            }
        }
        let known = schema.get("properties").and_then(Value::as_object);
        for (key, value) in object {
            let path = format!("{path}.{key}");
            match known.and_then(|known| known.get(key)) {
                Some(schema) => validate(root, schema, value, &path, problems),
                None => match schema.get("additionalProperties") {
                    Some(Value::Bool(false)) => problems.push(format!("{path}: unknown")),
                    Some(schema) => validate(root, schema, value, &path, problems),
                    None => {}
                },
            }
        }
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (index, item) in items.iter().enumerate() {
            validate(root, schema, item, &format!("{path}[{index}]"), problems);
        }
    }
}

fn check_scalar(
    schema: &Map<String, Value>,
    value: &Value,
    path: &str,
    problems: &mut Vec<String>,
) {
    if let Some(expected) = schema.get("const")
        && expected != value
    {
        problems.push(format!("{path}: not {expected}"));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        problems.push(format!("{path}: not one of {allowed:?}"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let matches = |expected: &Value| {
        expected == kind || (expected == "integer" && (value.is_u64() || value.is_i64()))
    };
    let is_right = match schema.get("type") {
        None => true,
        Some(Value::Array(kinds)) => kinds.iter().any(matches),
        Some(expected) => matches(expected),
    };
    if !is_right {
        problems.push(format!("{path}: a {kind}"));
    }
}
