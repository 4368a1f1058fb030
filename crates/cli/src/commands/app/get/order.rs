//! Manifests in the order in which people write them.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The keys of manifests that come before others, in this order; the rest is alphabetical.
const ORDER: [&str; 16] = [
    "apiVersion",
    "kind",
    "name",
    "type",
    "metadata",
    "spec",
    "annotations",
    "labels",
    "policies",
    "components",
    "namespace",
    "package",
    "interfaces",
    "image",
    "id",
    "properties",
];

/// A manifest that serializes with its keys in the usual order.
#[derive(Clone, Debug)]
pub(super) struct Manifest(Value);

/// A value of a manifest, as [`Manifest`].
struct Ordered<'v>(&'v Value);

// ===== impl Manifest =====

impl Manifest {
    /// The manifest that `value` is.
    pub(super) fn of(value: Value) -> Self {
        Self(value)
    }
}

impl Serialize for Manifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Ordered(&self.0).serialize(serializer)
    }
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            Value::Object(entries) => serializer.collect_map(
                sorted(entries)
                    .into_iter()
                    .map(|(key, value)| (key, Ordered(value))),
            ),
            scalar => scalar.serialize(serializer),
        }
    }
}

fn sorted(entries: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |key: &str| {
        ORDER
            .iter()
            .position(|known| *known == key)
            .unwrap_or(ORDER.len())
    };
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
    entries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weft_manifest::{Document, Strictness, parse};

    use super::*;
    use crate::console::render_yaml;

    fn yaml(value: Value) -> String {
        render_yaml(&Manifest::of(value))
    }

    #[test]
    fn keys_are_in_the_usual_order() {
        let value = serde_json::json!({
            "kind": "Application", "apiVersion": "core.oam.dev/v1beta1",
            "spec": {"components": [{"traits": [], "type": "component", "name": "web",
                "properties": {"config": [{"properties": {"b": "1", "a": "yes"}, "name": "c"}], "image": "x:1"}}]},
            "metadata": {"labels": {}, "name": "shop", "annotations": {"version": "1.0"}},
        });
        let expected = [
            "apiVersion: core.oam.dev/v1beta1",
            "kind: Application",
            "metadata:",
            "  name: shop",
            "  annotations:",
            "    version: \"1.0\"",
            "  labels: {}",
            "spec:",
            "  components:",
            "  - name: web",
            "    type: component",
            "    properties:",
            "      image: x:1",
            "      config:",
            "      - name: c",
            "        properties:",
            "          a: \"yes\"",
            "          b: \"1\"",
            "    traits: []",
        ];
        assert_eq!(yaml(value).lines().collect::<Vec<_>>(), expected);
    }

    /// Whether what is written is what is read back, by the reader of manifests.
    fn check(value: &Value) {
        let text = yaml(value.clone());
        let read = parse(&text, Strictness::Lenient).document;
        let expected: Document = serde_json::from_value(value.clone()).unwrap();
        let read = read.unwrap_or_else(|| panic!("not read: {text}"));
        assert_eq!(read.canonical_json(), expected.canonical_json(), "{text}");
    }

    #[test]
    fn texts_that_look_like_something_else_stay_texts() {
        let texts = [
            "",
            " ",
            "yes",
            "null",
            "~",
            "1",
            "1.0",
            "0x10",
            "1e3",
            "true",
            "- a",
            "a: b",
            "a #b",
            "#",
            "'",
            "\"",
            "a\nb",
            "a\nb\n",
            "\n",
            " a",
            "a ",
            "\ta",
            "{",
            "[",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%",
            "@",
            "`",
            "---",
            "...",
            "=",
            "<<",
            ".inf",
            "2001-01-01",
            "a\u{7f}",
            "é\u{2028}",
            "a\\b",
            "?",
            "? a",
            ":",
            "-",
        ];
        for text in texts {
            check(&serde_json::json!({ "a": { "key": text, text: "x" }, "b": [text, [text]] }));
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "[ -~\n\t]{0,12}".prop_map(Value::from),
            "[a-zé:# ]{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{0,8}", inner, 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in value()) {
            check(&serde_json::json!({ "a": value }));
        }
    }
}
