//! Components of other languages and ages: many core instances, many megabytes, core modules.

use http::Method;

use crate::client::{Protocol, get, request, send};
use crate::site::{Site, guest, no_limits};

#[tokio::test]
async fn components_in_javascript_and_python_run() {
    let mut site = Site::start();
    for (name, hello) in [
        ("js-hello", "hello from JavaScript"),
        ("py-hello", "hello from Python"),
    ] {
        site.run(name, 10, no_limits()).await;
        let address = site.address(name);
        for _ in 0..2 {
            assert_eq!(get(address, "/").await.text(), hello);
        }
        let echo = request(Method::POST, "/echo-body", "a body");
        assert_eq!(
            send(address, Protocol::Http1, echo).await.text(),
            "a body",
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_core_module_of_preview_1_is_adapted() {
    assert_eq!(
        guest("p1-hello")[4..8],
        [1, 0, 0, 0],
        "the guest is not a core module"
    );
    let mut site = Site::start();
    site.run("p1-hello", 10, no_limits()).await;
    let answer = get(site.address("p1-hello"), "/").await;
    assert!(answer.text().contains("hello"), "{}", answer.text());
}
