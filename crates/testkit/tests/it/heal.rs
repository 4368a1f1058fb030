//! What is lost comes back: hosts, managers, the broker.

use weft_lattice::protocol::application::StatusType;
use weft_manager::Role;
use weft_testkit::{
    BrokerKind, Component, Guestbook, Join, Manifest, Provider, Scaler, Site, eventually,
    free_address, guest, http,
};

#[tokio::test]
async fn labels_decide_which_host_runs_an_application_on_the_embedded_broker() {
    labels_decide(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn labels_decide_which_host_runs_an_application_on_nats_server() {
    labels_decide(BrokerKind::Server).await;
}

async fn labels_decide(kind: BrokerKind) {
    let first = Join::full().label("zone", "north");
    let Some((mut site, north)) = Site::start_with(kind, first).await else {
        return;
    };
    let south = site.join(Join::host().label("zone", "south")).await;
    for (name, zone) in [("up", "north"), ("down", "south")] {
        let manifest = Manifest::new(name)
            .with(
                Component::new("web", &guest::path("hello-http"))
                    .scaler(&Scaler::Spread(5, Some(("zone", zone)))),
            )
            .provider(
                Provider::http("http")
                    .serve("web", None)
                    .scaler(&Scaler::Spread(1, Some(("zone", zone)))),
            );
        site.bring_up(&manifest).await;
    }
    assert_eq!(site.running(&north.host()).await, ["up-http", "up-web"]);
    assert_eq!(site.running(&south.host()).await, ["down-http", "down-web"]);
    for node in [&north, &south] {
        http::get(node.http(), "/").await.unwrap().text();
    }
}

#[tokio::test]
async fn another_host_takes_over_from_one_that_is_cut_off_on_the_embedded_broker() {
    another_host_takes_over(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn another_host_takes_over_from_one_that_is_cut_off_on_nats_server() {
    another_host_takes_over(BrokerKind::Server).await;
}

async fn another_host_takes_over(kind: BrokerKind) {
    // The first node decides and runs nothing of it.
    let Some((mut site, _manager)) = Site::start_with(kind, Join::full()).await else {
        return;
    };
    let worker = || Join::host().label("role", "worker");
    let mut one = site.join(worker()).await;
    let place = Some(("role", "worker"));
    // One host is enough for the provider, and where it is the component is: the total is shared among all that match.
    let manifest = Manifest::new("shop")
        .with(Component::new("web", &guest::path("hello-http")).scaler(&Scaler::Spread(6, place)))
        .provider(
            Provider::http("http")
                .serve("web", None)
                .scaler(&Scaler::Spread(1, place)),
        );
    site.bring_up(&manifest).await;
    http::get(one.http(), "/").await.unwrap().text();
    let mut two = site.join(worker()).await;
    one.crash().await;
    site.runs(&two.host(), &["shop-http", "shop-web"]).await;
    http::get_when(two.http(), "/", |answer| answer.status == 200).await;
    site.status_when("shop", |status| status.info.kind == StatusType::Deployed)
        .await;
    // All six are on the host that is left.
    let instances = async || {
        let inventory = site.inventory(&two.host()).await;
        inventory.components[0].instances_max
    };
    eventually(async || match instances().await {
        6 => Ok(()),
        other => Err(other),
    })
    .await;
    // The one that comes back is told what to do, and the app still answers when the other ends in order.
    one.resume().await;
    two.stop().await;
    http::get_when(one.http(), "/", |answer| answer.status == 200).await;
}

#[tokio::test]
async fn a_second_manager_takes_over() {
    let Some((mut site, mut first)) = Site::start(BrokerKind::Server).await else {
        return;
    };
    let mut second = site.join(Join::manager()).await;
    let _worker = site.join(Join::host().label("role", "worker")).await;
    let manifest = |name: &str, address| {
        let place = Some(("role", "worker"));
        Manifest::new(name)
            .with(
                Component::new("web", &guest::path("hello-http")).scaler(&Scaler::Spread(5, place)),
            )
            .provider(
                Provider::http("http")
                    .serve("web", Some(address))
                    .scaler(&Scaler::Spread(1, place)),
            )
    };
    let (before, after, last) = (free_address(), free_address(), free_address());
    site.bring_up(&manifest("before", before)).await;
    assert_eq!(
        (first.role(), second.role()),
        (Role::Acting, Role::Following)
    );

    first.stop().await;
    site.bring_up(&manifest("after", after)).await;
    assert_eq!(second.role(), Role::Acting);
    http::get(after, "/").await.unwrap().text();
    http::get(before, "/").await.unwrap().text();

    // The other way round, and without a word.
    first.resume().await;
    second.crash().await;
    site.bring_up(&manifest("last", last)).await;
    http::get(last, "/").await.unwrap().text();
    http::get(before, "/").await.unwrap().text();
}

#[tokio::test]
async fn requests_are_answered_while_the_broker_is_away() {
    let Some((mut site, _node)) = Site::start(BrokerKind::Server).await else {
        return;
    };
    let mut book = Guestbook::new(&site);
    book.bring_up(&site).await;
    let visits = book.hit().await;
    site.server().kill();
    for more in 1..=20 {
        assert_eq!(book.hit().await, visits + more);
    }
    site.server().resume().await;
    assert_eq!(book.hit().await, visits + 21);
    // Host and manager are back: they are told something, and do it.
    book.greet("Hello again, {name}.");
    eventually(async || book.try_deploy(&site).await).await;
    http::get_when(book.page(), "/", |answer| {
        answer.body.contains("Hello again")
    })
    .await;
    let address = free_address();
    let other = Manifest::http("other", &guest::path("hello-http"), address);
    site.bring_up(&other).await;
    http::get(address, "/").await.unwrap().text();
}
