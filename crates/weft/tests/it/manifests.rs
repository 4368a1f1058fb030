//! Manifests with mistakes: told all at once, with their places, and nothing is stored.

use std::fs;

use crate::guests::{GuestBook, hello, site};
use crate::home::Home;
use crate::http::free_port;
use crate::running::Up;

const WRONG: &str = "\
apiVersion: core.oam.dev/v1beta1
kind: Application
owner: ada
metadata:
  name: wrong
  annotations:
    description: A manifest with a mistake of every kind
spec:
  components:
    - name: web
      type: component
      properties:
        image: file://web.wasm
      traits:
        - type: spreadscaler
          properties: { instances: many }
        - type: link
          properties:
            namespace: wasi
            package: keyvalue
            interfaces: [store]
            target: { name: kw }
        - type: weft.limits
          properties: { memroy: 1MiB }
    - name: kv
      type: capability
      properties: { image: 'ghcr.io/wasmcloud/keyvalue-redis:0.30.0' }
    - name: kv
      type: capability
      properties: { image: 'ghcr.io/wasmcloud/keyvalue-redis:0.30.0' }
";

/// What is told of it: the code, where it is, and what is meant.
const MISTAKES: [(&str, &str, &str); 6] = [
    ("error[APP005]: ", "wrong.yaml:3:1\n", "`owner`"),
    ("error[APP028]: ", "wrong.yaml:13:16\n", "there is no file"),
    ("error[APP007]: ", "wrong.yaml:16:36\n", "whole number"),
    ("error[LNK001]: ", "wrong.yaml:22:29\n", "write `kv`"),
    ("error[APP005]: ", "wrong.yaml:24:25\n", "write `memory`"),
    (
        "error[APP014]: ",
        "wrong.yaml:28:13\n",
        "already used in line 25",
    ),
];

#[test]
fn all_mistakes_are_told_at_once_and_nothing_is_stored() {
    let home = Home::new();
    home.write("wrong.yaml", WRONG);
    let _up = Up::start(&home, &[]);
    for command in ["deploy", "put"] {
        let mut ran = home.run(&["app", command, "wrong.yaml"]).exits(4);
        for (code, place, text) in MISTAKES {
            ran = ran.says(&[code, place, text]);
        }
        ran.says(&[
            "error: the manifest `wrong.yaml` cannot be used: 6 errors",
            "code: CLI006",
        ]);
        assert_eq!(home.applications(), [""; 0]);
    }
    let validated = home.run(&["app", "validate", "wrong.yaml", "-o", "json"]);
    let view = validated.exits(4).json();
    let lines = view["diagnostics"].as_array().unwrap().iter();
    let lines = lines.map(|told| told["line"].as_u64().unwrap());
    assert_eq!(lines.collect::<Vec<_>>(), [3, 13, 16, 22, 24, 28], "{view}");
}

#[test]
fn a_wrong_manifest_keeps_up_from_starting() {
    let home = Home::new();
    home.write("wrong.yaml", WRONG);
    let ran = home.run(&["up", "--listen", "127.0.0.1:0", "wrong.yaml"]);
    ran.exits(4).says(&["wrong.yaml:3:1", "code: CLI006"]);
    assert!(!home.data_dir().exists());
}

#[test]
fn a_nested_field_of_1_9_that_is_not_known_is_odd() {
    let home = Home::new();
    let path = hello(&home, "shop", free_port());
    let text = fs::read_to_string(&path).unwrap();
    let odd = text.replace(
        "            instances: 5",
        "            instances: 5\n            spraed: []",
    );
    assert_ne!(odd, text);
    home.write("shop.yaml", odd);
    let _up = Up::start(&home, &[]);
    let told = [
        "[APP005]: there is no field `spraed` here",
        "hint: write `spread`",
        "shop.yaml:17:13\n",
    ];
    home.run(&["app", "deploy", "shop.yaml", "--strict"])
        .exits(4)
        .says(&told)
        .says(&["error[APP005]", "code: CLI006"]);
    assert_eq!(home.applications(), [""; 0]);
    home.succeed(&["app", "deploy", "shop.yaml"])
        .says(&told)
        .says(&["warning[APP005]", "deployed `shop`"]);
    assert_eq!(home.applications(), ["shop"]);
}

#[test]
fn files_that_are_no_manifest_are_told() {
    let home = Home::new();
    let check = |content: &[u8], status: i32, texts: &[&str]| {
        home.write("a.yaml", content);
        home.run(&["app", "validate", "a.yaml"]).exits(status);
        let ran = home.run(&["app", "put", "a.yaml"]).exits(status);
        ran.says(texts);
    };
    check(b"", 4, &["a.yaml:1:1", "code: CLI006"]);
    check(b"[", 4, &["error[APP", "a.yaml:", "code: CLI006"]);
    check(b"a: \xff\xfe", 4, &["error[APP", "code: CLI006"]);
    check(b"\0asm\x0d\0\x01\0", 4, &["error[APP", "code: CLI006"]);
    let large = vec![b'#'; (1 << 20) + 1];
    check(&large, 4, &["code: "]);
    home.run(&["app", "put", "."])
        .exits(4)
        .says(&["`.`", "code: CLI007"]);
    home.run(&["app", "put", "nope.yaml"]).exits(3).says(&[
        "there is no file `nope.yaml`",
        "hint: ",
        "code: CLI007",
    ]);
}

#[test]
fn a_dry_run_stores_nothing() {
    let home = Home::new();
    let book = GuestBook::copy_to(&home);
    let _up = Up::start(&home, &[]);
    home.succeed(&["app", "deploy", &book.manifest, "--dry-run"]);
    assert_eq!(home.applications(), [""; 0]);
    home.write("remote.yaml", site("remote", "ghcr.io/shop/web:1", None));
    home.succeed(&["app", "validate", "remote.yaml"]);
}
