//! A lattice with much on it.

use weft_lattice::protocol::application::StatusType;
use weft_testkit::{
    BrokerKind, Component, Join, Manifest, Member, Provider, Scaler, Site, eventually,
    free_address, guest, http,
};

const APPLICATIONS: usize = 10;
/// Of each application; each has two links.
const COMPONENTS: usize = 50;

/// A ring of components, each of which may call the next.
fn ring(name: &str) -> Manifest {
    let image = guest::path("chain");
    (0..COMPONENTS).fold(Manifest::new(name), |manifest, index| {
        let next = format!("c{}", (index + 1) % COMPONENTS);
        manifest.with(
            Component::new(&format!("c{index}"), &image)
                .scaler(&Scaler::Spread(2, None))
                .link(&next, "test", "chain", &["hop"])
                .link(&next, "demo", "vectors", &["kinds"]),
        )
    })
}

async fn count(site: &Site, member: &Member) -> usize {
    site.running(&member.host()).await.len()
}

async fn many(kind: BrokerKind) {
    let Some((mut site, mut first)) = Site::start(kind).await else {
        return;
    };
    let names: Vec<String> = (0..APPLICATIONS)
        .map(|index| format!("ring{index}"))
        .collect();
    let mut versions = Vec::new();
    for name in &names {
        versions.push(site.deploy(&ring(name)).await);
    }
    for (name, version) in names.iter().zip(&versions) {
        site.is_up(name, version).await;
    }
    assert_eq!(count(&site, &first).await, APPLICATIONS * COMPONENTS);
    assert_eq!(site.links().await.len(), 2 * APPLICATIONS * COMPONENTS);

    // One more application finds its place among them, and calls go round.
    let address = free_address();
    let server = Provider::http("http").serve("c0", Some(address));
    site.bring_up(&ring("last").provider(server)).await;
    let answer = http::get(address, "/hop?n=10").await.unwrap();
    assert_eq!(answer.text(), "Ok(10)");
    site.undeploy("last").await;

    // A host that comes to it learns all of it, and one that comes back is given its work again.
    let second = site.join(Join::host()).await;
    assert_eq!(count(&site, &second).await, 0);
    if kind == BrokerKind::Server {
        first.crash().await;
        first.resume().await;
        eventually(async || {
            let running = count(&site, &first).await + count(&site, &second).await;
            if running >= APPLICATIONS * COMPONENTS {
                Ok(())
            } else {
                Err(running)
            }
        })
        .await;
    }
    for name in &names {
        site.status_when(name, |status| status.info.kind == StatusType::Deployed)
            .await;
    }
}

#[tokio::test]
async fn five_hundred_components_and_a_thousand_links_on_the_embedded_broker() {
    many(BrokerKind::Embedded).await;
}

#[tokio::test]
#[ignore = "takes two minutes, most of them for a host that comes back"]
async fn five_hundred_components_and_a_thousand_links_on_nats_server() {
    many(BrokerKind::Server).await;
}
