//! What tools that watch servers read.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};

use async_nats::jetstream::{self, stream};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weft_broker::Options;

use crate::server::{Kind, Server, debian_server, report_skipped, settled, until, within};

/// Asks `address` for a page: status and body.
async fn get(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.0\r\nHost: x\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(socket.read_to_string(&mut answer)).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

async fn page(address: SocketAddr, path: &str) -> Value {
    let (status, body) = get(address, "GET", path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

async fn broker() -> (Server, SocketAddr) {
    let server = Server::broker_of(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        monitor: Some("127.0.0.1:0".parse().unwrap()),
        ..Options::default()
    })
    .await;
    let address = server.handle().monitor_addr().unwrap();
    (server, address)
}

/// Does the same with each server: a stream with a consumer, two clients, some messages.
async fn use_server(server: &Server) -> (async_nats::Client, async_nats::Client) {
    let (reader, writer) = (
        async_nats::ConnectOptions::new()
            .name("reader")
            .connect(server.url())
            .await
            .unwrap(),
        server.client().await,
    );
    let subscriber = reader.subscribe("seen.*").await.unwrap();
    settled(&reader).await;
    for _ in 0..3 {
        writer.publish("seen.a", "12345".into()).await.unwrap();
    }
    settled(&writer).await;
    drop(subscriber);
    let context = jetstream::new(writer.clone());
    let orders = context
        .create_stream(stream::Config {
            name: "orders".to_owned(),
            subjects: vec!["orders.>".to_owned()],
            ..stream::Config::default()
        })
        .await
        .unwrap();
    context
        .publish("orders.new", "x".into())
        .await
        .unwrap()
        .await
        .unwrap();
    orders
        .create_consumer(jetstream::consumer::pull::Config {
            durable_name: Some("worker".to_owned()),
            ..jetstream::consumer::pull::Config::default()
        })
        .await
        .unwrap();
    (reader, writer)
}

/// The names of all fields, those below others with a path. Lists count by their first entry.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = format!("{path}/{name}");
                fields(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(list) => {
            if let Some(value) = list.first() {
                fields(value, path, found);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn pages_have_the_shape_of_nats_server() {
    let Some(path) = debian_server() else {
        return report_skipped(Kind::Debian.missing());
    };
    let (ours, our_address) = broker().await;
    let store = TempDir::new().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let their_address = free.local_addr().unwrap();
    drop(free);
    let config = format!(
        "http: \"{their_address}\"\njetstream {{ store_dir: \"{}\" }}\n",
        store.path().display()
    );
    let theirs = Server::nats_server_of(&path, &config).await;
    let _clients = (use_server(&ours).await, use_server(&theirs).await);
    for path in [
        "/varz",
        "/connz?subs=1&auth=1",
        "/jsz",
        "/jsz?streams=1&consumers=1&config=1",
        "/healthz",
    ] {
        let (mut our, mut their) = (BTreeSet::new(), BTreeSet::new());
        fields(&page(our_address, path).await, "", &mut our);
        fields(&page(their_address, path).await, "", &mut their);
        // What later versions have as well, or only with users.
        let known = [
            "/status_code",
            "/connections/account",
            "/connections/authorized_user",
            "/slow_consumer_stats",
            "/slow_consumer_stats/clients",
            "/slow_consumer_stats/routes",
            "/slow_consumer_stats/gateways",
            "/slow_consumer_stats/leafs",
            "/max_subscriptions",
            "/connections/rtt",
            "/connections/subscriptions_list",
            "/account_details/stream_detail/consumer_detail/ts",
            "/messages",
            "/bytes",
        ];
        let unknown: Vec<&String> = our
            .difference(&their)
            .filter(|field| !known.contains(&field.as_str()))
            .filter(|field| !field.starts_with("/http_req_stats"))
            .filter(|field| !field.contains("/config/") && !field.ends_with("/cluster"))
            .filter(|field| !field.ends_with("/cluster/leader"))
            .collect();
        assert!(
            unknown.is_empty(),
            "{path}: only ours: {unknown:?}, theirs: {their:?}"
        );
    }
}

#[tokio::test]
async fn the_server_and_its_clients_are_counted() {
    let (server, address) = broker().await;
    let (reader, _writer) = use_server(&server).await;
    let varz = page(address, "/varz").await;
    assert_eq!(varz["connections"], 2);
    assert_eq!(
        varz["port"].as_u64().unwrap(),
        u64::from(server.handle().client_addr().port())
    );
    assert!(
        varz["in_msgs"].as_u64().unwrap() >= 4 && varz["mem"].as_u64() > Some(0),
        "{varz}"
    );
    assert_eq!(varz["jetstream"]["stats"]["accounts"], 1);

    let by_name = |connz: &Value, name: &str| {
        let connections = connz["connections"].as_array().unwrap();
        connections
            .iter()
            .find(|client| client["name"] == name)
            .cloned()
    };
    let connz = page(address, "/connz?subs=1").await;
    let seen = by_name(&connz, "reader").unwrap();
    assert!(seen["out_msgs"].as_u64().unwrap() >= 3, "{seen}");
    assert_eq!(seen["lang"], "rust");
    let writer = connz["connections"]
        .as_array()
        .unwrap()
        .iter()
        .max_by_key(|client| client["in_msgs"].as_u64())
        .unwrap();
    assert!(writer["in_bytes"].as_u64().unwrap() >= 15, "{writer}");
    let sorted = page(address, "/connz?sort=msgs_from&limit=1").await;
    assert_eq!(sorted["connections"][0]["cid"], writer["cid"]);
    assert_eq!(
        (&sorted["num_connections"], &sorted["total"]),
        (&1.into(), &2.into())
    );
    let cid = seen["cid"].as_u64().unwrap();
    let one = page(address, &format!("/connz?cid={cid}")).await;
    assert_eq!(one["total"], 1);
    drop(reader);
    until("the reader is gone", async || {
        by_name(&page(address, "/connz").await, "reader").is_none()
    })
    .await;
}

#[tokio::test]
async fn streams_are_told_as_asked_for() {
    let (server, address) = broker().await;
    let _clients = use_server(&server).await;
    let sums = page(address, "/jsz").await;
    assert_eq!(
        (&sums["streams"], &sums["consumers"], &sums["messages"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!(sums["account_details"], Value::Null);
    let all = page(address, "/jsz?consumers=1&config=1").await;
    let orders = &all["account_details"][0]["stream_detail"][0];
    assert_eq!(
        (&orders["name"], &orders["state"]["messages"]),
        (&"orders".into(), &1.into())
    );
    assert_eq!(orders["config"]["subjects"][0], "orders.>");
    assert_eq!(orders["consumer_detail"][0]["num_pending"], 1);
}

#[tokio::test]
async fn health_and_metrics_are_told() {
    let (server, address) = broker().await;
    let _clients = use_server(&server).await;
    assert_eq!(page(address, "/healthz").await["status"], "ok");
    assert_eq!(
        page(address, "/healthz?js-server-only=true").await["status"],
        "ok"
    );
    let (status, text) = get(address, "GET", "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "weft_broker_connections 2",
        "weft_broker_streams 1",
        "# TYPE weft_broker_messages_in_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (_server, address) = broker().await;
    assert_eq!(get(address, "GET", "/nope").await.0, 404);
    assert_eq!(get(address, "POST", "/varz").await.0, 405);
    assert_eq!(get(address, "HEAD", "/varz").await, (200, String::new()));
    for path in ["/connz?sort=colour", "/connz?limit=x", "/jsz?streams=maybe"] {
        let (status, body) = get(address, "GET", path).await;
        assert_eq!(status, 400, "{path}: {body}");
    }
}

#[tokio::test]
async fn without_an_address_nobody_can_watch() {
    assert_eq!(Server::broker().await.handle().monitor_addr(), None);
}
