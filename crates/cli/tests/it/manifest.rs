//! Manifests with mistakes, which are told all at once and change nothing.

use weft_cli::Status;

use crate::manager::Manager;
use crate::server::Server;
use crate::weft::Weft;

/// A manifest without mistakes, whose image is the file `web.wasm` beside it.
pub(crate) const SHOP: &str = "\
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: shop
  annotations:
    description: A shop
spec:
  components:
    - name: web
      type: component
      properties:
        image: file://web.wasm
      traits:
        - type: spreadscaler
          properties: { instances: 5 }
";

/// A manifest with a mistake of every kind.
const WRONG: &str = "\
apiVersion: core.oam.dev/v1beta1
kind: Application
owner: ada
metadata:
  name: shop
  annotations: {}
spec:
  components:
    - name: web
      type: component
      properties:
        image: ./build/web.wasm
        imgae: x
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
      properties: { image: 'file:///nowhere/kv.par.gz' }
    - name: kv
      type: capability
      properties: { image: 'ghcr.io/wasmcloud/keyvalue-redis:0.30.0' }
";

#[tokio::test]
async fn all_mistakes_are_told_with_their_places() {
    let weft = Weft::new();
    weft.write("wrong.yaml", WRONG);
    let ran = weft.run("app validate wrong.yaml").await;
    insta::assert_snapshot!("validate-wrong", ran.transcript(&weft));
    assert_eq!(ran.status, Status::Rejected);
    let json = weft.run("app validate wrong.yaml -o json").await;
    let view: serde_json::Value = serde_json::from_str(&json.output).unwrap();
    assert_eq!(view["is_valid"], false);
    let diagnostics = view["diagnostics"].as_array().unwrap();
    assert!(diagnostics.len() > 5, "{view}");
    for diagnostic in diagnostics {
        assert!(diagnostic["line"].as_u64().unwrap() > 0, "{diagnostic}");
    }
}

#[tokio::test]
async fn nothing_is_sent_while_there_are_mistakes() {
    let Some(server) = Server::start().await else {
        return;
    };
    let manager = Manager::start(&server).await;
    let weft = Weft::at(&server);
    weft.write("wrong.yaml", WRONG);
    for command in [
        "app put wrong.yaml",
        "app deploy wrong.yaml",
        "up wrong.yaml --detach",
    ] {
        let ran = weft.run(command).await;
        assert_eq!(ran.status, Status::Rejected, "{command}: {ran:?}");
        assert!(ran.messages.contains(" --> wrong.yaml:"), "{ran:?}");
        assert!(ran.messages.contains("code: CLI006"), "{ran:?}");
        assert!(ran.output.is_empty() && ran.up.is_none(), "{ran:?}");
    }
    assert_eq!(manager.requests(), [""; 0]);
}

#[tokio::test]
async fn what_is_odd_is_an_error_when_strict() {
    let weft = Weft::new();
    weft.write("web.wasm", "wasm");
    weft.write(
        "odd.yaml",
        &SHOP.replace("file://web.wasm", "file://web.wasm\n        imgae: x"),
    );
    let lenient = weft.run("app validate odd.yaml").await;
    assert_eq!(lenient.status, Status::Ok, "{lenient:?}");
    assert!(
        lenient.output.starts_with("warning[APP005]: "),
        "{lenient:?}"
    );
    assert_eq!(
        lenient.messages,
        "`odd.yaml` is valid, with 1 warning: application `shop` with 1 component, 0 providers, 0 links and 0 configs\n"
    );
    let strict = weft.run("app validate odd.yaml --strict").await;
    assert_eq!(strict.status, Status::Rejected, "{strict:?}");
    assert!(strict.output.starts_with("error[APP005]: "), "{strict:?}");
}

#[tokio::test]
async fn standard_input_is_a_manifest_too() {
    let weft = Weft::new().reading(SHOP);
    weft.write("web.wasm", "wasm");
    let ran = weft.run("app validate -").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert!(ran.messages.starts_with("`stdin` is valid"), "{ran:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_told() {
    let weft = Weft::new();
    let check = async |command: &str, status: Status, message: &str| {
        let ran = weft.run(command).await;
        assert_eq!(ran.status, status, "{ran:?}");
        assert!(ran.messages.starts_with(message), "{ran:?}");
        assert!(ran.messages.contains("code: CLI007"), "{ran:?}");
    };
    check(
        "app validate nope.yaml",
        Status::NotFound,
        "error: there is no file `nope.yaml`\n",
    )
    .await;
    weft.write("dir/x", "");
    check(
        "app deploy ./dir",
        Status::Rejected,
        "error: cannot read `./dir`\n  caused by: ",
    )
    .await;
    weft.write("big.yaml", &" ".repeat(1 << 21));
    check(
        "app put big.yaml",
        Status::Rejected,
        "error: `big.yaml` is larger than 1048576 bytes\n",
    )
    .await;
}
