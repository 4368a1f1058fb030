//! Calls between components in one process, over plain values of every kind.

use http::StatusCode;
use weft_model::limits::LimitOverrides;

use crate::client::get;
use crate::site::{Site, no_limits};

#[tokio::test]
async fn every_kind_of_value_passes_between_components() {
    let mut site = Site::start();
    site.run("kinds-callee", 10, no_limits()).await;
    site.run("kinds-caller", 10, no_limits()).await;
    let address = site.address("kinds-caller");
    // What a real 1.9 pair answered, and what its decoder failed on.
    for (path, expected) in [
        ("/nothing", "nothing"),
        ("/text", "abc|3|x,yy"),
        (
            "/ints",
            "(1, -1, 300, -2, 70000, -70000, 1099511627776, -1)",
        ),
        (
            "/ints-mid",
            "(200, -100, 60000, -300, 4000000000, -2000000000, 1125899906842624, -1099511627776)",
        ),
        (
            "/ints-edge",
            "(255, -128, 65535, -32768, 4294967295, -2147483648, 18446744073709551615, -9223372036854775808)",
        ),
        ("/floats", "(1.5, -2.25, true, 'é')"),
        (
            "/shapes",
            r#"[Shape::Named(("z", 9)), Shape::Poly([Point { x: 1, y: -1, label: None }, Point { x: 300, y: -300, label: Some("p") }]), Shape::Circle(3.5), Shape::Dot]"#,
        ),
        (
            "/outcome",
            r#"(Ok(Point { x: -7, y: 1099511627776, label: Some("ok") }), Err("no"))"#,
        ),
        ("/nested", r#"(Err((5, "n")), Ok(()), Ok(()))"#),
        ("/big", "big|3000000|"),
    ] {
        assert_eq!(get(address, path).await.text(), expected, "{path}");
    }
}

#[tokio::test]
async fn asynchronous_and_plain_functions_are_each_called_as_what_they_are() {
    let mut site = Site::start();
    site.run("async-callee", 10, no_limits()).await;
    site.run("async-caller", 10, no_limits()).await;
    let address = site.address("async-caller");
    for path in ["/later", "/fails", "/sum", "/now", "/both"] {
        let answer = get(address, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert!(!answer.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_chain_of_calls_is_as_deep_as_it_may_be() {
    let mut site = Site::start();
    let limits = LimitOverrides {
        call_depth_max: Some(8),
        ..LimitOverrides::default()
    };
    // Linked to itself: every hop is a call of a fresh instance.
    let program = site.run("chain", 40, limits).await;
    let address = site.address("chain");
    assert_eq!(get(address, "/hop?n=5").await.text(), "Ok(5)");
    let answer = get(address, "/hop?n=30").await;
    assert_eq!(answer.status, StatusCode::LOOP_DETECTED);
    assert!(answer.text().contains("CAL004"), "{}", answer.text());
    assert_eq!(program.stats().instances, 0);
}

#[tokio::test]
async fn a_component_that_would_wait_for_itself_fails_at_once() {
    let mut site = Site::start();
    let program = site.run("chain", 2, no_limits()).await;
    let answer = get(site.address("chain"), "/hop?n=5").await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        answer.text()
    );
    assert_eq!(program.stats().instances, 0);
}

#[tokio::test]
async fn a_call_without_a_link_names_what_is_missing() {
    let mut site = Site::start();
    let program = site.run("needs-unknown", 10, no_limits()).await;
    let answer = get(site.address("needs-unknown"), "/").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.text().contains("LNK010"), "{}", answer.text());
    assert_eq!(program.stats().failures["denied"], 1);
}
