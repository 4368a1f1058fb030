//! What streams keep, and what they let go.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Api, SECOND};
use crate::server::{Server, V2_10, behaviours, until};

behaviours!(
    the_oldest_messages_make_room,
    a_full_stream_that_discards_new_messages_refuses_them,
    each_subject_may_be_full_by_itself,
    messages_expire,
    messages_that_are_too_large_are_refused,
    a_sequence_can_begin_later,
    messages_are_found_by_subject,
    direct_answers_tell_what_is_wrong,
    purges_take_what_was_asked_for,
    subjects_are_counted,
    a_sealed_stream_stays_as_it_is,
    a_silent_stream_acknowledges_nothing,
    a_stream_loses_what_no_longer_fits,
    a_stream_can_move_to_other_subjects,
);

/// The sequences that the stream holds.
async fn kept(api: &Api) -> Vec<u64> {
    let state = api
        .done("STREAM.INFO.S", json!({ "deleted_details": true }))
        .await["state"]
        .take();
    let number = |name: &str| state[name].as_u64().unwrap();
    let deleted: Vec<u64> = serde_json::from_value(state["deleted"].clone()).unwrap_or_default();
    let kept: Vec<u64> = (number("first_seq")..=number("last_seq"))
        .filter(|seq| !deleted.contains(seq))
        .collect();
    assert_eq!(kept.len() as u64, number("messages"), "{state}");
    kept
}

async fn publish_each(api: &Api, subjects: &[&str]) {
    for subject in subjects {
        api.publish(subject, &[]).await.unwrap();
    }
}

async fn the_oldest_messages_make_room(server: Server) {
    let api = Api::new(&server).await;
    for (limits, expected) in [
        (json!({ "max_msgs": 2 }), vec![4, 5]),
        (json!({ "max_msgs_per_subject": 1 }), vec![4, 5]),
        (json!({ "max_msgs_per_subject": 2 }), vec![2, 3, 4, 5]),
        (json!({ "max_msgs_per_subject": 1, "max_msgs": 1 }), vec![5]),
    ] {
        api.stream(limits.clone()).await;
        publish_each(&api, &["s.a", "s.a", "s.b", "s.a", "s.b"]).await;
        assert_eq!(kept(&api).await, expected, "{limits}");
        api.done("STREAM.DELETE.S", json!({})).await;
    }
    // By size: each counts with its subject and some more.
    api.stream(json!({ "max_bytes": 100 })).await;
    publish_each(&api, &["s.a"; 20]).await;
    let state = api.state().await;
    assert!(state["bytes"].as_u64().unwrap() <= 100, "{state}");
    assert_eq!(state["last_seq"], 20);
    assert!(state["messages"].as_u64().unwrap() >= 2, "{state}");
}

async fn a_full_stream_that_discards_new_messages_refuses_them(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "max_msgs": 2, "discard": "new" })).await;
    publish_each(&api, &["s.a", "s.b"]).await;
    let found = api.publish_as("s.c", "x", &[]).await;
    let error =
        json!({ "code": 503, "err_code": 10077, "description": "maximum messages exceeded" });
    assert_eq!(found, json!({ "error": error, "stream": "S", "seq": 0 }));
    assert_eq!(kept(&api).await, [1, 2]);
    api.done("STREAM.MSG.DELETE.S", json!({ "seq": 1 })).await;
    assert_eq!(api.publish("s.c", &[]).await, Ok(3));

    api.done("STREAM.DELETE.S", json!({})).await;
    api.stream(json!({ "max_bytes": 60, "discard": "new" }))
        .await;
    let mut error = json!(null);
    // Releases count differently what a message adds.
    for _ in 0..10 {
        error = api.publish_as("s.c", "x", &[]).await["error"].take();
        if !error.is_null() {
            break;
        }
    }
    assert_eq!(error["description"], "maximum bytes exceeded");
}

async fn each_subject_may_be_full_by_itself(server: Server) {
    let api = Api::new(&server).await;
    let limits =
        json!({ "max_msgs_per_subject": 1, "discard": "new", "discard_new_per_subject": true });
    api.stream(limits).await;
    publish_each(&api, &["s.a", "s.b"]).await;
    let found = api.publish_as("s.a", "x", &[]).await;
    let error = json!({ "code": 503, "err_code": 10077, "description": "maximum messages per subject exceeded" });
    assert_eq!(found["error"], error);
    assert_eq!(kept(&api).await, [1, 2]);
}

async fn messages_expire(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "max_age": SECOND / 4, "duplicate_window": SECOND / 4 }))
        .await;
    publish_each(&api, &["s.a", "s.b"]).await;
    until("all messages expired", async || {
        api.state().await["messages"] == 0
    })
    .await;
    let state = api.state().await;
    // The stream goes on where it was.
    assert_eq!(
        (&state["first_seq"], &state["last_seq"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(api.publish("s.a", &[]).await, Ok(3));
}

async fn messages_that_are_too_large_are_refused(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "max_msg_size": 10 })).await;
    let found = api.publish_as("s.a", "12345678901", &[]).await;
    let error = json!({ "code": 400, "err_code": 10054, "description": "message size exceeds maximum allowed" });
    assert_eq!(found["error"], error);
    // Headers count.
    let found = api.publish_as("s.a", "1", &[("A", "b")]).await;
    assert_eq!(found["error"], error);
    assert_eq!(api.publish_as("s.a", "1234567890", &[]).await["seq"], 1);
}

async fn a_sequence_can_begin_later(server: Server) {
    if !server.offers(V2_10) {
        return;
    }
    let api = Api::new(&server).await;
    let answer = api.stream(json!({ "first_seq": 100 })).await;
    assert_eq!(answer["state"]["first_seq"], 100);
    assert_eq!(answer["state"]["last_seq"], 99);
    assert_eq!(api.publish("s.a", &[]).await, Ok(100));
}

async fn messages_are_found_by_subject(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "allow_direct": true })).await;
    publish_each(&api, &["s.a", "s.b", "s.a", "s.c", "s.a"]).await;
    for (request, expected) in [
        (json!({ "seq": 4 }), Some(4)),
        (json!({ "last_by_subj": "s.a" }), Some(5)),
        (json!({ "last_by_subj": "s.*" }), Some(5)),
        (json!({ "last_by_subj": "s.b" }), Some(2)),
        (json!({ "last_by_subj": "s.z" }), None),
        (json!({ "next_by_subj": "s.a" }), Some(1)),
        (json!({ "seq": 2, "next_by_subj": "s.a" }), Some(3)),
        (json!({ "seq": 4, "next_by_subj": "s.*" }), Some(4)),
        (json!({ "seq": 6, "next_by_subj": "s.a" }), None),
    ] {
        let body = request.to_string();
        let answer = api.ask("STREAM.MSG.GET.S", &body).await;
        assert_eq!(answer["message"]["seq"].as_u64(), expected, "{request}");
        let answer = api
            .client
            .request("$JS.API.DIRECT.GET.S", body.into())
            .await
            .unwrap();
        let headers = answer.headers.unwrap_or_default();
        let found = headers.get("Nats-Sequence");
        let found = found.map(|seq| seq.as_str().parse().unwrap());
        assert_eq!(found, expected, "{request}");
    }
}

async fn direct_answers_tell_what_is_wrong(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "allow_direct": true })).await;
    publish_each(&api, &["s.a"]).await;
    for (path, body, status, text) in [
        ("S", r#"{"seq":9}"#, 404, "Message Not Found"),
        ("S.s.z", "", 404, "Message Not Found"),
        ("S", "", 408, "Empty Request"),
        ("S", "{}", 408, "Empty Request"),
        ("S", "nope", 408, "Malformed Request"),
        ("S", r#"{"seq":1,"last_by_subj":"s.a"}"#, 408, "Bad Request"),
    ] {
        let subject = format!("$JS.API.DIRECT.GET.{path}");
        let answer = api.client.request(subject, body.into()).await.unwrap();
        let found = answer.status.map(|status| status.as_u16());
        assert_eq!(
            (found, answer.description.as_deref()),
            (Some(status), Some(text)),
            "{path} {body}"
        );
        assert_eq!(answer.payload, "");
    }
    if !server.offers(V2_10) {
        // 2.9 listens for all streams, and says nothing.
        return;
    }
    // A stream that does not answer directly is not asked.
    api.done("STREAM.CREATE.T", json!({ "name": "T" })).await;
    let asked = api
        .client
        .request("$JS.API.DIRECT.GET.T", r#"{"seq":1}"#.into());
    let error = asked.await.unwrap_err();
    assert_eq!(error.kind(), async_nats::RequestErrorKind::NoResponders);
}

async fn purges_take_what_was_asked_for(server: Server) {
    let api = Api::new(&server).await;
    for (request, purged, expected) in [
        (json!({}), 6, vec![]),
        (json!({ "filter": "s.a" }), 3, vec![2, 4, 6]),
        (json!({ "filter": "s.*" }), 6, vec![]),
        (json!({ "filter": "s.z" }), 0, vec![1, 2, 3, 4, 5, 6]),
        (json!({ "seq": 4 }), 3, vec![4, 5, 6]),
        (json!({ "keep": 2 }), 4, vec![5, 6]),
        (json!({ "keep": 99 }), 0, vec![1, 2, 3, 4, 5, 6]),
        (json!({ "filter": "s.a", "keep": 1 }), 2, vec![2, 4, 5, 6]),
        (json!({ "filter": "s.a", "seq": 4 }), 2, vec![2, 4, 5, 6]),
    ] {
        api.stream(json!({})).await;
        publish_each(&api, &["s.a", "s.b", "s.a", "s.b", "s.a", "s.c"]).await;
        let answer = api.done("STREAM.PURGE.S", request.clone()).await;
        assert_eq!(answer["purged"], purged, "{request}");
        assert_eq!(kept(&api).await, expected, "{request}");
        // What is gone leaves no gap in the numbers.
        assert_eq!(api.publish("s.a", &[]).await, Ok(7), "{request}");
        api.done("STREAM.DELETE.S", json!({})).await;
    }
    api.stream(json!({})).await;
    let both = r#"{"seq":4,"keep":1}"#;
    assert_eq!(api.refused("STREAM.PURGE.S", both).await, (400, 10003));
}

async fn subjects_are_counted(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    publish_each(&api, &["s.a", "s.b.1", "s.b.2", "s.a"]).await;
    for (filter, expected) in [
        (">", json!({ "s.a": 2, "s.b.1": 1, "s.b.2": 1 })),
        ("s.b.*", json!({ "s.b.1": 1, "s.b.2": 1 })),
        ("s.a", json!({ "s.a": 2 })),
        ("s.z", Value::Null),
    ] {
        let answer = api
            .done("STREAM.INFO.S", json!({ "subjects_filter": filter }))
            .await;
        assert_eq!(answer["state"]["subjects"], expected, "{filter}");
        assert_eq!(answer["state"]["num_subjects"], 3);
    }
}

async fn a_sealed_stream_stays_as_it_is(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(2).await;
    let sealed = json!({ "name": "S", "subjects": ["s.>"], "storage": "memory", "sealed": true });
    let answer = api.done("STREAM.UPDATE.S", sealed).await;
    for name in ["sealed", "deny_delete", "deny_purge"] {
        assert_eq!(answer["config"][name], true, "{name}");
    }
    assert_eq!(api.publish("s.x", &[]).await, Err(10109));
    let found = api.refused("STREAM.MSG.DELETE.S", r#"{"seq":1}"#).await;
    assert_eq!(found.1, 10109);
    assert_eq!(api.refused("STREAM.PURGE.S", "").await.1, 10109);
    assert_eq!(kept(&api).await, [1, 2]);
}

async fn a_silent_stream_acknowledges_nothing(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "no_ack": true })).await;
    let inbox = api.client.new_inbox();
    let mut answers = api.client.subscribe(inbox.clone()).await.unwrap();
    api.client
        .publish_with_reply("s.a", inbox, "x".into())
        .await
        .unwrap();
    until("it is stored", async || api.state().await["messages"] == 1).await;
    super::expect_silence(&mut answers).await;
}

async fn a_stream_loses_what_no_longer_fits(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(5).await;
    let config = json!({ "name": "S", "subjects": ["s.>"], "storage": "memory", "max_msgs": 2 });
    let answer = api.done("STREAM.UPDATE.S", config).await;
    assert_eq!(answer["config"]["max_msgs"], 2);
    until("it has shrunk", async || kept(&api).await == [4, 5]).await;
}

async fn a_stream_can_move_to_other_subjects(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(1).await;
    let config = json!({ "name": "S", "subjects": ["t.*", "u"], "storage": "memory" });
    api.done("STREAM.UPDATE.S", config).await;
    assert_eq!(api.publish("u", &[]).await, Ok(2));
    // Nobody is there for the old ones.
    let asked = tokio::time::timeout(Duration::from_secs(5), api.client.request("s.1", "".into()));
    assert!(asked.await.unwrap().is_err());
    assert_eq!(kept(&api).await, [1, 2]);
}
