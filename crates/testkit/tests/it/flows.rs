//! Streams and futures between components, on different hosts and on one.

use std::net::SocketAddr;

use bytes::Bytes;
use weft_runtime::Tasks;
use weft_testkit::{
    BrokerKind, Component, Join, Manifest, Member, Provider, Scaler, Site, free_address, guest,
    http, in_time,
};
use weft_wrpc::encode::Stream;
use weft_wrpc::stream::stream;
use weft_wrpc::{CallOptions, Dialect, Endpoint, Function, Options, Prefix};

/// What a caller answers for each path.
const ANSWERS: [(&str, &str); 9] = [
    ("/count?0", "0"),
    ("/count?3000000", "3000000"),
    ("/both?3000000", "3000000"),
    (
        "/doubles",
        "[2, 600, 65534] [-2, 2199023255552, -9223372036854775808] [1.0, -2e300]",
    ),
    ("/capitals", r#"["A", "BCBCBC", "", "É"]"#),
    ("/reverse", "[[3, 2, 1], [], [9]]"),
    ("/others", "[false, true] [-1, 100] [-1.5, 0.25]"),
    ("/greet", "hello you"),
    ("/forward", "p again BODY got r"),
];

/// A component that runs in one zone alone.
fn part(name: &str, image: &str, zone: &'static str) -> Component {
    let scaler = Scaler::Spread(5, Some(("zone", zone)));
    Component::new(name, &guest::path(image)).scaler(&scaler)
}

fn served(address: SocketAddr) -> Provider {
    let scaler = Scaler::Spread(1, Some(("zone", "a")));
    let provider = Provider::http("http").serve("caller", Some(address));
    provider.scaler(&scaler)
}

/// Two hosts, in zones `a` and `b`; the caller runs in `a`, the callee in `zone`.
async fn start(
    kind: BrokerKind,
    guests: (&str, &str),
    package: &str,
    zone: &'static str,
) -> Option<(Site, [Member; 2], SocketAddr)> {
    let first = Join::full().label("zone", "a");
    let (mut site, first) = Site::start_with(kind, first).await?;
    let second = site.join(Join::host().label("zone", "b")).await;
    let address = free_address();
    let manifest = Manifest::new("flows")
        .with(part("caller", guests.0, "a").link("callee", "test", package, &["calls"]))
        .with(part("callee", guests.1, zone))
        .provider(served(address));
    site.bring_up(&manifest).await;
    Some((site, [first, second], address))
}

async fn flows(kind: BrokerKind, zone: &'static str) {
    let guests = ("flows-caller", "flows-callee");
    let Some((_site, _members, address)) = start(kind, guests, "flows", zone).await else {
        return;
    };
    for (path, expected) in ANSWERS {
        let answer = http::get(address, path).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{path}"
        );
    }
    let refused = http::get(address, "/refuse").await.unwrap();
    assert_eq!(refused.text(), "no r");
    // A reader that takes a little ends the writer, on either side.
    assert_eq!(
        http::get(address, "/taste?100000").await.unwrap().text(),
        "true"
    );
    assert_eq!(
        http::get(address, "/sip?1000000000000")
            .await
            .unwrap()
            .text(),
        "10"
    );
    // Bodies of requests go through as they come.
    let body = "0123456789abcdef".repeat(40_000);
    let answer = http::post(address, "/echo-body", &body).await.unwrap();
    assert!(answer.body == body, "{} bytes came back", answer.body.len());
    let answer = http::get(address, "/produce?5000000").await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 5_000_000));
}

#[tokio::test]
async fn streams_and_futures_cross_hosts_on_the_embedded_broker() {
    flows(BrokerKind::Embedded, "b").await;
}

#[tokio::test]
async fn streams_and_futures_cross_hosts_on_nats_server() {
    flows(BrokerKind::Server, "b").await;
}

#[tokio::test]
async fn streams_and_futures_pass_between_components_of_one_host() {
    flows(BrokerKind::Embedded, "a").await;
}

async fn a_writer_that_traps(zone: &'static str) {
    let guests = ("flows-caller", "flows-callee");
    let start = start(BrokerKind::Embedded, guests, "flows", zone).await;
    let Some((_site, _members, address)) = start else {
        return;
    };
    // Never a short answer that looks whole.
    let answer = http::get(address, "/breaks").await;
    let is_whole = answer.as_ref().is_ok_and(|answer| answer.status == 200);
    assert!(!is_whole, "{answer:?}");
    // The caller goes on with the next.
    assert_eq!(
        http::get(address, "/greet").await.unwrap().text(),
        "hello you"
    );
}

#[tokio::test]
async fn what_a_trapped_writer_wrote_is_not_taken_for_all_across_hosts() {
    a_writer_that_traps("b").await;
}

#[tokio::test]
async fn what_a_trapped_writer_wrote_is_not_taken_for_all_on_one_host() {
    a_writer_that_traps("a").await;
}

async fn inputs(kind: BrokerKind, zone: &'static str) {
    let guests = ("inputs-caller", "inputs-callee");
    let Some((_site, _members, address)) = start(kind, guests, "inputs", zone).await else {
        return;
    };
    let body = "0123456789abcdef".repeat(40_000);
    let answer = http::post(address, "/count", &body).await.unwrap();
    assert_eq!(answer.text(), "Ok(640000)");
    let answer = http::post(address, "/echo", &body).await.unwrap();
    assert!(answer.body == body, "{} bytes came back", answer.body.len());
}

#[tokio::test]
async fn input_streams_cross_hosts_on_the_embedded_broker() {
    inputs(BrokerKind::Embedded, "b").await;
}

#[tokio::test]
async fn input_streams_cross_hosts_on_nats_server() {
    inputs(BrokerKind::Server, "b").await;
}

#[tokio::test]
async fn input_streams_pass_between_components_of_one_host() {
    inputs(BrokerKind::Embedded, "a").await;
}

#[tokio::test]
async fn callers_of_1_9_stream_in_both_directions() {
    let guests = ("flows-caller", "flows-callee");
    let start = start(BrokerKind::Server, guests, "flows", "b").await;
    let Some((site, _members, _address)) = start else {
        return;
    };
    let tasks = Tasks::new();
    let options = Options {
        dialect: Dialect::Plain,
        ..Options::default()
    };
    let nats = site.nats().clone();
    let endpoint = Endpoint::new(nats, &tasks, options).await.unwrap();
    let prefix = Prefix::new("default", "flows-callee").unwrap();
    let instance = "test:flows/calls@0.1.0";
    let function = Function::typed::<(Stream<u8>,), (Stream<u8>,)>(&prefix, instance, "echo");
    let function = function.unwrap();
    let (mut writer, outgoing) = stream();
    let (params, options) = ((outgoing,), CallOptions::default());
    let part = Bytes::from(vec![b'x'; 100_000]);
    let write = async {
        for _ in 0..30 {
            writer.write_bytes(part.clone()).await.unwrap();
        }
        writer.finish().await.unwrap();
    };
    let read = async {
        let call = endpoint.call::<_, (Stream<u8>,)>(&function, &params, &options);
        let (mut back,) = call.await.unwrap();
        let mut count = 0;
        while let Some(bytes) = back.reader.next_bytes().await.unwrap() {
            count += bytes.len();
        }
        count
    };
    let (count, ()) = in_time(async { tokio::join!(read, write) }).await;
    assert_eq!(count, 3_000_000);
}
