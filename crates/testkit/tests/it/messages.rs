//! Messages between components and NATS, by a provider that is a process on another host, and between components.

use std::path::Path;
use std::time::Duration;

use async_nats::{Client, Request, Subscriber};
use futures::StreamExt as _;
use weft_testkit::{
    BrokerKind, Component, Manifest, Provider, Scaler, Site, eventually, free_address, guest, http,
    in_time,
};

use crate::remote::{in_zone, part, zones};

const PROVIDER: &str = env!("CARGO_BIN_EXE_weft-test-messaging");
const PACKAGE: (&str, &str) = ("wasmcloud", "messaging");

async fn follow(nats: &Client, subject: &'static str) -> Subscriber {
    let messages = nats.subscribe(subject).await.unwrap();
    nats.flush().await.unwrap();
    messages
}

/// Answers one question.
async fn answer_one(nats: &Client, mut questions: Subscriber) {
    let question = in_time(questions.next()).await.unwrap();
    let answer = [b"answer to ", question.payload.as_ref()].concat();
    nats.publish(question.reply.unwrap(), answer.into())
        .await
        .unwrap();
}

/// The provider, in another zone than the component that it is linked with both ways.
fn provider(site: &Site, component: &str, subscriptions: &str) -> Provider {
    let image = format!("file://{}", Path::new(PROVIDER).display());
    let provider = Provider::new("nats", &image)
        .config("nats-url", "url", site.url())
        .link(
            component,
            PACKAGE,
            &["handler"],
            ("subscriptions", subscriptions),
        );
    in_zone(provider, "b")
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let answer = http::get(address, path).await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// Asks a component over NATS until it answers: its provider may still be about to subscribe, or to find the component.
async fn ask(site: &Site, subject: &'static str, body: &'static str) -> String {
    eventually(async || {
        let question = Request::new().payload(body.into());
        let question = question.timeout(Some(Duration::from_secs(1)));
        let answer = site.nats().send_request(subject, question).await;
        let answer = answer.map_err(|error| error.to_string())?;
        Ok::<_, String>(String::from_utf8(answer.payload.to_vec()).unwrap())
    })
    .await
}

async fn through_nats(kind: BrokerKind) {
    let Some((site, _members)) = zones(kind).await else {
        return;
    };
    let (address, nats) = (free_address(), site.nats());
    let user = part("user", "caps", "a");
    let manifest = Manifest::new("messages")
        .with(user.link_named("default", "nats", PACKAGE, &["consumer"], None))
        .provider(provider(&site, "user", "caps.in,caps.fail|group"))
        .provider(in_zone(
            Provider::http("http").serve("user", Some(address)),
            "a",
        ));
    // The component could keep blobs too, for which it has no link.
    site.deploy(&manifest).await;
    assert_eq!(ask(&site, "caps.in", "ping").await, "echo:ping");
    http::get_when(address, "/", |answer| answer.status == 200).await;

    let mut sent = follow(nats, "caps.out").await;
    assert_eq!(get(address, "/publish?reply=there").await, "Ok(())");
    let message = in_time(sent.next()).await.unwrap();
    assert_eq!(message.payload, "published");
    assert_eq!(message.reply.unwrap().as_str(), "there");

    let questions = follow(nats, "caps.svc").await;
    let (answer, ()) = tokio::join!(get(address, "/request"), answer_one(nats, questions));
    assert_eq!(answer, r#"Ok((true, "answer to question"))"#);
    let _silent = follow(nats, "caps.silent").await;
    let answer = get(address, "/request?subject=caps.silent&timeout=100").await;
    assert_eq!(answer, r#"Err("no answer came in time")"#);
    let answer = get(address, "/request?subject=caps.nobody").await;
    assert!(answer.contains("no responders"), "{answer}");

    let mut noted = follow(nats, "caps.noted").await;
    // One that is refused is no end of those that follow.
    nats.publish("caps.fail", "x".into()).await.unwrap();
    nats.publish("caps.in", "news".into()).await.unwrap();
    let message = in_time(noted.next()).await.unwrap();
    assert_eq!(message.payload, "news");
    assert_eq!(message.reply.unwrap().as_str(), "caps.in");
}

#[tokio::test]
async fn messages_go_to_nats_and_come_from_it_on_the_embedded_broker() {
    through_nats(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn messages_go_to_nats_and_come_from_it_on_nats_server() {
    through_nats(BrokerKind::Server).await;
}

#[tokio::test]
async fn components_of_the_newer_interface_take_part() {
    let Some((site, _members)) = zones(BrokerKind::Embedded).await else {
        return;
    };
    let (address, nats) = (free_address(), site.nats());
    let interfaces = ["producer", "request-reply"];
    let user = part("user", "messenger", "a");
    let manifest = Manifest::new("messages")
        .with(user.link_named("default", "nats", PACKAGE, &interfaces, None))
        .provider(provider(&site, "user", "newer.in"))
        .provider(in_zone(
            Provider::http("http").serve("user", Some(address)),
            "a",
        ));
    site.bring_up(&manifest).await;
    assert_eq!(ask(&site, "newer.in", "ping").await, "newer.in:ping");

    let mut sent = follow(nats, "caps.out").await;
    for client in ["", "default"] {
        let answer = get(address, &format!("/send?client={client}")).await;
        assert_eq!(answer, r#"Ok("sent")"#);
        let message = in_time(sent.next()).await.unwrap();
        assert_eq!(message.payload, "newer");
    }
    let questions = follow(nats, "newer.svc").await;
    let (answer, ()) = tokio::join!(
        get(address, "/request?topic=newer.svc"),
        answer_one(nats, questions)
    );
    assert_eq!(answer, r#"Ok("answer to newer")"#);
    for path in [
        "/send?metadata=1",
        "/request?metadata=1",
        "/request?options=1",
        "/send?client=other",
        "/request?client=other",
    ] {
        let answer = get(address, path).await;
        assert!(answer.starts_with("Err(Error::Other("), "{path}: {answer}");
    }
}

/// A component sends to one that stands for a broker, which hands it on to a handler.
async fn between_components(zone: &'static str, sink: &'static str) {
    let Some((site, _members)) = zones(BrokerKind::Embedded).await else {
        return;
    };
    let address = free_address();
    let manifest = Manifest::new("messages")
        .with(part("user", "caps", "a").link("broker", PACKAGE.0, PACKAGE.1, &["consumer"]))
        .with(part("broker", "broker", zone).link("sink", PACKAGE.0, PACKAGE.1, &["handler"]))
        .with(
            Component::new("sink", &guest::path(sink))
                .scaler(&Scaler::Spread(5, Some(("zone", zone)))),
        )
        .provider(in_zone(
            Provider::http("http").serve("user", Some(address)),
            "a",
        ));
    site.deploy(&manifest).await;
    http::get_when(address, "/request", |answer| {
        answer.body == r#"Ok((true, "asked:question"))"#
    })
    .await;
    assert_eq!(
        get(address, "/request?subject=nobody").await,
        r#"Err("nobody answers")"#
    );
    http::get_when(address, "/publish?subject=its.fail", |answer| {
        answer.body.starts_with(r#"Err("refused by the "#)
    })
    .await;
}

#[tokio::test]
async fn components_on_one_host_send_each_other_messages() {
    between_components("a", "caps").await;
}

#[tokio::test]
async fn components_on_different_hosts_send_each_other_messages() {
    between_components("b", "caps").await;
}

#[tokio::test]
async fn a_handler_of_the_newer_interface_is_called_by_the_older_one() {
    between_components("a", "messenger").await;
}
