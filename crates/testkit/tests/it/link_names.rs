//! Components that choose their links by name.

use weft_testkit::{BrokerKind, Component, Manifest, Provider, Site, free_address, guest, http};

const PACKAGE: (&str, &str) = ("wasi", "keyvalue");
const STORE: &str = "wasmcloud+builtin://keyvalue-memory";

#[tokio::test]
async fn a_choice_holds_for_the_call_that_makes_it_alone() {
    let Some((site, _node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let address = free_address();
    let user = Component::new("user", &guest::path("chooser"))
        .link(
            "first",
            PACKAGE.0,
            PACKAGE.1,
            &["store", "atomics", "batch"],
        )
        .link_named("second", "second", PACKAGE, &["store"], None);
    let manifest = Manifest::new("names")
        .with(user)
        .provider(Provider::new("first", STORE))
        .provider(Provider::new("second", STORE))
        .provider(Provider::http("http").serve("user", Some(address)));
    site.bring_up(&manifest).await;
    for (path, expected) in [
        ("/2.0.1?value=first", r#"Ok(Some("first"))"#),
        ("/2.0.1?name=second", "Ok(()) Ok(None)"),
        (
            "/2.0.1?name=second&value=second",
            r#"Ok(()) Ok(Some("second"))"#,
        ),
        // The next call begins anew.
        ("/2.0.1", r#"Ok(Some("first"))"#),
        (
            "/2.0.1?name=second&back=1",
            r#"Ok(()) Ok(()) Ok(Some("first"))"#,
        ),
        ("/2.0.0?name=second", r#"Ok(()) Ok(Some("second"))"#),
        ("/1.0.0?name=second", r#"() Ok(Some("second"))"#),
        ("/1.0.0?name=second&back=1", r#"() () Ok(Some("first"))"#),
        (
            "/2.0.1?name=third",
            r#"Err("there is no link `third` for `wasi:keyvalue/store`") Ok(Some("first"))"#,
        ),
        // Nothing changes where one of several is not there.
        (
            "/2.0.0?name=second&also=batch",
            r#"Err("there is no link `second` for `wasi:keyvalue/batch`") Ok(Some("first"))"#,
        ),
        (
            "/2.0.1?name=no.name",
            r#"Err("this is no name of a link") Ok(Some("first"))"#,
        ),
    ] {
        let answer = http::get(address, path).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{path}"
        );
    }
    // 1.0.0 says nothing, and the call fails instead.
    for name in ["third", "no.name"] {
        let path = format!("/1.0.0?name={name}");
        let answer = http::get(address, &path).await.unwrap();
        assert!(answer.body.starts_with("() Err("), "{}", answer.body);
    }

    // Choices of calls that run at the same time are apart.
    let calls = (0..60).map(async |number| {
        let (path, expected) = match number % 3 {
            0 => ("/2.0.1?name=second", r#"Ok(()) Ok(Some("second"))"#),
            1 => ("/1.0.0?name=second", r#"() Ok(Some("second"))"#),
            _ => ("/2.0.1", r#"Ok(Some("first"))"#),
        };
        let answer = http::get(address, path).await.unwrap();
        assert_eq!(answer.body, expected, "{path}");
    });
    futures::future::join_all(calls).await;
}
