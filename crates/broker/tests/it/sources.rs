//! Streams that take messages from other streams, and rules that change subjects.

use serde_json::{Value, json};

use crate::server::{Server, on_each_server, until, within};

async fn api(client: &async_nats::Client, request: &str, body: Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = within(client.request(format!("$JS.API.{request}"), body.into())).await;
    serde_json::from_slice(&answer.unwrap().payload).unwrap()
}

async fn create(client: &async_nats::Client, config: Value) {
    let name = config["name"].as_str().unwrap().to_owned();
    let answer = api(client, &format!("STREAM.CREATE.{name}"), config).await;
    assert!(answer["error"].is_null(), "{answer}");
}

async fn publish(client: &async_nats::Client, subject: &str, body: &str) {
    let answer = client.request(subject.to_owned(), body.to_owned().into());
    let answer = within(answer).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer["error"].is_null(), "{answer}");
}

/// The subjects of everything that a stream holds, once there are so many.
async fn subjects(client: &async_nats::Client, stream: &str, count: u64) -> Vec<String> {
    let info = format!("STREAM.INFO.{stream}");
    until(&format!("{stream} holds {count}"), || async {
        let info = api(client, &info, Value::Null).await;
        info["state"]["messages"] == count
    })
    .await;
    let state = api(client, &info, Value::Null).await["state"].clone();
    let (first, last) = (&state["first_seq"], &state["last_seq"]);
    let mut subjects = Vec::new();
    for seq in first.as_u64().unwrap()..=last.as_u64().unwrap() {
        let get = format!("STREAM.MSG.GET.{stream}");
        let message = api(client, &get, json!({ "seq": seq })).await;
        if let Some(subject) = message["message"]["subject"].as_str() {
            subjects.push(subject.to_owned());
        }
    }
    subjects
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_taken_filtered_and_renamed() {
    on_each_server(|server| async move {
        if !server.has_2_10() {
            return;
        }
        let client = server.client().await;
        create(&client, json!({ "name": "O", "subjects": ["o.>"] })).await;
        for subject in ["o.a.1", "o.b.1", "o.c.1"] {
            publish(&client, subject, "x").await;
        }
        create(
            &client,
            json!({ "name": "ALL", "sources": [{ "name": "O" }] }),
        )
        .await;
        let filtered = json!([{ "name": "O", "filter_subject": "o.*.1" }]);
        create(
            &client,
            json!({ "name": "SOME", "subjects": ["s"], "sources": filtered }),
        )
        .await;
        let rules = json!([{ "name": "O", "subject_transforms": [
            { "src": "o.a.*", "dest": "n.{{wildcard(1)}}" }, { "src": "o.b.>", "dest": "" },
        ]}]);
        create(&client, json!({ "name": "RULED", "sources": rules })).await;
        assert_eq!(
            subjects(&client, "ALL", 3).await,
            ["o.a.1", "o.b.1", "o.c.1"]
        );
        publish(&client, "o.a.2", "x").await;
        assert_eq!(
            subjects(&client, "SOME", 3).await,
            ["o.a.1", "o.b.1", "o.c.1"]
        );
        assert_eq!(subjects(&client, "RULED", 3).await, ["n.1", "o.b.1", "n.2"]);
        publish(&client, "s", "own").await;
        assert_eq!(subjects(&client, "SOME", 4).await[3], "s");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_through_several_streams() {
    let server = Server::broker().await;
    let client = server.client().await;
    create(
        &client,
        json!({ "name": "C", "sources": [{ "name": "B" }] }),
    )
    .await;
    create(
        &client,
        json!({ "name": "B", "sources": [{ "name": "A" }], "storage": "memory" }),
    )
    .await;
    create(&client, json!({ "name": "A", "subjects": ["a.>"] })).await;
    // More than one portion.
    for number in 0..600 {
        let subject = format!("a.{number}");
        client.publish(subject, "x".into()).await.unwrap();
    }
    let taken = subjects(&client, "C", 600).await;
    let expected: Vec<String> = (0..600).map(|number| format!("a.{number}")).collect();
    assert_eq!(taken, expected);
    let message = api(&client, "STREAM.MSG.GET.C", json!({ "seq": 7 })).await;
    // Only the last step is told: "NATS/1.0\r\nNats-Stream-Source: B 7 > >\r\n\r\n".
    assert_eq!(
        message["message"]["hdrs"],
        "TkFUUy8xLjANCk5hdHMtU3RyZWFtLVNvdXJjZTogQiA3ID4gPg0KDQo="
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_comes_later_or_anew_is_followed() {
    let server = Server::broker().await;
    let client = server.client().await;
    create(
        &client,
        json!({ "name": "T", "sources": [{ "name": "O" }] }),
    )
    .await;
    let info = api(&client, "STREAM.INFO.T", Value::Null).await;
    assert_eq!(
        info["sources"],
        json!([{ "name": "O", "lag": 0, "active": -1 }])
    );
    for round in 1..=2 {
        create(&client, json!({ "name": "O", "subjects": ["o.>"] })).await;
        publish(&client, "o.a", "x").await;
        assert_eq!(subjects(&client, "T", round).await.len() as u64, round);
        api(&client, "STREAM.DELETE.O", Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_survive_restarts() {
    let mut server = Server::broker().await;
    let client = server.client().await;
    create(&client, json!({ "name": "O", "subjects": ["o.>"] })).await;
    create(
        &client,
        json!({ "name": "T", "sources": [{ "name": "O" }] }),
    )
    .await;
    for number in 0..5 {
        publish(&client, &format!("o.{number}"), "x").await;
    }
    assert_eq!(subjects(&client, "T", 5).await.len(), 5);
    // What was taken leaves no trace in the messages.
    api(&client, "STREAM.PURGE.T", Value::Null).await;
    server.restart().await;
    let client = server.client().await;
    publish(&client, "o.5", "x").await;
    assert_eq!(subjects(&client, "T", 1).await, ["o.5"]);
    // Updates of anything else change nothing either.
    let config = json!({ "name": "T", "sources": [{ "name": "O" }], "max_msgs": 10 });
    let answer = api(&client, "STREAM.UPDATE.T", config).await;
    assert!(answer["error"].is_null(), "{answer}");
    publish(&client, "o.6", "x").await;
    assert_eq!(subjects(&client, "T", 2).await, ["o.5", "o.6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_takes_the_rest_when_there_is_room() {
    let server = Server::broker().await;
    let client = server.client().await;
    create(&client, json!({ "name": "O", "subjects": ["o.>"] })).await;
    let config = json!({
        "name": "T", "sources": [{ "name": "O" }], "max_msgs": 2, "discard": "new",
    });
    create(&client, config).await;
    for number in 0..4 {
        publish(&client, &format!("o.{number}"), "x").await;
    }
    assert_eq!(subjects(&client, "T", 2).await, ["o.0", "o.1"]);
    let info = api(&client, "STREAM.INFO.T", Value::Null).await;
    assert_eq!(info["sources"][0]["lag"], 2);
    api(&client, "STREAM.PURGE.T", Value::Null).await;
    assert_eq!(subjects(&client, "T", 2).await, ["o.2", "o.3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_taken_from_empties() {
    let server = Server::broker().await;
    let client = server.client().await;
    for retention in ["workqueue", "interest"] {
        let origin = json!({ "name": "O", "subjects": ["o.>"], "retention": retention });
        create(&client, origin).await;
        let taken = json!([{ "name": "O", "filter_subject": "o.a" }]);
        create(&client, json!({ "name": "T", "sources": taken })).await;
        publish(&client, "o.a", "x").await;
        publish(&client, "o.b", "x").await;
        assert_eq!(subjects(&client, "T", 1).await, ["o.a"]);
        // A queue keeps what nobody has asked for yet.
        let left = if retention == "workqueue" {
            vec!["o.b"]
        } else {
            vec![]
        };
        assert_eq!(subjects(&client, "O", left.len() as u64).await, left);
        for name in ["O", "T"] {
            api(&client, &format!("STREAM.DELETE.{name}"), Value::Null).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subjects_are_changed_when_messages_arrive() {
    on_each_server(|server| async move {
        if !server.has_2_10() {
            return;
        }
        let client = server.client().await;
        let rule = json!({ "src": "t.*", "dest": "u.{{partition(3,1)}}.{{wildcard(1)}}" });
        create(
            &client,
            json!({ "name": "T", "subjects": ["t.>"], "subject_transform": rule }),
        )
        .await;
        for subject in ["t.abcde", "t.a.b", "t.x", "t.y"] {
            publish(&client, subject, "x").await;
        }
        assert_eq!(
            subjects(&client, "T", 4).await,
            ["u.0.abcde", "t.a.b", "u.0.x", "u.1.y"]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_make_no_sense_are_refused_with_the_same_numbers() {
    on_each_server(|server| async move {
        if !server.has_2_10() {
            return;
        }
        let client = server.client().await;
        create(&client, json!({ "name": "A", "sources": [{ "name": "B" }] })).await;
        let checks = [
            (json!({ "sources": [{ "name": "S" }] }), 10052),
            (json!({ "sources": [{ "name": "A" }, { "name": "A" }] }), 10140),
            (json!({ "sources": [{ "name": "a.b" }] }), 10141),
            (
                json!({ "sources": [{ "name": "A", "subject_transforms": [{ "src": "a.*", "dest": "b.{{no(1)}}" }] }] }),
                10146,
            ),
            (
                json!({ "sources": [{ "name": "A", "subject_transforms": [
                    { "src": "a.>", "dest": "b.>" }, { "src": "a.*", "dest": "c" },
                ]}]}),
                10147,
            ),
            (json!({ "subject_transform": { "src": "a..", "dest": "b" } }), 10155),
            (json!({ "subject_transform": { "src": "a.*", "dest": "b.$2" } }), 10156),
        ];
        for (mut config, code) in checks {
            config["name"] = json!("S");
            let answer = api(&client, "STREAM.CREATE.S", config.clone()).await;
            assert_eq!(answer["error"]["err_code"], code, "{config}");
        }
        let circle = json!({ "name": "B", "sources": [{ "name": "A" }] });
        let answer = api(&client, "STREAM.CREATE.B", circle).await;
        assert_eq!(answer["error"]["description"], "detected cycle");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_added_again_goes_on_where_it_stopped() {
    on_each_server(|server| async move {
        if !server.has_2_10() {
            return;
        }
        let client = server.client().await;
        create(&client, json!({ "name": "O", "subjects": ["o.*"] })).await;
        let with = json!({ "name": "T", "subjects": ["t"], "sources": [{ "name": "O" }] });
        create(&client, with.clone()).await;
        for subject in ["o.1", "o.2"] {
            publish(&client, subject, "x").await;
        }
        subjects(&client, "T", 2).await;
        let update = |config| api(&client, "STREAM.UPDATE.T", config);
        let answer = update(json!({ "name": "T", "subjects": ["t"] })).await;
        assert!(answer["error"].is_null(), "{answer}");
        publish(&client, "o.3", "x").await;
        publish(&client, "t", "x").await;
        subjects(&client, "T", 3).await;
        let answer = update(with).await;
        assert!(answer["error"].is_null(), "{answer}");
        let found = subjects(&client, "T", 4).await;
        assert_eq!(found, ["o.1", "o.2", "t", "o.3"]);
    })
    .await;
}
