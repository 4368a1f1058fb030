//! Calls between components on different hosts.

use futures::StreamExt as _;
use weft_testkit::{
    BrokerKind, Component, Join, Manifest, Member, Provider, Scaler, Site, free_address, guest,
    http, in_time,
};

/// The subject of a function that adds up numbers.
const SUM: &str = "default.calls-callee.wrpc.0.0.1.test:pending/calls@0.1.0.sum";

/// What a caller of `demo:vectors/kinds` answers for each path.
const KINDS: [(&str, &str); 10] = [
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
];

/// A lattice of three hosts in zones `a`, `b` and `c`, the first with the manager.
pub(crate) async fn zones(kind: BrokerKind) -> Option<(Site, [Member; 3])> {
    zones_of(kind, |join| join).await
}

async fn zones_of(kind: BrokerKind, with: impl Fn(Join) -> Join) -> Option<(Site, [Member; 3])> {
    let first = with(Join::full().label("zone", "a"));
    let (mut site, first) = Site::start_with(kind, first).await?;
    let second = site.join(with(Join::host().label("zone", "b"))).await;
    let third = site.join(with(Join::host().label("zone", "c"))).await;
    Some((site, [first, second, third]))
}

/// A component that runs in one zone alone.
pub(crate) fn part(name: &str, image: &str, zone: &'static str) -> Component {
    let scaler = Scaler::Spread(5, Some(("zone", zone)));
    Component::new(name, &guest::path(image)).scaler(&scaler)
}

pub(crate) fn in_zone(provider: Provider, zone: &'static str) -> Provider {
    provider.scaler(&Scaler::Spread(1, Some(("zone", zone))))
}

async fn plain_values(kind: BrokerKind) {
    let Some((site, members)) = zones(kind).await else {
        return;
    };
    let address = free_address();
    let store = Provider::new("kv", "wasmcloud+builtin://keyvalue-memory");
    let manifest = Manifest::new("calls")
        .with(
            part("caller", "kinds-caller", "a")
                .link("callee", "demo", "vectors", &["kinds"])
                .link("kv", "wasi", "keyvalue", &["store", "atomics"]),
        )
        .with(part("callee", "kinds-callee", "b"))
        .provider(in_zone(store, "a"))
        .provider(in_zone(
            Provider::http("http").serve("caller", Some(address)),
            "a",
        ));
    site.bring_up(&manifest).await;
    site.runs(&members[1].host(), &["calls-callee"]).await;
    for (path, expected) in KINDS {
        let answer = http::get(address, path).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{path}"
        );
    }
}

#[tokio::test]
async fn plain_values_cross_hosts_on_the_embedded_broker() {
    plain_values(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn plain_values_cross_hosts_on_nats_server() {
    plain_values(BrokerKind::Server).await;
}

#[tokio::test]
async fn async_functions_are_called_across_hosts() {
    let Some((site, _members)) = zones(BrokerKind::Embedded).await else {
        return;
    };
    let address = free_address();
    site.bring_up(&pending("b", address)).await;
    for (path, expected) in [
        ("/later", "Ok([\"ab\", \"ab\"])"),
        ("/fails", "Err(\"no times\")"),
        ("/sum", "1099511627779"),
        ("/now", "xyxyxy"),
        ("/both", "Ok([\"slow\"]) Ok([\"quick\"])"),
    ] {
        let answer = http::get(address, path).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{path}"
        );
    }
}

/// An application whose caller runs in zone `a` and whose callee runs in `zone`.
fn pending(zone: &'static str, address: std::net::SocketAddr) -> Manifest {
    Manifest::new("calls")
        .with(part("caller", "async-caller", "a").link("callee", "test", "pending", &["calls"]))
        .with(part("callee", "async-callee", zone))
        .provider(in_zone(
            Provider::http("http").serve("caller", Some(address)),
            "a",
        ))
}

#[tokio::test]
async fn callers_of_1_9_are_answered() {
    let Some((site, _members)) = zones(BrokerKind::Server).await else {
        return;
    };
    site.bring_up(&pending("b", free_address())).await;
    let nats = site.nats();
    let root = nats.new_inbox();
    let mut messages = nats.subscribe(format!("{root}.>")).await.unwrap();
    let mut accepts = nats.subscribe(root.clone()).await.unwrap();
    // A list of three numbers.
    let params = vec![3, 1, 2, 0xac, 0x02];
    nats.publish_with_reply(SUM, root.clone(), params.into())
        .await
        .unwrap();
    let accept = in_time(accepts.next()).await.unwrap();
    assert!(accept.status.is_none() && accept.payload.is_empty());
    let peer = accept.reply.unwrap();
    nats.publish(format!("{peer}.params"), "".into())
        .await
        .unwrap();
    for expected in [&[0xaf, 0x02][..], &[]] {
        let message = in_time(messages.next()).await.unwrap();
        assert_eq!(message.subject.as_str(), format!("{root}.results"));
        assert_eq!(message.payload, expected);
    }
}

#[tokio::test]
async fn a_callee_that_is_gone_is_told_as_such_and_called_again_when_it_is_back() {
    let Some((site, mut members)) = zones(BrokerKind::Server).await else {
        return;
    };
    let address = free_address();
    site.bring_up(&pending("b", address)).await;
    http::get(address, "/sum").await.unwrap().text();
    members[1].crash().await;
    let gone = http::get_when(address, "/sum", |answer| answer.status == 502).await;
    assert!(gone.body.contains("CAL010"), "{}", gone.body);
    members[1].resume().await;
    http::get_when(address, "/sum", |answer| answer.status == 200).await;
}

#[tokio::test]
async fn a_callee_that_never_answers_is_given_up_in_time() {
    let Some((site, members)) = zones(BrokerKind::Embedded).await else {
        return;
    };
    let address = free_address();
    // Nothing of Weft runs the callee: it takes calls, and is never heard of again.
    let mut calls = site.nats().subscribe(SUM).await.unwrap();
    site.nats().flush().await.unwrap();
    let manifest = Manifest::new("calls")
        .with(
            part("caller", "async-caller", "a")
                .link("callee", "test", "pending", &["calls"])
                .limit("call-duration", "1s"),
        )
        .with(part("callee", "async-callee", "nowhere"))
        .provider(in_zone(
            Provider::http("http").serve("caller", Some(address)),
            "a",
        ));
    site.deploy(&manifest).await;
    site.runs(&members[0].host(), &["calls-caller", "calls-http"])
        .await;
    let answer = http::get_when(address, "/sum", |answer| answer.status == 504).await;
    assert!(answer.body.contains("CAL002"), "{}", answer.body);
    let call = in_time(calls.next()).await.unwrap();
    let headers = call.headers.unwrap();
    assert_eq!(headers.get("source-id").unwrap().as_str(), "calls-caller");
    assert_eq!(headers.get("link-name").unwrap().as_str(), "default");
}

#[tokio::test]
async fn calls_across_hosts_count_how_deep_they_are() {
    let Some((site, _members)) = zones(BrokerKind::Embedded).await else {
        return;
    };
    let address = free_address();
    let chain = |name, zone| {
        let scaler = Scaler::Spread(20, Some(("zone", zone)));
        Component::new(name, &guest::path("chain")).scaler(&scaler)
    };
    let manifest = Manifest::new("calls")
        .with(chain("one", "a").link("two", "test", "chain", &["hop"]))
        .with(chain("two", "b").link("one", "test", "chain", &["hop"]))
        .provider(in_zone(
            Provider::http("http").serve("one", Some(address)),
            "a",
        ));
    site.bring_up(&manifest).await;
    let answer = http::get(address, "/hop?n=3").await.unwrap();
    assert_eq!(answer.text(), "Ok(3)");
    let answer = http::get(address, "/hop?n=30").await.unwrap();
    assert_eq!(answer.status, 508, "{}", answer.body);
}

#[tokio::test]
async fn a_callee_on_the_same_host_is_called_there() {
    let Some((site, _members)) = zones(BrokerKind::Embedded).await else {
        return;
    };
    let address = free_address();
    let mut calls = site.nats().subscribe("default.*.wrpc.>").await.unwrap();
    let everywhere =
        Component::new("callee", &guest::path("async-callee")).scaler(&Scaler::Spread(9, None));
    let manifest = Manifest::new("calls")
        .with(part("caller", "async-caller", "a").link("callee", "test", "pending", &["calls"]))
        .with(everywhere)
        .provider(in_zone(
            Provider::http("http").serve("caller", Some(address)),
            "a",
        ));
    site.bring_up(&manifest).await;
    for _ in 0..5 {
        assert_eq!(
            http::get(address, "/sum").await.unwrap().text(),
            "1099511627779"
        );
    }
    // What the broker has from before this is there before it.
    site.nats()
        .publish("default.x.wrpc.end", "".into())
        .await
        .unwrap();
    let first = in_time(calls.next()).await.unwrap();
    assert_eq!(first.subject.as_str(), "default.x.wrpc.end");
}

#[tokio::test]
async fn calls_that_find_no_room_go_to_other_hosts() {
    let zones = zones_of(BrokerKind::Embedded, Join::spilling).await;
    let Some((site, _members)) = zones else {
        return;
    };
    let address = free_address();
    let mut calls = site.nats().subscribe("default.*.wrpc.>").await.unwrap();
    let everywhere =
        Component::new("callee", &guest::path("async-callee")).scaler(&Scaler::Spread(3, None));
    let manifest = Manifest::new("calls")
        .with(part("caller", "async-caller", "a").link("callee", "test", "pending", &["calls"]))
        .with(everywhere)
        .provider(in_zone(
            Provider::http("http").serve("caller", Some(address)),
            "a",
        ));
    site.bring_up(&manifest).await;
    // Two at once, where one instance may run on each host.
    let answer = http::get(address, "/both").await.unwrap();
    assert_eq!(answer.text(), "Ok([\"slow\"]) Ok([\"quick\"])");
    in_time(calls.next()).await.unwrap();
}

async fn requests(kind: BrokerKind) {
    let Some((site, members)) = zones(kind).await else {
        return;
    };
    let [old, new] = [free_address(), free_address()];
    let manifest = Manifest::new("web")
        .with(part("old", "hello-http", "b"))
        .with(part("new", "hello-http-p3", "c"))
        .provider(in_zone(
            Provider::http("http-old").serve("old", Some(old)),
            "a",
        ))
        .provider(in_zone(
            Provider::http("http-new").serve("new", Some(new)),
            "a",
        ));
    site.bring_up(&manifest).await;
    site.runs(&members[1].host(), &["web-old"]).await;
    site.runs(&members[2].host(), &["web-new"]).await;
    let body = "0123456789abcdef".repeat(20_000);
    for address in [old, new] {
        let answer = http::get(address, "/").await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = http::post(address, "/echo-body", &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body == body, "{} bytes came back", answer.body.len());
    }
    let trailers = http::get(new, "/trailers").await.unwrap();
    assert_eq!(trailers.status, 200, "{}", trailers.body);
}

#[tokio::test]
async fn requests_and_their_bodies_cross_hosts_on_the_embedded_broker() {
    requests(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn requests_and_their_bodies_cross_hosts_on_nats_server() {
    requests(BrokerKind::Server).await;
}

async fn key_value(kind: BrokerKind) {
    let Some((site, _members)) = zones(kind).await else {
        return;
    };
    let address = free_address();
    let image = "wasmcloud+builtin://keyvalue-embedded";
    let interfaces = ["store", "atomics", "batch"];
    let manifest = Manifest::new("kv")
        .with(part("user", "kv-user", "a").link("store", "wasi", "keyvalue", &interfaces))
        .provider(in_zone(Provider::new("store", image), "b"))
        .provider(in_zone(
            Provider::http("http").serve("user", Some(address)),
            "a",
        ));
    site.bring_up(&manifest).await;
    for (target, expected) in [
        ("/get?key=a", "Ok(None)"),
        ("/set?key=a&value=1", "Ok(())"),
        ("/get?key=a", "Ok(Some(\"1\"))"),
        ("/exists?key=a", "Ok(true)"),
        ("/increment?key=n&delta=5", "Ok(5)"),
        ("/keys", "Ok(([\"a\", \"n\"], None))"),
        ("/delete?key=a", "Ok(())"),
        ("/exists?key=a", "Ok(false)"),
    ] {
        let answer = http::get(address, target).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{target}"
        );
    }
    // A value of several messages.
    let answer = http::get(address, "/set-size?key=big&bytes=3000000").await;
    assert_eq!(answer.unwrap().text(), "Ok(())");
}

#[tokio::test]
async fn stores_are_reached_on_other_hosts_on_the_embedded_broker() {
    key_value(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn stores_are_reached_on_other_hosts_on_nats_server() {
    key_value(BrokerKind::Server).await;
}
