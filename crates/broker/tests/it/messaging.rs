//! Publish, subscribe, request: with a stock client.

use async_nats::{ConnectOptions, HeaderMap, RequestErrorKind};
use futures::StreamExt;

use crate::server::{on_each_server, settled, within};

#[tokio::test(flavor = "multi_thread")]
async fn messages_reach_all_whose_filter_matches() {
    on_each_server(|server| async move {
        let (publisher, receiver) = (server.client().await, server.client().await);
        let mut exact = receiver.subscribe("a.b").await.unwrap();
        let mut token = receiver.subscribe("a.*").await.unwrap();
        let mut rest = receiver.subscribe("a.>").await.unwrap();
        let mut other = receiver.subscribe("a.c").await.unwrap();
        settled(&receiver).await;
        publisher.publish("a.b", "one".into()).await.unwrap();
        publisher.publish("a.c", "two".into()).await.unwrap();
        for subscription in [&mut exact, &mut token, &mut rest] {
            let message = within(subscription.next()).await.unwrap();
            assert_eq!(message.subject.as_str(), "a.b");
            assert_eq!(message.payload, "one");
        }
        assert_eq!(within(other.next()).await.unwrap().payload, "two");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_publisher_keep_their_order() {
    on_each_server(|server| async move {
        let (publisher, receiver) = (server.client().await, server.client().await);
        let mut numbers = receiver.subscribe("n.>").await.unwrap();
        settled(&receiver).await;
        let count = 20_000;
        let publishing = async {
            for number in 0..count {
                let payload = number.to_string().repeat(1 + number % 50).into();
                publisher
                    .publish(format!("n.{number}"), payload)
                    .await
                    .unwrap();
            }
            publisher.flush().await.unwrap();
        };
        let receiving = async {
            for number in 0..count {
                let message = within(numbers.next()).await.unwrap();
                assert_eq!(message.subject.as_str(), format!("n.{number}"));
                assert_eq!(message.payload, number.to_string().repeat(1 + number % 50));
            }
        };
        tokio::join!(publishing, receiving);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_group_shares_the_work() {
    on_each_server(|server| async move {
        let (publisher, worker) = (server.client().await, server.client().await);
        let group = || "workers".to_owned();
        let mut first = worker.queue_subscribe("jobs.a", group()).await.unwrap();
        let mut second = worker.queue_subscribe("jobs.*", group()).await.unwrap();
        let mut auditor = worker.subscribe("jobs.a").await.unwrap();
        settled(&worker).await;
        for number in 0..200 {
            publisher
                .publish("jobs.a", number.to_string().into())
                .await
                .unwrap();
        }
        publisher.publish("jobs.end", "".into()).await.unwrap();
        publisher.flush().await.unwrap();
        // The second is the only one to get the end, so all that was meant for it came before.
        let mut by_second = 0;
        while within(second.next()).await.unwrap().subject.as_str() != "jobs.end" {
            by_second += 1;
        }
        assert!((1..200).contains(&by_second), "{by_second}");
        for _ in 0..200 - by_second {
            within(first.next()).await.unwrap();
        }
        for _ in 0..200 {
            within(auditor.next()).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_travel_with_the_message() {
    on_each_server(|server| async move {
        let client = server.client().await;
        let mut subscription = client.subscribe("h").await.unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("Color", "blue");
        headers.append("Color", "green");
        headers.insert("Empty", "");
        client
            .publish_with_headers("h", headers.clone(), "body".into())
            .await
            .unwrap();
        let message = within(subscription.next()).await.unwrap();
        assert_eq!(message.headers, Some(headers));
        assert_eq!(message.payload, "body");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered() {
    on_each_server(|server| async move {
        let (asking, answering) = (server.client().await, server.client().await);
        let mut questions = answering.subscribe("double").await.unwrap();
        settled(&answering).await;
        let answers = async {
            for _ in 0..100 {
                let question = within(questions.next()).await.unwrap();
                let number: u32 = String::from_utf8_lossy(&question.payload).parse().unwrap();
                let reply = question.reply.unwrap();
                answering
                    .publish(reply, (number * 2).to_string().into())
                    .await
                    .unwrap();
            }
        };
        let asked = async {
            for number in 0..100_u32 {
                let answer = asking
                    .request("double", number.to_string().into())
                    .await
                    .unwrap();
                assert_eq!(answer.payload, (number * 2).to_string());
            }
        };
        tokio::join!(answers, asked);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_responders_fails_at_once() {
    on_each_server(|server| async move {
        let client = server.client().await;
        let error = within(client.request("nobody", "".into()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn echo_can_be_turned_off() {
    on_each_server(|server| async move {
        let quiet = ConnectOptions::new()
            .no_echo()
            .connect(server.url())
            .await
            .unwrap();
        let other = server.client().await;
        let mut own = quiet.subscribe("e").await.unwrap();
        let mut seen = other.subscribe("e").await.unwrap();
        settled(&other).await;
        quiet.publish("e", "mine".into()).await.unwrap();
        assert_eq!(within(seen.next()).await.unwrap().payload, "mine");
        other.publish("e", "yours".into()).await.unwrap();
        assert_eq!(within(own.next()).await.unwrap().payload, "yours");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_ends_after_as_many_messages_as_asked_for() {
    on_each_server(|server| async move {
        let client = server.client().await;
        let mut subscription = client.subscribe("u").await.unwrap();
        client.publish("u", "1".into()).await.unwrap();
        subscription.unsubscribe_after(3).await.unwrap();
        for number in 2..6 {
            client
                .publish("u", number.to_string().into())
                .await
                .unwrap();
        }
        let mut received = Vec::new();
        while let Some(message) = within(subscription.next()).await {
            received.push(String::from_utf8_lossy(&message.payload).into_owned());
        }
        assert_eq!(received, ["1", "2", "3"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_arrive_whole() {
    on_each_server(|server| async move {
        let (publisher, receiver) = (server.client().await, server.client().await);
        let mut subscription = receiver.subscribe("big").await.unwrap();
        settled(&receiver).await;
        for len in [0, 1, 4095, 8191, 8192, 65_536, 1024 * 1024] {
            let payload: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            publisher
                .publish("big", payload.clone().into())
                .await
                .unwrap();
            let message = within(subscription.next()).await.unwrap();
            assert_eq!(message.payload.len(), len);
            assert!(message.payload == payload, "{len} bytes arrived changed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_see_what_the_server_offers() {
    on_each_server(|server| async move {
        let info = server.client().await.server_info();
        assert_eq!(info.max_payload, 1024 * 1024);
        assert_eq!(info.proto, 1);
        assert!(info.headers && info.jetstream && !info.auth_required && !info.tls_required);
        assert!(info.server_id.starts_with('N') && info.server_id.len() == 56);
        assert_eq!(format!("{}:{}", info.host, info.port), server.address());
        assert!(info.client_id > 0);
    })
    .await;
}
