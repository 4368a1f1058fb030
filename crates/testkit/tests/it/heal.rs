//! What is lost comes back: hosts, managers, the broker.

use weft_testkit::{
    BrokerKind, Component, Join, Manifest, Provider, Scaler, Site, free_address, guest, http,
};

#[tokio::test]
async fn labels_decide_which_host_runs_an_application() {
    let Some((mut site, north)) =
        Site::start_with(BrokerKind::Embedded, Join::full().label("zone", "north")).await
    else {
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
