//! Streams that take messages from other streams, and rules that change subjects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Api;
use crate::server::{Server, V2_10, behaviours, until};

behaviours!(
    messages_are_taken_in_order,
    filters_choose_what_is_taken,
    a_source_begins_where_it_is_told,
    messages_are_renamed_as_they_are_taken,
    subjects_change_as_messages_arrive,
    what_is_taken_tells_where_it_comes_from,
    a_stream_that_comes_later_is_followed,
    streams_that_are_taken_from_are_described,
    what_is_taken_leaves_a_stream_of_interest,
    conditions_are_for_the_first_stream,
    sources_that_cannot_be,
);

async fn create(api: &Api, name: &str, more: Value) -> Value {
    let mut config = json!({ "name": name, "storage": "memory" });
    super::merge(&mut config, more);
    api.done(&format!("STREAM.CREATE.{name}"), config).await
}

async fn publish_each(api: &Api, subjects: &[&str]) {
    for subject in subjects {
        api.publish(subject, &[]).await.unwrap();
    }
}

/// Everything that a stream holds, once there are so many messages.
async fn messages(api: &Api, name: &str, count: u64) -> Vec<Value> {
    let info = format!("STREAM.INFO.{name}");
    until(&format!("{name} holds {count}"), async || {
        api.done(&info, json!({})).await["state"]["messages"] == count
    })
    .await;
    let state = api.done(&info, json!({})).await["state"].take();
    let number = |name: &str| state[name].as_u64().unwrap();
    let mut messages = Vec::new();
    for seq in number("first_seq")..=number("last_seq") {
        let get = format!("STREAM.MSG.GET.{name}");
        messages.push(api.done(&get, json!({ "seq": seq })).await["message"].take());
    }
    messages
}

async fn subjects(api: &Api, name: &str, count: u64) -> Vec<String> {
    let messages = messages(api, name, count).await;
    let subject = |message: &Value| message["subject"].as_str().unwrap().to_owned();
    messages.iter().map(subject).collect()
}

async fn messages_are_taken_in_order(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(5).await;
    create(&api, "T", json!({ "sources": [{ "name": "S" }] })).await;
    let before: Vec<String> = (1..=5).map(|number| format!("s.{number}")).collect();
    assert_eq!(subjects(&api, "T", 5).await, before);
    // Nothing is lost between what was there and what comes.
    let all: Vec<String> = (1..=300).map(|number| format!("s.{number}")).collect();
    for subject in &all[5..] {
        api.client
            .publish(subject.clone(), "x".into())
            .await
            .unwrap();
    }
    assert_eq!(subjects(&api, "T", 300).await, all);
    // What goes from one stream stays in the other.
    api.done("STREAM.PURGE.S", json!({})).await;
    assert_eq!(api.publish("s.x", &[]).await, Ok(301));
    assert_eq!(subjects(&api, "T", 301).await[300], "s.x");
}

async fn filters_choose_what_is_taken(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    publish_each(&api, &["s.a.1", "s.b.1", "s.a.2", "s.c"]).await;
    let source = json!([{ "name": "S", "filter_subject": "s.a.*" }]);
    create(&api, "A", json!({ "sources": source, "subjects": ["own"] })).await;
    assert_eq!(subjects(&api, "A", 2).await, ["s.a.1", "s.a.2"]);
    publish_each(&api, &["s.b.2", "s.a.3", "s.c"]).await;
    assert_eq!(subjects(&api, "A", 3).await[2], "s.a.3");
    publish_each(&api, &["own"]).await;
    assert_eq!(subjects(&api, "A", 4).await[3], "own");
    if !server.offers(V2_10) {
        // One stream is one source there.
        return;
    }
    let sources = json!([
        { "name": "S", "filter_subject": "s.b.*" }, { "name": "S", "filter_subject": "s.c" },
    ]);
    create(&api, "BC", json!({ "sources": sources })).await;
    let mut found = subjects(&api, "BC", 4).await;
    found.sort();
    assert_eq!(found, ["s.b.1", "s.b.2", "s.c", "s.c"]);
}

async fn a_source_begins_where_it_is_told(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(4).await;
    let time = api.done("STREAM.MSG.GET.S", json!({ "seq": 3 })).await["message"]["time"].take();
    for (name, start) in [
        ("SEQ", json!({ "opt_start_seq": 3 })),
        ("TIME", json!({ "opt_start_time": time })),
    ] {
        let mut source = json!({ "name": "S" });
        super::merge(&mut source, start);
        create(&api, name, json!({ "sources": [source] })).await;
        assert_eq!(subjects(&api, name, 2).await, ["s.3", "s.4"], "{name}");
    }
}

async fn messages_are_renamed_as_they_are_taken(server: Server) {
    if !server.offers(V2_10) {
        return;
    }
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    publish_each(&api, &["s.a.1", "s.b.1", "s.c.1", "s.a.2"]).await;
    let rules = json!([
        { "src": "s.a.*", "dest": "n.{{wildcard(1)}}.x" }, { "src": "s.b.>", "dest": "" },
    ]);
    let source = json!([{ "name": "S", "subject_transforms": rules }]);
    create(&api, "T", json!({ "sources": source })).await;
    assert_eq!(subjects(&api, "T", 3).await, ["n.1.x", "s.b.1", "n.2.x"]);
    // They are found under their new names.
    let last = api
        .done("STREAM.MSG.GET.T", json!({ "last_by_subj": "n.*.x" }))
        .await;
    assert_eq!(last["message"]["seq"], 3);
}

async fn subjects_change_as_messages_arrive(server: Server) {
    if !server.offers(V2_10) {
        return;
    }
    let api = Api::new(&server).await;
    for (number, (rule, published, stored)) in [
        (
            json!({ "src": "s.*.*", "dest": "t.$2.$1" }),
            "s.a.b",
            "t.b.a",
        ),
        (
            json!({ "src": "s.*", "dest": "t.{{split(1,-)}}" }),
            "s.a-b-c",
            "t.a.b.c",
        ),
        (
            json!({ "src": "s.*", "dest": "t.{{splitfromleft(1,2)}}" }),
            "s.abcd",
            "t.ab.cd",
        ),
        (
            json!({ "src": "s.*", "dest": "t.{{slicefromleft(1,2)}}" }),
            "s.abcde",
            "t.ab.cd.e",
        ),
        (json!({ "src": "s.a", "dest": "t.b" }), "s.a", "t.b"),
        (json!({ "src": "s.a", "dest": "t.b" }), "s.c", "s.c"),
        (json!({ "src": ">", "dest": "t.>" }), "s.a.b", "t.s.a.b"),
    ]
    .into_iter()
    .enumerate()
    {
        api.stream(json!({ "subject_transform": rule })).await;
        assert_eq!(api.publish(published, &[]).await, Ok(1));
        assert_eq!(subjects(&api, "S", 1).await, [stored], "{number}: {rule}");
        api.done("STREAM.DELETE.S", json!({})).await;
    }
}

async fn what_is_taken_tells_where_it_comes_from(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.publish_as("s.a", "body", &[("Color", "blue")]).await;
    create(&api, "T", json!({ "sources": [{ "name": "S" }] })).await;
    let message = &messages(&api, "T", 1).await[0];
    assert_eq!(message["data"], STANDARD.encode("body"));
    let headers = STANDARD.decode(message["hdrs"].as_str().unwrap()).unwrap();
    let headers = String::from_utf8(headers).unwrap();
    assert!(headers.contains("\r\nColor: blue\r\n"), "{headers}");
    // Releases tell different things behind the stream and the sequence in it.
    assert!(headers.contains("\r\nNats-Stream-Source: S 1"), "{headers}");
}

async fn a_stream_that_comes_later_is_followed(server: Server) {
    let api = Api::new(&server).await;
    create(&api, "T", json!({ "sources": [{ "name": "S" }] })).await;
    api.stream(json!({})).await;
    api.fill(2).await;
    assert_eq!(subjects(&api, "T", 2).await, ["s.1", "s.2"]);
}

async fn streams_that_are_taken_from_are_described(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(3).await;
    let source = json!([{ "name": "S", "filter_subject": "s.*" }]);
    let answer = create(&api, "T", json!({ "sources": source })).await;
    assert_eq!(answer["config"]["sources"], source, "{answer}");
    assert!(answer["config"]["subjects"].is_null(), "{answer}");
    until("it has caught up", async || {
        let info = api.done("STREAM.INFO.T", json!({})).await;
        let source = &info["sources"][0];
        source["name"] == "S" && source["lag"] == 0 && info["state"]["messages"] == 3
    })
    .await;
}

async fn what_is_taken_leaves_a_stream_of_interest(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "interest" })).await;
    create(&api, "T", json!({ "sources": [{ "name": "S" }] })).await;
    let mut taken = 0;
    // Until the other server has set up its side, what is published is of no interest.
    until("messages are taken", async || {
        api.publish("s.a", &[]).await.unwrap();
        taken = api.done("STREAM.INFO.T", json!({})).await["state"]["messages"]
            .as_u64()
            .unwrap();
        taken > 0
    })
    .await;
    until("they are kept there alone", async || {
        api.state().await["messages"] == 0
    })
    .await;
}

async fn conditions_are_for_the_first_stream(server: Server) {
    if !server.offers(V2_10) {
        // 2.9 compares again.
        return;
    }
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    create(&api, "T", json!({ "sources": [{ "name": "S" }] })).await;
    for (name, value) in [
        ("Nats-Expected-Stream", "S"),
        ("Nats-Expected-Last-Sequence", "1"),
        ("Nats-Expected-Last-Subject-Sequence", "2"),
        ("Nats-Msg-Id", "id"),
    ] {
        api.publish("s.a", &[(name, value)]).await.unwrap();
    }
    assert_eq!(api.state().await["messages"], 4);
    // There, each of them is wrong.
    assert_eq!(messages(&api, "T", 4).await.len(), 4);
}

async fn sources_that_cannot_be(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let refused = async |sources: Value| {
        let body = json!({ "name": "T", "storage": "memory", "sources": sources }).to_string();
        api.refused("STREAM.CREATE.T", &body).await
    };
    assert_eq!(refused(json!([{ "name": "T" }])).await, (500, 10052));
    if !server.offers(V2_10) {
        return;
    }
    let rule = |source: &str, destination: &str| json!([{ "name": "S", "subject_transforms": [{ "src": source, "dest": destination }] }]);
    for (sources, expected) in [
        (json!([{ "name": "a.b" }]), (400, 10141)),
        (json!([{ "name": "S" }, { "name": "S" }]), (400, 10140)),
        (rule("s..a", "t"), (400, 10145)),
        (rule("s.*", "t.{{no(1)}}"), (400, 10146)),
        (rule("s.*", "t.{{wildcard(2)}}"), (400, 10146)),
    ] {
        assert_eq!(refused(sources.clone()).await, expected, "{sources}");
    }
}
