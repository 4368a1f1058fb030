//! The guest book: deployed, stopped and started, changed under load, undeployed.

use weft_testkit::{BrokerKind, Guestbook, Load, Manifest, Site, free_address, guest, http};

/// What runs of the guest book, in the order of the ids.
const PARTS: [&str; 5] = [
    "guestbook-greeter",
    "guestbook-http",
    "guestbook-keyvalue",
    "guestbook-stream",
    "guestbook-web",
];
/// The links of the guest book.
const LINKS: [&str; 4] = [
    "guestbook-http -> guestbook-stream",
    "guestbook-http -> guestbook-web",
    "guestbook-web -> guestbook-greeter",
    "guestbook-web -> guestbook-keyvalue",
];

#[tokio::test]
async fn the_guest_book_answers_and_keeps_its_data_on_the_embedded_broker() {
    answers_and_keeps_its_data(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn the_guest_book_answers_and_keeps_its_data_on_nats_server() {
    answers_and_keeps_its_data(BrokerKind::Server).await;
}

async fn answers_and_keeps_its_data(kind: BrokerKind) {
    let Some((site, mut node)) = Site::start(kind).await else {
        return;
    };
    let book = Guestbook::new(&site);
    book.bring_up(&site).await;
    site.runs(&node.host(), &PARTS).await;
    assert_eq!(site.links().await, LINKS);
    // Through web, greeter and key-value.
    let page = http::get(book.page(), "/").await.unwrap().text();
    assert!(page.contains("Welcome, "), "{page}");
    let first = book.hit().await;
    assert_eq!(book.hit().await, first + 1);
    http::get(book.stream(), "/").await.unwrap().text();

    let host = node.host();
    node.stop().await;
    http::is_gone(book.page()).await;
    node.resume().await;
    assert_eq!(node.host(), host);
    assert_eq!(book.count().await, first + 1);

    node.crash().await;
    http::is_gone(book.page()).await;
    node.resume().await;
    assert_eq!(book.count().await, first + 1);
    assert_eq!(book.hit().await, first + 2);
    site.runs(&host, &PARTS).await;
}

#[tokio::test]
async fn a_new_revision_loses_no_request_on_the_embedded_broker() {
    loses_no_request(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn a_new_revision_loses_no_request_on_nats_server() {
    loses_no_request(BrokerKind::Server).await;
}

async fn loses_no_request(kind: BrokerKind) {
    let Some((site, _node)) = Site::start(kind).await else {
        return;
    };
    let mut book = Guestbook::new(&site);
    book.bring_up(&site).await;
    let load = Load::start(book.page(), "/", 50);
    load.answers(50).await;
    book.greet("Nice to see you, {name}! Visitor number {visits}.");
    book.rebuild("web");
    book.rebuild("greeter");
    let version = book.deploy(&site).await;
    http::get_when(book.page(), "/", |answer| {
        answer.body.contains("Nice to see you")
    })
    .await;
    site.is_up(Guestbook::NAME, &version).await;
    load.answers(50).await;
    let outcome = load.stop().await;
    assert!(outcome.failures.is_empty(), "{outcome:?}");
    assert!(outcome.answered >= 100, "{outcome:?}");
}

#[tokio::test]
async fn undeploy_leaves_nothing_but_what_is_not_its_own_on_the_embedded_broker() {
    undeploy_leaves_nothing(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn undeploy_leaves_nothing_but_what_is_not_its_own_on_nats_server() {
    undeploy_leaves_nothing(BrokerKind::Server).await;
}

async fn undeploy_leaves_nothing(kind: BrokerKind) {
    let Some((site, node)) = Site::start(kind).await else {
        return;
    };
    let host = node.host();
    // Somebody else's, by the control interface.
    let foreign = guest::path("hello-http");
    let scale = format!(
        r#"{{"component_ref":"file://{}","component_id":"foreign","annotations":{{}},"count":3,"host_id":"{host}","config":[]}}"#,
        foreign.display()
    );
    let subject = format!("wasmbus.ctl.v1.default.component.scale.{host}");
    assert_eq!(site.ask(&subject, scale).await["success"], true);
    let config = site
        .ask("wasmbus.ctl.v1.default.config.put.foreign", r#"{"a":"b"}"#)
        .await;
    assert_eq!(config["success"], true, "{config}");
    let link = r#"{"source_id":"foreign","target":"guestbook-greeter","name":"default","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"],"source_config":["foreign"],"target_config":[]}"#;
    let link = site.ask("wasmbus.ctl.v1.default.link.put", link).await;
    assert_eq!(link["success"], true, "{link}");
    site.runs(&host, &["foreign"]).await;

    let book = Guestbook::new(&site);
    book.bring_up(&site).await;
    let neighbour = free_address();
    let other = Manifest::http("other", &guest::path("hello-http"), neighbour);
    site.bring_up(&other).await;
    assert_eq!(site.links().await.len(), LINKS.len() + 2);

    site.undeploy(Guestbook::NAME).await;
    http::is_gone(book.page()).await;
    http::is_gone(book.stream()).await;
    site.runs(&host, &["foreign", "other-http", "other-web"])
        .await;
    assert_eq!(
        site.links().await,
        ["foreign -> guestbook-greeter", "other-http -> other-web"]
    );
    let configs = site.keys("CONFIGDATA_default").await;
    assert_eq!(configs, ["foreign", "other-web_address"]);
    http::get(neighbour, "/").await.unwrap().text();
}
