//! Addresses and rules of the HTTP server.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weft_capabilities::http_server::{AccessLog, ApplyError, HttpServer, Options, PathRule, Rule};
use weft_engine::Program;
use weft_model::id::ProviderId;
use weft_model::problem::Coded;

use crate::client::{Protocol, get, request, send};
use crate::site::{Site, no_limits};

fn rule(component: &str, program: Option<&Arc<Program>>, path: PathRule) -> Rule {
    Rule {
        component: component.parse().unwrap(),
        elsewhere: None,
        program: program.cloned(),
        host: None,
        path,
        is_readonly: false,
        cache_control: None,
        head_timeout: None,
    }
}

fn provider(name: &str) -> ProviderId {
    name.parse().unwrap()
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[tokio::test]
async fn several_providers_share_an_address_by_path_and_host() {
    let mut site = Site::start();
    let hello = site.run("hello-http", 10, no_limits()).await;
    let hostile = site.run("hostile", 10, no_limits()).await;
    let server = &site.server;
    let below = |path: &str| PathRule::Below(path.to_owned());
    assert!(
        server
            .apply(
                &provider("one"),
                vec![(ANY, rule("hello", Some(&hello), below("/a")))]
            )
            .is_empty()
    );
    let named = Rule {
        host: Some("b.example".to_owned()),
        ..rule("hostile", Some(&hostile), PathRule::Any)
    };
    assert!(
        server
            .apply(&provider("two"), vec![(ANY, named)])
            .is_empty()
    );
    let address = server.bound(ANY).unwrap();

    assert_eq!(get(address, "/a/x").await.text(), "hello");
    let missing = get(address, "/b").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("HTP011"), "{}", missing.text());
    let mut to_host = request(Method::GET, "/ok", "");
    to_host
        .headers_mut()
        .insert("host", "B.Example:80".parse().unwrap());
    assert_eq!(send(address, Protocol::Http1, to_host).await.text(), "ok");

    // The same place twice: who was first stays.
    let errors = server.apply(
        &provider("three"),
        vec![(ANY, rule("other", Some(&hostile), below("/a")))],
    );
    assert!(
        matches!(errors.as_slice(), [(0, ApplyError::Taken { holder, .. })] if holder == "hello"),
        "{errors:?}"
    );
    assert_eq!(get(address, "/a").await.text(), "hello");
}

#[tokio::test]
async fn a_component_that_does_not_run_is_unavailable() {
    let site = Site::start();
    site.server.apply(
        &provider("one"),
        vec![(ANY, rule("gone", None, PathRule::Any))],
    );
    let answer = get(site.server.bound(ANY).unwrap(), "/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key("retry-after") && answer.text().contains("HTP013"));
}

#[tokio::test]
async fn an_address_in_use_is_an_error_with_advice() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap();
    let first = HttpServer::start(Options::default()).unwrap();
    let errors = first.apply(
        &provider("one"),
        vec![(address, rule("x", None, PathRule::Any))],
    );
    let [(0, error)] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    assert_eq!(
        (error.code(), error.subject()),
        ("HTP001", address.to_string())
    );
    assert_eq!(error.hints().len(), 2);

    // Sockets that share a port do not share it with another server.
    first.apply(
        &provider("one"),
        vec![(ANY, rule("x", None, PathRule::Any))],
    );
    let second = HttpServer::start(Options::default()).unwrap();
    let taken = first.bound(ANY).unwrap();
    let errors = second.apply(
        &provider("one"),
        vec![(taken, rule("x", None, PathRule::Any))],
    );
    assert!(
        matches!(errors.as_slice(), [(0, ApplyError::Listen { .. })]),
        "{errors:?}"
    );
}

#[tokio::test]
async fn an_address_without_rules_is_closed() {
    let server = HttpServer::start(Options::default()).unwrap();
    server.apply(
        &provider("one"),
        vec![(ANY, rule("x", None, PathRule::Any))],
    );
    let address = server.bound(ANY).unwrap();
    assert_eq!(
        get(address, "/").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    server.apply(&provider("one"), Vec::new());
    assert_eq!(server.bound(ANY), None);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_place_passes_from_one_provider_to_another_without_a_gap() {
    let server = HttpServer::start(Options::default()).unwrap();
    let all = |name: &str| {
        BTreeMap::from([(provider(name), vec![(ANY, rule(name, None, PathRule::Any))])])
    };
    assert!(server.apply_all(all("later")).is_empty());
    let address = server.bound(ANY).unwrap();
    // Whichever of the two comes first in order.
    for name in ["earlier", "later"] {
        assert!(server.apply_all(all(name)).is_empty());
        assert_eq!(server.bound(ANY), Some(address));
    }
    let both = all("earlier").into_iter().chain(all("later")).collect();
    let errors = server.apply_all(both);
    assert!(
        matches!(errors[&provider("earlier")].as_slice(), [(0, ApplyError::Taken { holder, .. })] if holder == "later"),
        "{errors:?}"
    );
}

#[tokio::test]
async fn connections_that_stay_open_end_with_their_address() {
    let server = HttpServer::start(Options::default()).unwrap();
    server.apply(
        &provider("one"),
        vec![(ANY, rule("x", None, PathRule::Any))],
    );
    let address = server.bound(ANY).unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: test.example\r\n\r\n";
    stream.write_all(request).await.unwrap();
    // One byte: the answer has begun, and the connection is one that would be used again.
    stream.read_u8().await.unwrap();
    server.apply(&provider("one"), Vec::new());
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    tokio::time::timeout(Duration::from_secs(10), ended)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_drained_server_listens_no_more() {
    let server = HttpServer::start(Options::default()).unwrap();
    let rules = || vec![(ANY, rule("x", None, PathRule::Any))];
    server.apply(&provider("one"), rules());
    assert_eq!(server.drain(Duration::from_secs(5)).await, 0);
    assert!(server.apply(&provider("one"), rules()).is_empty());
    assert_eq!(server.bound(ANY), None);
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed() {
    let options = Options {
        head_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let server = HttpServer::start(options).unwrap();
    server.apply(
        &provider("one"),
        vec![(ANY, rule("x", None, PathRule::Any))],
    );
    let address = server.bound(ANY).unwrap();
    // Silent, and so short that it could be of either protocol.
    for start in ["", "P"] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_u8()).await;
        assert!(ended.unwrap().is_err());
    }
}

#[tokio::test]
async fn threads_without_connections_do_not_count() {
    let options = Options {
        threads: 4,
        connections_max: 1,
        ..Options::default()
    };
    let server = HttpServer::start(options).unwrap();
    server.apply(
        &provider("one"),
        vec![(ANY, rule("x", None, PathRule::Any))],
    );
    let address = server.bound(ANY).unwrap();
    for _ in 0..32 {
        let answered = tokio::time::timeout(Duration::from_secs(10), get(address, "/")).await;
        assert_eq!(answered.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn settings_of_a_link_are_kept() {
    let mut site = Site::start();
    let hostile = site.run("hostile", 10, no_limits()).await;
    let rule = Rule {
        is_readonly: true,
        cache_control: Some("no-store".parse().unwrap()),
        head_timeout: Some(Duration::from_millis(100)),
        ..rule("hostile", Some(&hostile), PathRule::Any)
    };
    assert!(
        site.server
            .apply(&provider("one"), vec![(ANY, rule)])
            .is_empty()
    );
    let address = site.server.bound(ANY).unwrap();
    assert_eq!(
        get(address, "/ok").await.headers["cache-control"],
        "no-store"
    );
    let answer = send(address, Protocol::Http1, request(Method::POST, "/ok", "x")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers["allow"], "GET, HEAD");
    assert_eq!(
        get(address, "/never").await.status,
        StatusCode::REQUEST_TIMEOUT
    );
    assert_eq!(hostile.stats().failures["deadline"], 1);
}

#[tokio::test]
async fn each_request_is_a_line_of_the_access_log() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let options = Options {
        access_log: Some(AccessLog::start(writer).unwrap()),
        ..Options::default()
    };
    let mut site = Site::with(weft_engine::Options::default(), options);
    site.run("hello-http", 10, no_limits()).await;
    get(site.address("hello-http"), "/x?y=1").await;
    drop(site);
    let mut log = String::new();
    reader.read_to_string(&mut log).unwrap();
    let entry: serde_json::Value = serde_json::from_str(log.trim()).unwrap();
    assert_eq!(entry["method"], "GET");
    assert_eq!(entry["target"], "/x?y=1");
    assert_eq!(entry["component"], "hello-http");
    assert_eq!(
        (&entry["status"], &entry["cut"]),
        (&200.into(), &false.into())
    );
    assert!(entry["bytes"].as_u64().unwrap() > 0);
}
