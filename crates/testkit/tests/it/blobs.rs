//! Blobs of a provider that is a process on another host.

use std::path::Path;

use weft_testkit::{BrokerKind, Manifest, Provider, free_address, http};

use crate::remote::{in_zone, part, zones};

const PROVIDER: &str = env!("CARGO_BIN_EXE_weft-test-blobs");
const PACKAGE: (&str, &str) = ("wasi", "blobstore");

/// What is asked for one after the other, and what is answered.
const STEPS: [(&str, &str); 27] = [
    (
        "/blob",
        r#"Ok("has=true size=Ok(10) part=\"hell\" names=[\"a.txt\"] end=true gone=true")"#,
    ),
    ("/write?object=a", r#"Err("there is no container `box`")"#),
    ("/create", "Ok(())"),
    ("/container-info", r#"Ok("box")"#),
    ("/write?object=big&size=3000000", "Ok(())"),
    ("/info?object=big", "Ok(3000000)"),
    ("/size?object=big&start=10&end=20", "Ok(10)"),
    ("/size?object=big&start=10", "Ok(2999990)"),
    ("/has?object=none", "Ok(false)"),
    ("/info?object=none", r#"Err("no object `none`")"#),
    ("/copy?from=big&to=copy", "Ok(())"),
    ("/move?from=copy&to=moved", "Ok(())"),
    ("/write?object=a/b&size=0", "Ok(())"),
    ("/size?object=a/b", "Ok(0)"),
    ("/names", r#"Ok((["a/b", "big", "moved"], true))"#),
    ("/names?count=2", r#"Ok((["a/b", "big"], false))"#),
    ("/names?skip=2", r#"Ok((["moved"], true))"#),
    // What is given up is not there, and what was there before stays.
    ("/abandon?object=half&size=100000", "Ok(())"),
    ("/has?object=half", "Ok(false)"),
    ("/abandon?object=moved&size=1", "Ok(())"),
    ("/info?object=moved", "Ok(3000000)"),
    // What the store finds wrong on the way is told at the end.
    (
        "/write?object=large&size=5000000",
        r#"Err("an object has at most 4000000 bytes")"#,
    ),
    ("/has?object=large", "Ok(false)"),
    ("/delete?object=moved", "Ok(())"),
    ("/clear", "Ok(())"),
    ("/names", "Ok(([], true))"),
    ("/delete-container", "Ok(())"),
];

async fn blobs(kind: BrokerKind) {
    let Some((site, _members)) = zones(kind).await else {
        return;
    };
    let address = free_address();
    let image = format!("file://{}", Path::new(PROVIDER).display());
    let config = Some(("bytes-max", "4000000"));
    let user = part("user", "caps", "a");
    let manifest = Manifest::new("blobs")
        .with(user.link_named("default", "store", PACKAGE, &["blobstore"], config))
        .provider(in_zone(Provider::new("store", &image), "b"))
        .provider(in_zone(
            Provider::http("http").serve("user", Some(address)),
            "a",
        ));
    // The component could send messages too, for which it has no link.
    site.deploy(&manifest).await;
    http::get_when(address, "/container-info", |answer| {
        answer.body.contains("no container")
    })
    .await;
    for (path, expected) in STEPS {
        let answer = http::get(address, path).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{path}"
        );
    }
    http::get(address, "/create").await.unwrap().text();
    let written = http::get(address, "/write?object=big&size=3000000").await;
    assert_eq!(written.unwrap().text(), "Ok(())");
    let all: String = (0..3_000_000_u32)
        .map(|at| char::from(b'a' + u8::try_from(at % 23).unwrap()))
        .collect();
    let read = http::get(address, "/read?object=big").await.unwrap();
    assert_eq!(read.status, 200);
    assert!(read.body == all, "{} bytes", read.body.len());
    let read = http::get(address, "/read?object=big&start=5&end=8").await;
    assert_eq!(read.unwrap().text(), "fgh");
    let read = http::get(address, "/read?object=big&start=8&end=5").await;
    assert_eq!(read.unwrap().status, 500);
}

#[tokio::test]
async fn blobs_are_kept_by_a_provider_on_another_host_on_the_embedded_broker() {
    blobs(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn blobs_are_kept_by_a_provider_on_another_host_on_nats_server() {
    blobs(BrokerKind::Server).await;
}
