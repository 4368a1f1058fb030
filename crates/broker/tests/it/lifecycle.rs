//! Starting, stopping, limits.

use std::time::Duration;

use async_nats::jetstream::{self, stream::StorageType};
use async_nats::{Event, ServerAddr};
use futures::StreamExt;
use weft_broker::{Broker, Error, JetStreamOptions, Limits, Options};

use crate::protocol::Raw;
use crate::server::{Server, options, settled, until, within};

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = Server::broker().await;
    let dir = tempfile::tempdir().unwrap();
    let mut second = options(&dir, Limits::default());
    second.listen = vec![first.address().parse().unwrap()];
    let error = Broker::start(second).await.unwrap_err();
    assert!(
        matches!(error, Error::AddressInUse { address } if address.to_string() == first.address())
    );
    let nowhere = Options {
        listen: vec![],
        ..Options::default()
    };
    assert!(matches!(
        Broker::start(nowhere).await,
        Err(Error::NoAddress)
    ));
}

#[tokio::test]
async fn a_store_belongs_to_one_broker() {
    let first = Server::broker().await;
    let second = Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        jetstream: Some(JetStreamOptions::new(first.data_dir())),
        ..Options::default()
    };
    let error = Broker::start(second).await.unwrap_err();
    assert!(matches!(error, Error::StoreLocked { path } if path == first.data_dir()));
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let broken = Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        jetstream: Some(JetStreamOptions::new(file.join("store"))),
        ..Options::default()
    };
    let error = Broker::start(broken).await.unwrap_err();
    assert!(matches!(error, Error::DataDir { .. }), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_store_is_private() {
    use std::os::unix::fs::PermissionsExt;

    let server = Server::broker().await;
    let mode = std::fs::metadata(server.data_dir())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn limits_out_of_bounds_are_refused() {
    let limits = Limits {
        payload_bytes_max: usize::MAX,
        ..Limits::default()
    };
    let error = Broker::start(Options {
        limits,
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(matches!(
        error,
        Error::Limit {
            name: "payload_bytes_max"
        }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_streams_their_api_has_no_responders() {
    let handle = Broker::start(Options {
        listen: vec![
            "127.0.0.1:0".parse().unwrap(),
            "127.0.0.1:0".parse().unwrap(),
        ],
        ..Options::default()
    })
    .await
    .unwrap();
    assert_eq!(handle.client_addrs().len(), 2);
    for address in handle.client_addrs() {
        let client = async_nats::connect(format!("nats://{address}"))
            .await
            .unwrap();
        assert!(!client.server_info().jetstream);
        let error = within(client.request("$JS.API.INFO", "".into()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), async_nats::RequestErrorKind::NoResponders);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_announces_itself_and_delivers_what_is_there() {
    let mut server = Server::broker().await;
    let (events, mut seen) = tokio::sync::mpsc::channel(16);
    let address: ServerAddr = server.url().parse().unwrap();
    let client = async_nats::ConnectOptions::new()
        .event_callback(move |event| {
            let events = events.clone();
            async move {
                let _ = events.send(event).await;
            }
        })
        .connect(address)
        .await
        .unwrap();
    let mut subscription = client.subscribe("a").await.unwrap();
    let stream = async_nats::jetstream::new(client.clone())
        .create_stream(async_nats::jetstream::stream::Config {
            name: "S".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap();
    for _ in 0..100 {
        client.publish("a", "x".into()).await.unwrap();
        client.publish("S", "y".into()).await.unwrap();
    }
    settled(&client).await;
    let drained = within(server.drain()).await;
    assert_eq!(drained.connections_cut, 0);
    for _ in 0..100 {
        within(subscription.next()).await.unwrap();
    }
    let mut events = Vec::new();
    while events.last() != Some(&Event::Disconnected.to_string()) {
        events.push(within(seen.recv()).await.unwrap().to_string());
    }
    assert!(
        events.contains(&Event::LameDuckMode.to_string()),
        "{events:?}"
    );
    drop(stream);
    server.restart().await;
    let stream = server.jetstream().await.get_stream("S").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 100);
}

#[tokio::test]
async fn other_addresses_are_told() {
    let server = Server::broker_of(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        advertise: vec!["example.org:4222".to_owned()],
        ..Options::default()
    })
    .await;
    let (_raw, info) = Raw::greeted(server.address()).await;
    assert_eq!(info["connect_urls"][0], "example.org:4222");
    let plain = Server::broker().await;
    let (_raw, info) = Raw::greeted(plain.address()).await;
    assert!(info.get("connect_urls").is_none() && info.get("auth_required").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_turned_away() {
    let server = Server::broker_with(Limits {
        connections_max: 2,
        ..Limits::default()
    })
    .await;
    let first = Raw::quiet(&server).await;
    let _second = Raw::quiet(&server).await;
    let mut third = Raw::connect(&server).await;
    third
        .expect_end("-ERR 'maximum connections exceeded'\r\n")
        .await;
    assert_eq!(server.handle().stats().connections_refused, 1);
    drop(first);
    until("there is room again", || async {
        server.handle().stats().connections == 1
    })
    .await;
    Raw::quiet(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_subscriptions_are_refused() {
    let server = Server::broker_with(Limits {
        subscriptions_max: 2,
        ..Limits::default()
    })
    .await;
    let mut raw = Raw::quiet(&server).await;
    raw.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n").await;
    raw.expect("-ERR 'maximum subscriptions exceeded'\r\n")
        .await;
    // An ended subscription makes room.
    raw.ask(
        "UNSUB 1\r\nSUB c 3\r\nPUB c 1\r\nx\r\n",
        "MSG c 3 1\r\nx\r\n",
    )
    .await;
    assert_eq!(server.handle().stats().subscriptions, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_is_asked_and_then_cut() {
    let limits = Limits {
        ping_interval: Duration::from_millis(50),
        pings_max: 2,
        ..Limits::default()
    };
    let server = Server::broker_with(limits).await;
    let mut silent = Raw::quiet(&server).await;
    let mut alive = server.client().await.subscribe("x").await.unwrap();
    silent.expect("PING\r\nPING\r\n").await;
    silent.expect_end("-ERR 'Stale Connection'\r\n").await;
    let publisher = server.client().await;
    publisher.publish("x", "".into()).await.unwrap();
    within(alive.next()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_in_memory_are_bounded_together() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&dir, Limits::default());
    options.jetstream.as_mut().unwrap().memory_bytes_max = 10_000;
    let handle = Broker::start(options).await.unwrap();
    let client = async_nats::connect(handle.client_url()).await.unwrap();
    let jetstream = jetstream::new(client);
    for (name, storage) in [
        ("M1", StorageType::Memory),
        ("M2", StorageType::Memory),
        ("F", StorageType::File),
    ] {
        let config = jetstream::stream::Config {
            name: name.to_owned(),
            storage,
            ..Default::default()
        };
        jetstream.create_stream(config).await.unwrap();
    }
    let publish = async |subject: &'static str| {
        let ack = jetstream.publish(subject, vec![0; 4000].into()).await;
        within(ack.unwrap().into_future()).await
    };
    publish("M1").await.unwrap();
    publish("M2").await.unwrap();
    let error = publish("M2").await.unwrap_err();
    assert!(error.to_string().contains("10002"), "{error:?}");
    publish("F").await.unwrap();
    jetstream.delete_stream("M1").await.unwrap();
    publish("M2").await.unwrap();
}
