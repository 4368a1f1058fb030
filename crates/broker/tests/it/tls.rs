//! Encrypted connections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::ConnectOptions;
use futures::StreamExt;
use weft_broker::{Auth, Broker, Error, Limits, Options, TlsError, TlsListen, TlsMode, User};

use crate::protocol::Raw;
use crate::security::hash;
use crate::server::{Server, until, within};

/// A file of those that were made for these tests; see the README beside them.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/certificates")
        .join(name)
}

fn listen(mode: TlsMode) -> TlsListen {
    TlsListen {
        mode,
        ..TlsListen::new(
            "127.0.0.1:0".parse().unwrap(),
            file("server.pem"),
            file("server.key"),
        )
    }
}

fn encrypted(listen: TlsListen) -> Options {
    Options {
        listen: vec![],
        listen_tls: vec![listen],
        ..Options::default()
    }
}

fn trusting(ca: &str) -> ConnectOptions {
    ConnectOptions::new()
        .add_root_certificates(file(ca))
        .require_tls(true)
}

async fn works(client: async_nats::Client) {
    let mut echo = client.subscribe("echo").await.unwrap();
    client.publish("echo", "x".into()).await.unwrap();
    within(echo.next()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_after_the_greeting() {
    let server = Server::broker_of(encrypted(listen(TlsMode::Required))).await;
    works(trusting("ca.pem").connect(server.url()).await.unwrap()).await;
    // Without being told to: the greeting says so.
    let told = ConnectOptions::new().add_root_certificates(file("ca.pem"));
    works(told.connect(server.url()).await.unwrap()).await;
    trusting("other-ca.pem")
        .connect(server.url())
        .await
        .unwrap_err();

    let (mut raw, info) = Raw::greeted(server.address()).await;
    assert_eq!(info["tls_required"], true);
    assert!(info.get("tls_verify").is_none() && info.get("tls_available").is_none());
    raw.send("CONNECT {}\r\nPING\r\n").await;
    raw.expect_end("-ERR 'Secure Connection - TLS Required'\r\n")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_may_be_left_to_the_client() {
    let server = Server::broker_of(encrypted(listen(TlsMode::Optional))).await;
    works(trusting("ca.pem").connect(server.url()).await.unwrap()).await;
    let (mut raw, info) = Raw::greeted(server.address()).await;
    assert_eq!(info["tls_available"], true);
    assert!(info.get("tls_required").is_none());
    raw.ask("CONNECT {\"verbose\":false}\r\nPING\r\n", "PONG\r\n")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_may_come_first() {
    let limits = Limits {
        tls_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let server = Server::broker_of(Options {
        limits,
        ..encrypted(listen(TlsMode::First))
    })
    .await;
    works(
        trusting("ca.pem")
            .tls_first()
            .connect(server.url())
            .await
            .unwrap(),
    )
    .await;
    // Nothing is said in plain, and nobody is waited for.
    let mut raw = Raw::silent(server.address()).await;
    raw.expect_end("").await;
    let mut raw = Raw::silent(server.address()).await;
    raw.send("CONNECT {}\r\n").await;
    raw.expect_end("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_asked_for_their_certificates() {
    let server = Server::broker_of(encrypted(TlsListen {
        client_ca_file: Some(file("ca.pem")),
        ..listen(TlsMode::Required)
    }))
    .await;
    let with = |name: &str| {
        trusting("ca.pem")
            .add_client_certificate(file(&format!("{name}.pem")), file(&format!("{name}.key")))
    };
    works(with("client").connect(server.url()).await.unwrap()).await;
    within(with("stranger").connect(server.url()))
        .await
        .unwrap_err();
    within(trusting("ca.pem").connect(server.url()))
        .await
        .unwrap_err();
    let (_, info) = Raw::greeted(server.address()).await;
    assert_eq!(info["tls_verify"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn much_arrives_whole_both_ways() {
    const COUNT: usize = 200;
    let server = Server::broker_of(encrypted(listen(TlsMode::Required))).await;
    let connect = || trusting("ca.pem").connect(server.url());
    let (sender, receiver) = (connect().await.unwrap(), connect().await.unwrap());
    let mut all = receiver.subscribe("all").await.unwrap();
    receiver.flush().await.unwrap();
    let mut own = sender.subscribe("all").await.unwrap();
    crate::server::settled(&receiver).await;
    let payload = |number: usize| {
        // Small ones, ones of several records, and ones that fill all buffers.
        let len = [3, 40_000, 900_000][number % 3];
        vec![u8::try_from(number % 251).unwrap(); len]
    };
    let send = async {
        for number in 0..COUNT {
            sender.publish("all", payload(number).into()).await.unwrap();
        }
        sender.flush().await.unwrap();
    };
    let receive = async |subscription: &mut async_nats::Subscriber| {
        for number in 0..COUNT {
            let message = within(subscription.next()).await.unwrap();
            assert!(
                message.payload == payload(number),
                "message {number} is damaged"
            );
        }
    };
    tokio::join!(send, receive(&mut all), receive(&mut own));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_address_beside_it_still_asks_who_is_there() {
    let auth = Auth::default().with_user(User::password("ada", hash("s3cret")));
    let server = Server::broker_of(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        auth: Some(auth),
        ..encrypted(listen(TlsMode::Required))
    })
    .await;
    let addresses = server.handle().client_addrs();
    let (_, plain) = Raw::greeted(&addresses[0].to_string()).await;
    let (_, encrypted) = Raw::greeted(&addresses[1].to_string()).await;
    assert!(plain.get("tls_required").is_none() && encrypted["tls_required"] == true);
    assert!(plain["auth_required"] == true && encrypted["auth_required"] == true);
    assert_eq!(encrypted["port"], addresses[1].port());
    for (address, options) in [
        (addresses[0], ConnectOptions::new()),
        (addresses[1], trusting("ca.pem")),
    ] {
        let options = options.user_and_password("ada".to_owned(), "s3cret".to_owned());
        works(options.connect(address.to_string()).await.unwrap()).await;
    }
    ConnectOptions::new()
        .connect(addresses[0].to_string())
        .await
        .unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_certificates_are_taken_over_by_new_connections() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        let new = dir.path().join("new");
        std::fs::copy(file(from), &new).unwrap();
        std::fs::rename(new, dir.path().join(to)).unwrap();
    };
    copy("server.pem", "cert");
    copy("server.key", "key");
    let server = Server::broker_of(encrypted(TlsListen::new(
        "127.0.0.1:0".parse().unwrap(),
        dir.path().join("cert"),
        dir.path().join("key"),
    )))
    .await;
    let before = trusting("ca.pem").connect(server.url()).await.unwrap();
    // Half of a pair changes nothing.
    copy("other-server.key", "key");
    server.handle().reload().await.unwrap();
    works(trusting("ca.pem").connect(server.url()).await.unwrap()).await;
    copy("other-server.pem", "cert");
    until("the new certificate is shown", || async {
        trusting("other-ca.pem").connect(server.url()).await.is_ok()
    })
    .await;
    trusting("ca.pem").connect(server.url()).await.unwrap_err();
    works(before).await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let start = async |listen: TlsListen| match Broker::start(encrypted(listen)).await {
        Err(Error::Tls { source, .. }) => *source,
        other => panic!("{other:?}"),
    };
    let good = || listen(TlsMode::Required);
    let mut missing = good();
    missing.cert_file = file("missing.pem");
    assert!(
        matches!(start(missing).await, TlsError::File { path, .. } if path == file("missing.pem"))
    );
    let mut wrong = good();
    wrong.cert_file = file("server.key");
    assert!(
        matches!(start(wrong).await, TlsError::NoCertificate { path } if path == file("server.key"))
    );
    let mut wrong = good();
    wrong.key_file = file("server.pem");
    assert!(matches!(start(wrong).await, TlsError::NoKey { path } if path == file("server.pem")));
    let mut mixed = good();
    mixed.key_file = file("client.key");
    assert!(
        matches!(start(mixed).await, TlsError::Pair { key_file, .. } if key_file == file("client.key"))
    );
    let mut wrong = good();
    wrong.client_ca_file = Some(file("client.key"));
    assert!(
        matches!(start(wrong).await, TlsError::NoCertificate { path } if path == file("client.key"))
    );
}
