//! Looking at a lattice: hosts, what they run, links, configs.

use weft_cli::Status;
use weft_lattice::bucket::{Bucket, BucketOptions};
use weft_lattice::protocol::state::config_bucket;

use crate::host::Host;
use crate::server::Server;
use crate::weft::Weft;

const FIRST: &str = "NABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SECOND: &str = "NABD";

async fn start() -> Option<(Server, Host, Weft)> {
    let server = Server::start().await?;
    let first = Host::start(&server, FIRST, "quiet-river").await;
    Host::start(&server, SECOND, "red-hill").await;
    let weft = Weft::at(&server);
    Some((server, first, weft))
}

/// The output of `command` in each form, with the name of the lattice replaced.
async fn check(server: &Server, weft: &Weft, name: &str, command: &str) {
    for format in ["table", "wide", "json", "yaml", "name"] {
        let ran = weft.run(&format!("{command} -o {format}")).await;
        assert_eq!(ran.status, Status::Ok, "{ran:?}");
        let transcript = ran.transcript(weft).replace(&server.lattice, "[LATTICE]");
        insta::assert_snapshot!(format!("{name}-{format}"), transcript);
    }
}

#[tokio::test]
async fn hosts_are_listed_by_name() {
    let Some((server, _host, weft)) = start().await else {
        return;
    };
    check(&server, &weft, "hosts", "get hosts").await;
}

#[tokio::test]
async fn an_inventory_tells_what_runs() {
    let Some((server, host, weft)) = start().await else {
        return;
    };
    let ran = weft.run("get inventory").await;
    assert_eq!(
        (ran.output.as_str(), ran.messages.as_str()),
        ("", "nothing runs on 2 hosts\n")
    );
    host.run("shop");
    check(&server, &weft, "inventory", "get inventory").await;
    for text in ["quiet-river", "NABC", FIRST] {
        let ran = weft.run(&format!("get inventory {text} -o name")).await;
        assert_eq!(ran.output, "shop-web\nshop-kv\n", "{text}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_not_found() {
    let Some((_server, _host, weft)) = start().await else {
        return;
    };
    let ran = weft.run("get inventory quiet-rivr").await;
    assert_eq!(ran.status, Status::NotFound, "{ran:?}");
    assert!(ran.messages.contains("similar: `quiet-river`"), "{ran:?}");
    let ran = weft.run("get inventory NAB").await;
    assert_eq!(ran.status, Status::Usage, "{ran:?}");
    assert!(
        ran.messages
            .contains(&format!("write more of the id: `{FIRST}` and `{SECOND}`")),
        "{ran:?}"
    );
}

#[tokio::test]
async fn links_are_listed() {
    let Some((server, _host, weft)) = start().await else {
        return;
    };
    check(&server, &weft, "links", "get links").await;
}

#[tokio::test]
async fn without_hosts_there_is_nobody_to_ask() {
    let Some(server) = Server::start().await else {
        return;
    };
    let weft = Weft::at(&server);
    let ran = weft.run("get links").await;
    assert_eq!(ran.status, Status::Unreachable, "{ran:?}");
    assert!(ran.messages.contains("code: CLI005"), "{ran:?}");
    let ran = weft.run("get hosts").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    let expected = format!(
        "no host answers in lattice `{}`\nhint: name another lattice with `--lattice`\n",
        server.lattice
    );
    assert_eq!(ran.messages, expected);
}

#[tokio::test]
async fn configs_are_listed_and_shown() {
    let Some(server) = Server::start().await else {
        return;
    };
    let weft = Weft::at(&server);
    let ran = weft.run("get config").await;
    assert_eq!(ran.messages, "there are no configs\n");
    let lattice = server.connect().await;
    let name = config_bucket(lattice.name());
    // Looking does not make the bucket.
    let missing = Bucket::open(&lattice, &name, BucketOptions::default()).await;
    assert!(missing.is_err());
    let bucket = Bucket::open_or_create(&lattice, &name, BucketOptions::default())
        .await
        .unwrap();
    bucket
        .put("shop-words", r#"{"greeting":"Hi","color":"red"}"#)
        .await
        .unwrap();
    bucket
        .put("SECRET_shop-db", r#"{"name":"x"}"#)
        .await
        .unwrap();
    bucket.put("odd", "[").await.unwrap();
    check(&server, &weft, "configs", "get config").await;
    check(&server, &weft, "config", "get config shop-words").await;
    let ran = weft.run("get config shop-wrds").await;
    assert_eq!(ran.status, Status::NotFound, "{ran:?}");
    assert!(ran.messages.contains("similar: `shop-words`"), "{ran:?}");
    let ran = weft.run("get config odd").await;
    assert_eq!(ran.status, Status::Unforeseen, "{ran:?}");
}
