//! Calls between hosts of which one end is killed while they run.

use std::net::SocketAddr;

use futures::StreamExt;
use weft_testkit::{
    BrokerKind, Component, Join, Manifest, Member, Provider, Scaler, Site, free_address, guest,
    http, in_time,
};

/// The subject of a function that takes its time.
const LATER: &str = "default.calls-callee.wrpc.0.0.1.test:pending/calls@0.1.0.later";
/// How long callers wait.
const PATIENCE: &str = "3s";

/// Callers in zones `a` and `c`, and between them a callee with a single instance.
async fn bring_up(kind: BrokerKind) -> Option<(Site, [Member; 3], [SocketAddr; 2])> {
    let zone = |join: Join, zone| join.label("zone", zone);
    let (mut site, first) = Site::start_with(kind, zone(Join::full(), "a")).await?;
    let second = site.join(zone(Join::host(), "b")).await;
    let third = site.join(zone(Join::host(), "c")).await;
    let addresses = [free_address(), free_address()];
    let caller = |name, zone| {
        Component::new(name, &guest::path("async-caller"))
            .scaler(&Scaler::Spread(5, Some(("zone", zone))))
            .link("callee", "test", "pending", &["calls"])
            .limit("call-duration", PATIENCE)
    };
    let server = |name, target, address, zone| {
        Provider::http(name)
            .serve(target, Some(address))
            .scaler(&Scaler::Spread(1, Some(("zone", zone))))
    };
    let callee = Component::new("callee", &guest::path("async-callee"))
        .scaler(&Scaler::Spread(1, Some(("zone", "b"))));
    let manifest = Manifest::new("calls")
        .with(caller("one", "a"))
        .with(caller("other", "c"))
        .with(callee)
        .provider(server("http-one", "one", addresses[0], "a"))
        .provider(server("http-other", "other", addresses[1], "c"));
    site.bring_up(&manifest).await;
    site.runs(&second.host(), &["calls-callee"]).await;
    Some((site, [first, second, third], addresses))
}

/// Watches for calls of the function that takes its time.
async fn watch(site: &Site) -> async_nats::Subscriber {
    let calls = site.nats().subscribe(LATER).await.unwrap();
    // What was written may not have been read yet, and calls come by another connection.
    site.ask("$JS.API.INFO", "").await;
    calls
}

async fn callee_is_killed(kind: BrokerKind) {
    let Some((site, [_first, mut second, _third], [address, _])) = bring_up(kind).await else {
        return;
    };
    let mut calls = watch(&site).await;
    let answer = http::get(address, "/slow");
    let kill = async {
        in_time(calls.next()).await.unwrap();
        second.crash().await;
    };
    let (answer, ()) = tokio::join!(answer, kill);
    // What its caller has is its own patience and a word for it, unless a last word of the callee got out.
    let answer = answer.unwrap();
    let code = match answer.status {
        504 => "CAL002",
        502 => "CAL012",
        other => panic!("{other} {}", answer.body),
    };
    assert!(answer.body.contains(code), "{}", answer.body);
}

#[tokio::test]
async fn a_caller_is_told_in_time_when_its_callee_is_killed_on_the_embedded_broker() {
    callee_is_killed(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn a_caller_is_told_in_time_when_its_callee_is_killed_on_nats_server() {
    callee_is_killed(BrokerKind::Server).await;
}
