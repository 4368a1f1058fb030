use weft_lattice::event::{Events, Item};
use weft_lattice::protocol::event::{ConfigChanged, Data, HostStopped};
use weft_lattice::{ConnectionState, Headers, Lattice};

use crate::proxy::Proxy;
use crate::server::{Server, eventually, in_time};

fn config_set(name: &str) -> Data {
    Data::ConfigSet(ConfigChanged {
        config_name: name.to_owned(),
    })
}

async fn publish(lattice: &Lattice, tail: &str, body: &'static str) {
    let subject = format!("wasmbus.evt.{}.{tail}", lattice.name());
    lattice
        .publish(&subject, &Headers::new(), body.into())
        .await
        .unwrap();
}

#[tokio::test]
async fn events_arrive_as_they_were_published() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut events = Events::follow(&lattice, 16).await.unwrap();
    let publisher = lattice.event_publisher("NHOST".parse().unwrap());
    let first = publisher.publish(config_set("a")).await.unwrap();
    let second = publisher
        .publish(Data::HostStopped(HostStopped::default()))
        .await
        .unwrap();
    assert_ne!(first.id, second.id);
    assert!(first.time.unwrap() <= second.time.unwrap());
    for expected in [first, second] {
        match in_time(events.next()).await.unwrap() {
            Item::Event(event) => assert_eq!(*event, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn events_that_are_not_known_or_not_understood_are_told() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut events = Events::follow(&lattice, 16).await.unwrap();
    publish(
        &lattice,
        "thing",
        r#"{"id":"1","type":"com.acme.thing","source":"x","data":7}"#,
    )
    .await;
    publish(&lattice, "config_set", r#"{"id":"1"}"#).await;
    match in_time(events.next()).await.unwrap() {
        Item::Event(event) => assert_eq!(event.data.name(), "com.acme.thing"),
        other => panic!("{other:?}"),
    }
    match in_time(events.next()).await.unwrap() {
        Item::Malformed { subject, .. } => assert!(subject.ends_with(".config_set")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_missed() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut slow = Events::follow(&lattice, 4).await.unwrap();
    let mut quick = Events::follow(&lattice, 100).await.unwrap();
    let publisher = lattice.event_publisher("NHOST".parse().unwrap());
    for number in 0..10 {
        publisher
            .publish(config_set(&number.to_string()))
            .await
            .unwrap();
    }
    for _ in 0..10 {
        assert!(matches!(in_time(quick.next()).await, Some(Item::Event(_))));
    }
    let mut dropped = 0;
    let mut read = 0;
    eventually(async || {
        match slow.next().await.unwrap() {
            Item::Lagged { dropped: more } => dropped += more,
            Item::Event(_) => read += 1,
            other => panic!("{other:?}"),
        }
        if dropped + read == 10 {
            Ok(())
        } else {
            Err((dropped, read))
        }
    })
    .await;
    assert_eq!((dropped, read), (6, 4));
}

#[tokio::test]
async fn an_interruption_is_told() {
    let Some(server) = Server::start().await else {
        return;
    };
    let proxy = Proxy::start(&server.url, server.tasks()).await;
    let mut options = server.options();
    options.urls = vec![proxy.url.clone()];
    let far = server.connect_with(options).await;
    let mut events = Events::follow(&far, 16).await.unwrap();
    let publisher = server
        .connect()
        .await
        .event_publisher("NHOST".parse().unwrap());
    proxy.cut();
    let mut connection = far.connection();
    in_time(connection.wait_for(|now| now.state == ConnectionState::Disconnected))
        .await
        .unwrap();
    publisher.publish(config_set("lost")).await.unwrap();
    proxy.mend();
    assert!(matches!(
        in_time(events.next()).await,
        Some(Item::Interrupted)
    ));
    far.flush().await.unwrap();
    let sent = publisher.publish(config_set("there")).await.unwrap();
    match in_time(events.next()).await.unwrap() {
        Item::Event(event) => assert_eq!(*event, sent),
        other => panic!("{other:?}"),
    }
}
