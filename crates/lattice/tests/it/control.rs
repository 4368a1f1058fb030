use std::time::Duration;

use weft_lattice::control::ControlError;
use weft_lattice::intake::{Request, Requests};
use weft_lattice::protocol::control::{
    Ack, ComponentAuction, ComponentBid, ComponentEntry, DeleteLink, HostSummary, Inventory, Lease,
    Link, PutLabel, Reply, ScaleComponent, StartProvider,
};
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::Operation;
use weft_lattice::{Lattice, RequestError};
use weft_model::application::Config;
use weft_model::id::HostId;
use weft_model::problem::{Coded, Problem};
use weft_runtime::TaskKind;

use crate::intake::serve;
use crate::server::{Server, in_time};

/// A host that answers everything, by the words of the requests.
async fn answer_all(mut requests: Requests<Operation>) {
    while let Some(request) = requests.next().await {
        let body = answer(&request);
        request.reply(body).await.unwrap();
    }
}

fn answer(request: &Request<Operation>) -> Vec<u8> {
    let done = |text: &str| json::encode(&Ack::done(text));
    match &request.operation {
        Operation::HostPing | Operation::HostGet(_) | Operation::ComponentAuction => {
            answer_about_host(request)
        }
        Operation::LabelPut(_) => answer_label(&json::decode(&request.payload).unwrap()),
        Operation::ComponentScale(_) => {
            let scale: ScaleComponent = json::decode(&request.payload).unwrap();
            let lease = request.lease().unwrap().map(|lease| lease.to_string());
            done(&format!("{} {lease:?}", scale.instances_max))
        }
        Operation::ProviderStart(_) => {
            let start: StartProvider = json::decode(&request.payload).unwrap();
            assert_eq!(start.configs().unwrap().len(), 1);
            json::encode(&Ack::refused_text(
                "provider with that ID is already running",
            ))
        }
        Operation::LinkGet => json::encode(&Reply::data(["kv", "not.valid"].map(link))),
        Operation::LinkDelete => {
            let link: DeleteLink = json::decode(&request.payload).unwrap();
            assert_eq!(link.name, "default");
            done("")
        }
        Operation::ConfigGet(name) if name.as_str() == "there" => json::encode(&Reply::data(
            Config::from([("k".to_owned(), "v".to_owned())]),
        )),
        Operation::ConfigPut(_) => {
            let config: Config = json::decode(&request.payload).unwrap();
            assert!(request.lease().unwrap().is_some());
            done(&format!("{}", config.len()))
        }
        Operation::ClaimsGet => b"{".to_vec(),
        _ => done(""),
    }
}

fn answer_about_host(request: &Request<Operation>) -> Vec<u8> {
    let component = |id: &str| ComponentEntry {
        id: id.to_owned(),
        ..ComponentEntry::default()
    };
    match &request.operation {
        Operation::HostPing => json::encode(&Reply::data(HostSummary {
            id: "NHOST".to_owned(),
            friendly_name: "one".to_owned(),
            ..HostSummary::default()
        })),
        Operation::HostGet(_) => json::encode(&Reply::data(Inventory {
            host_id: "NHOST".to_owned(),
            components: vec![component("web"), component("not.valid")],
            ..Inventory::default()
        })),
        _ => {
            let auction: ComponentAuction = json::decode(&request.payload).unwrap();
            let host = "NHOST".parse().unwrap();
            json::encode(&Reply::data(ComponentBid::new(&host, auction)))
        }
    }
}

fn answer_label(label: &PutLabel) -> Vec<u8> {
    if !label.is_reserved() {
        return json::encode(&Ack::done(""));
    }
    json::encode(&Ack::refused(&Problem {
        code: "HST009".into(),
        subject: label.key.clone(),
        message: "the label is reserved".to_owned(),
        hints: vec!["choose another".to_owned()],
    }))
}

fn link(target: &str) -> Link {
    Link {
        source_id: "web".to_owned(),
        target: target.to_owned(),
        name: "default".to_owned(),
        wit_namespace: "wasi".to_owned(),
        wit_package: "keyvalue".to_owned(),
        interfaces: vec!["store".to_owned()],
        source_config: Vec::new(),
        target_config: Vec::new(),
    }
}

async fn start() -> Option<(Server, Lattice, HostId)> {
    let server = Server::start().await?;
    let requests = serve(&server.connect().await, 100).await;
    server
        .tasks()
        .spawn(TaskKind::Helper, "host", answer_all(requests));
    let lattice = server.connect().await;
    Some((server, lattice, "NHOST".parse().unwrap()))
}

#[tokio::test]
async fn hosts_are_found_and_described() {
    let Some((_server, lattice, host)) = start().await else {
        return;
    };
    let control = lattice.control();
    let window = Duration::from_secs(30);
    let hosts = in_time(control.ping_expecting(1, window)).await.unwrap();
    assert_eq!(hosts[0].friendly_name, "one");
    assert_eq!(hosts[0].host().unwrap(), host);
    assert_eq!(
        control
            .ping(Duration::from_millis(200))
            .await
            .unwrap()
            .len(),
        1
    );
    let mut pings = control.pings().await.unwrap();
    let first = in_time(pings.next()).await.unwrap();
    assert_eq!(first.host().unwrap(), host);
    let inventory = control.inventory(&host).await.unwrap();
    assert_eq!(inventory.value.components.len(), 1);
    assert_eq!(inventory.skipped.len(), 1);
    let (component, image) = ("web".parse().unwrap(), "x:1".parse().unwrap());
    let auction = ComponentAuction::new(&component, &image, [].into());
    let bids = control.auction_component(&auction, Duration::from_millis(200));
    assert_eq!(bids.await.unwrap(), [host]);
}

#[tokio::test]
async fn nobody_is_known_at_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let control = lattice.control();
    assert!(
        in_time(control.ping(Duration::from_secs(60)))
            .await
            .unwrap()
            .is_empty()
    );
    let mut pings = control.pings().await.unwrap();
    assert!(in_time(pings.next()).await.is_none());
    let error = control
        .inventory(&"NOTHER".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "NET010");
    assert!(matches!(
        error,
        ControlError::Request {
            source: RequestError::NoResponders { .. },
            ..
        }
    ));
}

#[tokio::test]
async fn mutations_carry_the_lease() {
    let Some((_server, lattice, host)) = start().await else {
        return;
    };
    let control = lattice.control();
    let (component, image) = ("web".parse().unwrap(), "x:1".parse().unwrap());
    let scale = ScaleComponent::new(&host, &component, &image, 3);
    assert_eq!(
        control.scale_component(&host, &scale).await.unwrap(),
        "3 None"
    );
    let leased = control.with_lease(Lease::new("epoch", 7).unwrap());
    assert_eq!(
        leased.scale_component(&host, &scale).await.unwrap(),
        r#"3 Some("epoch:7")"#
    );
    let config = Config::from([("k".to_owned(), "v".to_owned())]);
    leased
        .put_config(&"c".parse().unwrap(), &config)
        .await
        .unwrap();
}

#[tokio::test]
async fn refusals_tell_their_problem() {
    let Some((_server, lattice, host)) = start().await else {
        return;
    };
    let control = lattice.control();
    control.put_label(&host, "zone", "east").await.unwrap();
    let error = control
        .put_label(&host, "hostcore.os", "x")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "LAT001");
    assert_eq!(
        error.to_string(),
        "`label.put.NHOST` was refused: the label is reserved"
    );
    assert_eq!(error.remote_problem().unwrap().code, "HST009");
    assert_eq!(error.hints(), ["choose another"]);
    // A refusal of a host that knows no codes.
    let (provider, image) = ("kv".parse().unwrap(), "x:1".parse().unwrap());
    let configs = ["c".parse().unwrap()];
    let start = StartProvider::new(&host, &provider, &image, &configs, [].into());
    let error = control.start_provider(&host, &start).await.unwrap_err();
    assert!(error.remote_problem().is_none());
    assert!(error.to_string().ends_with("already running"));
}

#[tokio::test]
async fn links_and_configs_are_typed() {
    let Some((_server, lattice, host)) = start().await else {
        return;
    };
    let control = lattice.control();
    let links = control.links().await.unwrap();
    assert_eq!((links.value.len(), links.skipped.len()), (1, 1));
    control.put_link(&links.value[0]).await.unwrap();
    control.delete_link(&links.value[0].key()).await.unwrap();
    let there = control.config(&"there".parse().unwrap()).await.unwrap();
    assert_eq!(there.unwrap()["k"], "v");
    assert_eq!(
        control.config(&"nowhere".parse().unwrap()).await.unwrap(),
        None
    );
    control
        .stop_host(&host, Some(Duration::from_secs(1)))
        .await
        .unwrap();
    let error = control.claims().await.unwrap_err();
    assert_eq!(error.code(), "LAT002", "{error:?}");
}
