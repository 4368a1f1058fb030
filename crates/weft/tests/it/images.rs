//! Files that are no usable component: told with a code, without harm to what runs, and cured by a deployment.

use std::fs;

use crate::guests::{guest, hello, site};
use crate::home::Home;
use crate::http::{free_port, get, wait_for_page};
use crate::running::Up;

/// A core module that imports nothing and exports nothing.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

#[test]
fn a_file_that_is_not_there_is_told_before_anything_is_stored() {
    let home = Home::new();
    home.write("shop.yaml", site("shop", "file://build/page.wasm", None));
    let _up = Up::start(&home, &[]);
    let path = home.path("build/page.wasm");
    home.run(&["app", "deploy", "shop.yaml"]).exits(4).says(&[
        "error[APP028]: ",
        path.to_str().unwrap(),
        "shop.yaml:12:16\n",
        "hint: build it, or correct the path",
        "code: CLI006",
    ]);
    assert_eq!(home.applications(), [""; 0]);
}

/// Deploys a page of which the file is `bytes`, which has to fail as `texts` say, while another page goes on answering;
/// then of a component that can be used.
#[track_caller]
fn check(bytes: &[u8], code: &str, texts: &[&str]) {
    let home = Home::new();
    let (port, other_port) = (free_port(), free_port());
    let other = hello(&home, "other", other_port);
    let _up = Up::start(&home, &[&other]);
    wait_for_page(other_port, "/", "");

    let image = home.write("page.wasm", bytes);
    home.write("shop.yaml", site("shop", "file://page.wasm", Some(port)));
    let failed = home.run(&["app", "deploy", "shop.yaml"]).exits(4);
    failed.says(texts).says(&[
        "error: application `shop` version",
        "cannot be deployed",
        &format!("  {code}: "),
        "code: CLI008",
    ]);
    let status = home.json(&["app", "status", "shop"]);
    assert_eq!(status["status"], "failed", "{status}");
    assert_eq!(status["problems"][0]["code"], code, "{status}");
    home.succeed(&["app", "status", "shop"]).prints(&[code]);
    assert_eq!(get(other_port, "/").unwrap().0, 200);

    fs::write(image, guest("hello-http")).unwrap();
    home.succeed(&["app", "deploy", "shop.yaml"])
        .says(&["deployed `shop`"]);
    wait_for_page(port, "/", "");
    assert_eq!(get(other_port, "/").unwrap().0, 200);
    let status = home.json(&["app", "status", "shop"]);
    assert_eq!(status["status"], "deployed", "{status}");
    assert_eq!(
        status["problems"].as_array().map(Vec::len),
        Some(0),
        "{status}"
    );
}

#[test]
fn a_truncated_component_is_told() {
    let bytes = guest("hello-http");
    check(
        &bytes[..bytes.len() / 2],
        "CMP004",
        &[
            "page.wasm",
            "hint: build it again: the file may be incomplete",
        ],
    );
}

#[test]
fn a_text_is_told() {
    check(
        b"hello\n",
        "CMP002",
        &[
            "page.wasm",
            "is not WebAssembly",
            "hint: check that the path names a built component",
        ],
    );
}

#[test]
fn a_core_module_without_imports_is_told() {
    check(
        CORE_MODULE,
        "CMP003",
        &["core module", "hint: build for `wasm32-wasip2`"],
    );
}

#[test]
fn an_import_that_nothing_satisfies_is_told_with_the_link_to_add() {
    check(
        &guest("needs-unknown"),
        "LNK010",
        &[
            "no link lets `shop-page` call `acme:missing/thing`",
            "hint: add to the traits of `shop-page`: `- {type: link, properties: {namespace: acme, package: missing, \
             interfaces: [thing], target: {name: TARGET}}}`",
        ],
    );
}

#[test]
fn a_version_that_cannot_run_leaves_the_one_before_running() {
    let home = Home::new();
    let port = free_port();
    let manifest = hello(&home, "shop", port);
    let _up = Up::start(&home, &[&manifest]);
    let page = wait_for_page(port, "/", "");
    home.write("hello.wasm", "hello\n");
    home.run(&["app", "deploy", &manifest])
        .exits(4)
        .says(&["CMP002", "code: CLI008"]);
    assert_eq!(get(port, "/").unwrap(), (200, page));
}
