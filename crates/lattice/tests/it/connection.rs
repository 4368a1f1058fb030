use std::time::Duration;

use weft_lattice::{ConnectionState, Credentials, Headers, Lattice, Options, RequestError, Secret};
use weft_model::problem::Coded;
use weft_runtime::Tasks;

use crate::proxy::Proxy;
use crate::server::{Server, in_time};

#[tokio::test]
async fn an_unreachable_server_is_named() {
    let mut options = Options::default();
    options.urls = vec!["nats://user:p4ss@127.0.0.1:1".to_owned()];
    let error = Lattice::connect(options, &Tasks::new()).await.unwrap_err();
    assert_eq!(error.code(), "NET001");
    assert_eq!(error.to_string(), "cannot reach NATS at nats://127.0.0.1:1");
    assert!(!error.hints().is_empty());
}

#[tokio::test]
async fn refused_credentials_are_told() {
    let arguments =
        |_: &std::path::Path| ["--user", "u", "--pass", "p"].map(str::to_owned).to_vec();
    let Some(server) = Server::start_own(arguments).await else {
        return;
    };
    let error = Lattice::connect(server.options(), server.tasks())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "NET002", "{error:?}");
    let mut options = server.options();
    options.credentials = Credentials::Password {
        user: "u".to_owned(),
        password: Secret::new("p"),
    };
    server.connect_with(options).await.flush().await.unwrap();
}

#[tokio::test]
async fn loss_and_return_of_the_server_are_seen() {
    let Some(server) = Server::start().await else {
        return;
    };
    let proxy = Proxy::start(&server.url, server.tasks()).await;
    let mut options = server.options();
    options.urls = vec![proxy.url.clone()];
    options.request_timeout = Duration::from_millis(200);
    let lattice = server.connect_with(options).await;
    let mut connection = lattice.connection();
    assert_eq!(connection.borrow().state, ConnectionState::Connected);
    proxy.cut();
    in_time(connection.wait_for(|now| now.state == ConnectionState::Disconnected))
        .await
        .unwrap();
    let error = lattice
        .request("test.subject", &Headers::new(), "x".into())
        .await
        .unwrap_err();
    assert!(
        matches!(error, RequestError::Disconnected { .. }),
        "{error:?}"
    );
    proxy.mend();
    let connects = in_time(connection.wait_for(|now| now.state == ConnectionState::Connected))
        .await
        .unwrap()
        .connects;
    assert_eq!(connects, 2);
    lattice.flush().await.unwrap();
}

#[tokio::test]
async fn requests_fail_by_kind() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut options = server.options();
    options.request_timeout = Duration::from_millis(200);
    let lattice = server.connect_with(options).await;
    let request = async |subject: &str, bytes: usize| {
        let payload = vec![b'x'; bytes].into();
        lattice
            .request(subject, &Headers::new(), payload)
            .await
            .unwrap_err()
    };
    let nobody = request("test.nobody", 1).await;
    assert!(
        matches!(nobody, RequestError::NoResponders { .. }),
        "{nobody:?}"
    );
    let _silent = lattice.subscribe("test.silent", None).await.unwrap();
    let silence = request("test.silent", 1).await;
    assert!(
        matches!(silence, RequestError::TimedOut { .. }),
        "{silence:?}"
    );
    let malformed = request("test subject", 1).await;
    assert!(
        matches!(malformed, RequestError::Subject { .. }),
        "{malformed:?}"
    );
    let large = request("test.silent", lattice.payload_bytes_max() + 1).await;
    assert!(matches!(large, RequestError::TooLarge { .. }), "{large:?}");
}

#[tokio::test]
async fn headers_and_answers_arrive() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut requests = lattice.subscribe("test.echo", Some("group")).await.unwrap();
    lattice.flush().await.unwrap();
    let headers = Headers::from([("Weft-Lease".to_owned(), "e:1".to_owned())]);
    let answer = async {
        let message = requests.next().await.unwrap();
        assert_eq!(message.headers["Weft-Lease"], "e:1");
        let reply = message.reply.unwrap();
        lattice
            .publish(&reply, &message.headers, message.payload)
            .await
    };
    let (asked, answered) = in_time(async {
        tokio::join!(lattice.request("test.echo", &headers, "hi".into()), answer)
    })
    .await;
    answered.unwrap();
    let message = asked.unwrap();
    assert_eq!(message.payload, "hi");
    assert_eq!(message.headers, headers);
}
