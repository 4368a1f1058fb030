//! Calls between components across a link.

use weft_testkit::{
    BrokerKind, Component, Manifest, Provider, Scaler, Site, free_address, guest, http,
};

#[tokio::test]
async fn plain_values_arrive_whole() {
    let paths: [(&str, &str); 11] = [
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
            "[Shape::Named((\"z\", 9)), Shape::Poly([Point { x: 1, y: -1, label: None }, Point { x: 300, y: -300, label: Some(\"p\") }]), Shape::Circle(3.5), Shape::Dot]",
        ),
        (
            "/outcome",
            "(Ok(Point { x: -7, y: 1099511627776, label: Some(\"ok\") }), Err(\"no\"))",
        ),
        ("/nested", "(Err((5, \"n\")), Ok(()), Ok(()))"),
        ("/big", "big|3000000|"),
        (
            "/kv",
            "Ok(1) Ok(()) Ok(Some([118, 49])) Ok(true) Ok(2) Ok(()) Ok(None)",
        ),
    ];
    check("kinds", ("demo", "vectors", "kinds"), &paths).await;
}

#[tokio::test]
async fn plain_and_async_functions_are_called() {
    let paths: [(&str, &str); 5] = [
        ("/later", "Ok([\"ab\", \"ab\"])"),
        ("/fails", "Err(\"no times\")"),
        ("/sum", "1099511627779"),
        ("/now", "xyxyxy"),
        ("/both", "Ok([\"slow\"]) Ok([\"quick\"])"),
    ];
    check("async", ("test", "pending", "calls"), &paths).await;
}

/// Links `{name}-caller` to `{name}-callee` and to key-value, and asks the caller for each path.
async fn check(
    name: &str,
    (namespace, package, interface): (&str, &str, &str),
    paths: &[(&str, &str)],
) {
    let Some((site, _node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let part = |part: &str| {
        Component::new(part, &guest::path(&format!("{name}-{part}")))
            .scaler(&Scaler::Spread(5, None))
    };
    let address = free_address();
    let manifest = Manifest::new("calls")
        .with(
            part("caller")
                .link("callee", namespace, package, &[interface])
                .link("kv", "wasi", "keyvalue", &["store", "atomics"]),
        )
        .with(part("callee"))
        .provider(Provider::new("kv", site.keyvalue_image()).scaler(&Scaler::Spread(1, None)))
        .provider(Provider::http("http").serve("caller", Some(address)));
    site.bring_up(&manifest).await;
    for (path, expected) in paths {
        let answer = http::get(address, path).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, *expected),
            "{path}"
        );
    }
}
