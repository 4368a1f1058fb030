//! Editing and printing documents.

use weft_manifest::{Document, Strictness, parse};
use weft_model::digest::Digest;

const MANIFEST: &str = "\
# A comment.
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: shop
  annotations:
    version: 0.10
    owner: 7
spec:
  components:
    - name: web
      type: component
      properties: { image: file://./web.wasm }
      traits: [{ type: spreadscaler, properties: { instances: 0x10 } }]
    - name: kv
      type: capability
      properties: { image: 'ghcr.io/org/kv:1' }
";

fn document(text: &str) -> Document {
    parse(text, Strictness::Lenient).document.unwrap()
}

#[test]
fn annotations_are_texts_as_they_were_written() {
    let parsed = parse(MANIFEST, Strictness::Strict);
    let json = parsed.document.unwrap().to_json();
    assert!(
        json.starts_with(
            r#"{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","annotations":{"version":"0.10","owner":"7"}}"#
        ),
        "{json}"
    );
    assert!(json.contains(r#"{"instances":16}"#), "{json}");
    assert_eq!(parsed.application.unwrap().version.as_deref(), Some("0.10"));
}

#[test]
fn a_version_is_replaced_in_place_and_added_where_there_is_none() {
    let mut with = document(MANIFEST);
    with.set_version("v2");
    assert!(
        with.to_json()
            .contains(r#""annotations":{"version":"v2","owner":"7"}"#)
    );
    let mut without = document("spec: 1");
    without.set_version("v1");
    assert_eq!(without.version(), Some("v1"));
    assert_eq!(
        without.to_json(),
        r#"{"spec":1,"metadata":{"annotations":{"version":"v1"}}}"#
    );
}

#[test]
fn images_are_rewritten_where_the_caller_wants_it() {
    let mut document = document(MANIFEST);
    document.map_images(|image| {
        image
            .strip_prefix("file://./")
            .map(|path| format!("file:///srv/{path}"))
    });
    let digest = Digest::from_bytes([7; 32]);
    assert!(document.set_digest("web", &digest));
    let application = parse(&document.to_json(), Strictness::Strict)
        .application
        .unwrap();
    assert_eq!(
        application.components[0].image.as_str(),
        "file:///srv/web.wasm"
    );
    assert_eq!(application.components[0].digest, Some(digest));
    assert_eq!(application.providers[0].image.as_str(), "ghcr.io/org/kv:1");
    assert_eq!(application.providers[0].digest, None);
}

#[test]
fn the_canonical_form_ignores_layout_and_the_order_of_keys_only() {
    let same = document("kind: a\nx: [1, 2] # comment\n");
    let other = document("{x: [0x1, 2], \"kind\": 'a'}");
    assert_ne!(same, other);
    assert_eq!(same.canonical_json(), other.canonical_json());
    let reordered = document("kind: a\nx: [2, 1]\n");
    assert_ne!(same.canonical_json(), reordered.canonical_json());
    let mut versioned = same.clone();
    versioned.set_version("v1");
    assert_ne!(same.canonical_json(), versioned.canonical_json());
    let mut again = versioned.clone();
    again.remove_annotation("version");
    assert_eq!(again.version(), None);
    assert!(!again.canonical_json().contains("v1"));
}

#[test]
fn images_are_listed_with_their_places() {
    let parsed = parse(MANIFEST, Strictness::Strict);
    let images: Vec<(String, String)> = parsed
        .images
        .iter()
        .map(|image| (image.reference.to_string(), image.span.start.to_string()))
        .collect();
    assert_eq!(
        images,
        [
            ("file://./web.wasm".to_owned(), "13:28".to_owned()),
            ("ghcr.io/org/kv:1".to_owned(), "17:28".to_owned()),
        ]
    );
}

#[test]
fn a_digest_is_recorded_only_where_its_key_is_allowed() {
    let mut document = document(MANIFEST);
    let before = document.clone();
    assert!(!document.set_digest("KV store", &Digest::from_bytes([7; 32])));
    assert_eq!(document, before);
}
