//! Well-behaved guests over both protocols.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::client::{self, Protocol, get, request, send};
use crate::site::{Site, no_limits};

const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];
const HELLOS: [&str; 2] = ["hello-http", "hello-http-p3"];

#[tokio::test]
async fn handlers_of_both_generations_answer_on_both_protocols() {
    let mut site = Site::start();
    for name in HELLOS {
        site.run(name, 10, no_limits()).await;
        for protocol in PROTOCOLS {
            let answer = send(site.address(name), protocol, request(Method::GET, "/", "")).await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::OK, "hello"),
                "{name} {protocol:?}"
            );
            assert!(answer.is_complete);
            let echo = request(Method::POST, "/echo-body", "there and back");
            let answer = send(site.address(name), protocol, echo).await;
            assert_eq!(answer.text(), "there and back", "{name} {protocol:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    let mut site = Site::start();
    for name in HELLOS {
        site.run(name, 10, no_limits()).await;
        for protocol in PROTOCOLS {
            let answer = send(site.address(name), protocol, request(Method::HEAD, "/", "")).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert!(
                answer.body.is_empty() && answer.is_complete,
                "{name} {protocol:?}"
            );
        }
    }
    let answer = send(
        site.address("hello-http"),
        Protocol::Http1,
        request(Method::HEAD, "/", ""),
    )
    .await;
    assert_eq!(answer.headers["content-length"], "5");
}

#[tokio::test]
async fn trailers_of_a_component_arrive() {
    let mut site = Site::start();
    site.run("hello-http-p3", 10, no_limits()).await;
    let answer = send(
        site.address("hello-http-p3"),
        Protocol::Http2,
        request(Method::GET, "/trailers", ""),
    )
    .await;
    assert!(answer.is_complete);
    assert!(answer.trailers.is_some_and(|trailers| !trailers.is_empty()));
}

#[tokio::test]
async fn bodies_stream_in_both_directions_at_once() {
    let mut site = Site::start();
    for name in HELLOS {
        site.run(name, 10, no_limits()).await;
        let stream = TokioIo::new(TcpStream::connect(site.address(name)).await.unwrap());
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        client::spawn(connection);
        let (chunks, receiver) = mpsc::channel(1);
        let body = StreamBody::new(futures::stream::unfold(
            receiver,
            async |mut receiver: mpsc::Receiver<Bytes>| {
                let chunk = receiver.recv().await?;
                Some((
                    Ok::<_, std::convert::Infallible>(Frame::data(chunk)),
                    receiver,
                ))
            },
        ));
        let request = Request::post("/echo-body")
            .header("host", "x")
            .body(body.boxed_unsync())
            .unwrap();
        chunks.send(Bytes::from_static(b"one ")).await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        let mut body = response.into_body();
        // Each part comes back before the next is sent.
        for part in ["one ", "two ", "three"] {
            if part != "one " {
                chunks.send(Bytes::from(part)).await.unwrap();
            }
            let mut echoed = Vec::new();
            while echoed.len() < part.len() {
                echoed
                    .extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
            }
            assert_eq!(echoed, part.as_bytes(), "{name}");
        }
        drop(chunks);
        assert!(body.frame().await.is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let mut site = Site::start();
    let program = site.run("hello-http", 10, no_limits()).await;
    let stream = TokioIo::new(
        TcpStream::connect(site.address("hello-http"))
            .await
            .unwrap(),
    );
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    client::spawn(connection);
    for _ in 0..20 {
        sender.ready().await.unwrap();
        let answer = client::collect(
            sender
                .send_request(request(Method::GET, "/", ""))
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(answer.text(), "hello");
    }
    let stats = program.stats();
    assert_eq!((stats.calls, stats.instances), (20, 0));
    assert_eq!(site.server.stats().classes[1], 20);
}

#[tokio::test]
async fn requests_that_are_no_http_get_an_answer_or_none_but_do_no_harm() {
    let mut site = Site::start();
    site.run("hello-http", 10, no_limits()).await;
    let address = site.address("hello-http");
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(1 << 20));
    let many = format!(
        "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "x: y\r\n".repeat(10_000)
    );
    for (text, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        ("rubbish\r\n\r\n", "400"),
        (long.as_str(), "4"),
        (many.as_str(), "431"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may close before it has read all.
        drop(stream.write_all(text.as_bytes()).await);
        let mut head = [0; 12];
        if stream.read_exact(&mut head).await.is_ok() {
            let head = String::from_utf8_lossy(&head).into_owned();
            assert!(
                head[9..].starts_with(expected),
                "{head} for {}",
                &text[..30.min(text.len())]
            );
        }
    }
    assert_eq!(get(address, "/").await.text(), "hello");
}

#[tokio::test]
async fn open_requests_end_before_the_server_stops() {
    let mut site = Site::start();
    site.run("hello-http-p3", 10, no_limits()).await;
    let address = site.address("hello-http-p3");
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    client::spawn(connection);
    let (chunks, receiver) = mpsc::channel(1);
    let body = StreamBody::new(futures::stream::unfold(
        receiver,
        async |mut receiver: mpsc::Receiver<Bytes>| {
            let chunk = receiver.recv().await?;
            Some((
                Ok::<_, std::convert::Infallible>(Frame::data(chunk)),
                receiver,
            ))
        },
    ));
    let request = Request::post("/echo-body")
        .header("host", "x")
        .body(body.boxed_unsync())
        .unwrap();
    chunks.send(Bytes::from_static(b"begun ")).await.unwrap();
    let response = sender.send_request(request).await.unwrap();

    let server = site.server.clone();
    let mut drain = Box::pin(server.drain(Duration::from_secs(60)));
    assert!(futures::poll!(&mut drain).is_pending());
    chunks.send(Bytes::from_static(b"and ended")).await.unwrap();
    drop(chunks);
    let (cut, answer) = tokio::join!(drain, client::collect(response));
    assert_eq!((cut, answer.text()), (0, "begun and ended"));
    assert!(TcpStream::connect(address).await.is_err(), "still listens");
}

#[tokio::test]
async fn a_request_that_does_not_end_is_broken_off_by_the_drain() {
    let mut site = Site::start();
    site.run("hostile", 10, no_limits()).await;
    let address = site.address("hostile");
    let hanging = get(address, "/no-finish");
    let stopping = async {
        while site.server.stats().classes[1] == 0 {
            tokio::task::yield_now().await;
        }
        site.server.drain(Duration::from_millis(100)).await
    };
    let (answer, cut) = tokio::join!(hanging, stopping);
    assert!(!answer.is_complete);
    assert_eq!(cut, 1);
}
