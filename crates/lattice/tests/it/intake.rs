use weft_lattice::intake::{Requests, serve_applications, serve_control};
use weft_lattice::protocol::application::{ErrorReply, GetResult};
use weft_lattice::protocol::control::{Ack, Lease};
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::{ApplicationOperation, Auctions, Operation};
use weft_lattice::{Headers, Lattice, RequestError};

use crate::server::{Server, eventually, in_time};

const ALL: Auctions = Auctions {
    components: true,
    providers: true,
};

pub(crate) async fn serve(lattice: &Lattice, capacity: usize) -> Requests<Operation> {
    serve_control(lattice, &"NHOST".parse().unwrap(), ALL, capacity)
        .await
        .unwrap()
}

fn subject(lattice: &Lattice, tail: &str) -> String {
    format!("wasmbus.ctl.v1.{}.{tail}", lattice.name())
}

#[tokio::test]
async fn requests_of_all_subjects_come_numbered() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut requests = serve(&lattice, 100).await;
    let tails = [
        "host.ping",
        "component.auction",
        "provider.auction",
        "config.put.a",
        "link.put",
        "label.put.NHOST",
        "claims.get",
        "registry.put",
        "component.scale.NHOST",
        "provider.start.NHOST",
        "host.get.NHOST",
    ];
    for (index, tail) in tails.into_iter().enumerate() {
        let body = format!("{index}");
        let headers = Headers::from([("Weft-Lease".to_owned(), format!("e:{index}"))]);
        lattice
            .publish(&subject(&lattice, tail), &headers, body.clone().into())
            .await
            .unwrap();
        let request = in_time(requests.next()).await.unwrap();
        assert_eq!(request.sequence, index as u64 + 1);
        assert_eq!(request.operation.to_string(), tail);
        assert_eq!(request.payload, body);
        assert_eq!(request.lease().unwrap(), Lease::new("e", index as u64).ok());
        assert!(!request.wants_reply());
        request.reply(b"nobody reads this".to_vec()).await.unwrap();
    }
    // Addressed to another host.
    let nobody = lattice
        .request(
            &subject(&lattice, "host.get.NOTHER"),
            &Headers::new(),
            "".into(),
        )
        .await;
    assert!(nobody.is_err());
    assert_eq!(requests.counts().accepted, tails.len() as u64);
}

#[tokio::test]
async fn what_finds_no_place_is_answered() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut requests = serve(&lattice, 2).await;
    let asked = subject(&lattice, "link.get");
    for _ in 0..2 {
        lattice
            .publish(&asked, &Headers::new(), "".into())
            .await
            .unwrap();
    }
    eventually(async || match requests.waiting() {
        2 => Ok(()),
        other => Err(other),
    })
    .await;
    let answer = lattice
        .request(&asked, &Headers::new(), "".into())
        .await
        .unwrap();
    let reply: Ack = json::decode(&answer.payload).unwrap();
    let problem = reply.problem().unwrap();
    assert_eq!(problem.code, "LAT003");
    assert_eq!(problem.message, "overloaded: 2 requests wait already");
    assert_eq!(requests.counts().overloaded, 1);
    assert_eq!(in_time(requests.next()).await.unwrap().sequence, 1);
    assert_eq!(in_time(requests.next()).await.unwrap().sequence, 2);
    lattice
        .publish(&asked, &Headers::new(), "".into())
        .await
        .unwrap();
    assert_eq!(in_time(requests.next()).await.unwrap().sequence, 3);
}

#[tokio::test]
async fn what_is_no_operation_is_answered_in_the_words_of_the_dialect() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let requests = serve(&lattice, 2).await;
    for tail in ["host.foo.NHOST", "config.get.a.b", "link.nope"] {
        let answer = lattice
            .request(&subject(&lattice, tail), &Headers::new(), "".into())
            .await
            .unwrap();
        let reply: Ack = json::decode(&answer.payload).unwrap();
        assert!(!reply.success);
        assert_eq!(reply.message, "unsupported subject", "{tail}");
    }
    assert_eq!(requests.counts().refused, 3);
}

#[tokio::test]
async fn after_a_stop_what_waits_can_still_be_read() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut requests = serve(&lattice, 8).await;
    let asked = subject(&lattice, "link.get");
    lattice
        .publish(&asked, &Headers::new(), "".into())
        .await
        .unwrap();
    eventually(async || match requests.waiting() {
        1 => Ok(()),
        other => Err(other),
    })
    .await;
    requests.stop();
    assert!(in_time(requests.next()).await.is_some());
    assert!(in_time(requests.next()).await.is_none());
    eventually(async || {
        lattice.flush().await.unwrap();
        let answer = lattice.request(&asked, &Headers::new(), "".into()).await;
        answer.err().ok_or("somebody still listens")
    })
    .await;
}

#[tokio::test]
async fn one_of_several_hosts_takes_a_queued_request() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (first, second) = (server.connect().await, server.connect().await);
    let (one, two) = (serve(&first, 100).await, serve(&second, 100).await);
    let asked = subject(&first, "config.get.x");
    for _ in 0..20 {
        first
            .publish(&asked, &Headers::new(), "".into())
            .await
            .unwrap();
    }
    let ping = subject(&first, "host.ping");
    first
        .publish(&ping, &Headers::new(), "".into())
        .await
        .unwrap();
    eventually(async || match one.waiting() + two.waiting() {
        22 => Ok(()),
        other => Err(other),
    })
    .await;
}

#[tokio::test]
async fn the_application_api_is_served_too() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut requests = serve_applications(&lattice, 1, Headers::new())
        .await
        .unwrap();
    let subject = |tail: &str| format!("wadm.api.{}.model.{tail}", lattice.name());
    lattice
        .publish(&subject("get.my-app"), &Headers::new(), "".into())
        .await
        .unwrap();
    eventually(async || match requests.waiting() {
        1 => Ok(()),
        other => Err(other),
    })
    .await;
    for (tail, code) in [
        ("list", "LAT003"),
        ("nope", "LAT005"),
        ("get.a.b", "LAT005"),
    ] {
        let answer = lattice
            .request(&subject(tail), &Headers::new(), "".into())
            .await
            .unwrap();
        let reply: ErrorReply = json::decode(&answer.payload).unwrap();
        assert_eq!(reply.result, GetResult::Error);
        assert_eq!(reply.weft_problems[0].code, code);
    }
    let request = in_time(requests.next()).await.unwrap();
    assert_eq!(
        request.operation,
        ApplicationOperation::Get("my-app".parse().unwrap())
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_told() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut requests = serve(&lattice, 8).await;
    let asked = subject(&lattice, "link.get");
    let headers = Headers::new();
    let (answer, refused) = in_time(async {
        tokio::join!(lattice.request(&asked, &headers, "".into()), async {
            let request = requests.next().await.unwrap();
            request
                .reply(vec![b'x'; lattice.payload_bytes_max() + 1])
                .await
        })
    })
    .await;
    assert!(
        matches!(refused, Err(RequestError::TooLarge { .. })),
        "{refused:?}"
    );
    let reply: Ack = json::decode(&answer.unwrap().payload).unwrap();
    assert_eq!(reply.problem().unwrap().code, "NET013");
}
