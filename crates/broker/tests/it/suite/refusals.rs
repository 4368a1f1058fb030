//! Requests that are refused, with the numbers that clients act on.

use serde_json::{Value, json};

use super::Api;
use crate::server::{Server, V2_10, V2_11, V2_15, behaviours};

behaviours!(
    streams_that_cannot_be,
    changes_of_streams_that_cannot_be,
    consumers_that_cannot_be,
    consumers_that_cannot_begin_there,
    negative_bounds_are_refused,
    consumers_whose_names_and_filters_disagree,
    changes_of_consumers_that_cannot_be,
    consumers_are_made_or_changed_as_asked,
    things_that_are_not_there,
    requests_that_are_not_understood,
    refused_lists_are_empty_lists,
);

async fn check(api: &Api, path: &str, body: &str, expected: (u64, u64)) {
    let found = api.refused(path, body).await;
    assert_eq!(found, expected, "{path} {body}");
}

async fn streams_that_cannot_be(server: Server) {
    let api = Api::new(&server).await;
    let taken = json!({ "name": "T", "subjects": ["t.>"] });
    api.done("STREAM.CREATE.T", taken).await;
    let invalid = (500, 10052);
    for (config, expected) in [
        (json!({ "name": "other" }), (400, 10056)),
        (json!({ "subjects": ["t.*"] }), (400, 10065)),
        (json!({ "subjects": ["t.x.y"] }), (400, 10065)),
        (json!({ "subjects": [""] }), invalid),
        (json!({ "subjects": ["x..y"] }), invalid),
        (json!({ "subjects": ["x y"] }), invalid),
        (json!({ "subjects": ["$JS.API.>"] }), invalid),
        (json!({ "subjects": ["a", "a"] }), invalid),
        (json!({ "retention": "nope" }), (400, 10025)),
        (json!({ "storage": "nope" }), (400, 10025)),
        (json!({ "discard": 7 }), (400, 10025)),
        (json!({ "max_age": -1 }), invalid),
        (json!({ "max_age": 1 }), invalid),
        (
            json!({ "max_age": super::SECOND, "duplicate_window": 2 * super::SECOND }),
            invalid,
        ),
        (json!({ "duplicate_window": -1 }), invalid),
        (json!({ "discard_new_per_subject": true }), invalid),
        (json!({ "num_replicas": 3 }), (500, 10074)),
        (json!({ "num_replicas": -1 }), (400, 10133)),
        (json!({ "num_replicas": 6 }), invalid),
        (json!({ "description": "x".repeat(5000) }), invalid),
        (json!({ "sealed": true }), invalid),
    ] {
        let mut body = json!({ "name": "S", "subjects": ["s"] });
        super::merge(&mut body, config);
        check(&api, "STREAM.CREATE.S", &body.to_string(), expected).await;
    }
    let long = "n".repeat(256);
    let body = json!({ "name": long }).to_string();
    check(&api, &format!("STREAM.CREATE.{long}"), &body, invalid).await;
    // The same name with another configuration.
    let body = json!({ "name": "T", "subjects": ["u"] }).to_string();
    check(&api, "STREAM.CREATE.T", &body, (400, 10058)).await;
    let names = api.done("STREAM.NAMES", json!({})).await;
    assert_eq!(names["streams"], json!(["T"]));
}

async fn changes_of_streams_that_cannot_be(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "deny_delete": true, "deny_purge": true }))
        .await;
    api.done("STREAM.CREATE.T", json!({ "name": "T" })).await;
    let invalid = (500, 10052);
    for (config, expected) in [
        (json!({ "name": "T" }), (400, 10056)),
        (json!({ "storage": "file" }), invalid),
        (json!({ "retention": "workqueue" }), invalid),
        (json!({ "subjects": ["T"] }), (400, 10065)),
        (json!({ "deny_delete": false }), invalid),
        (json!({ "deny_purge": false }), invalid),
    ] {
        let mut body = json!({
            "name": "S", "subjects": ["s.>"], "storage": "memory", "deny_delete": true, "deny_purge": true,
        });
        super::merge(&mut body, config);
        check(&api, "STREAM.UPDATE.S", &body.to_string(), expected).await;
    }
    check(
        &api,
        "STREAM.UPDATE.none",
        r#"{"name":"none"}"#,
        (404, 10059),
    )
    .await;
    api.fill(1).await;
    check(&api, "STREAM.MSG.DELETE.S", r#"{"seq":1}"#, (500, 10057)).await;
    check(&api, "STREAM.PURGE.S", "", (500, 10110)).await;
}

/// Expects that a consumer of the stream `S` with these options is refused.
async fn check_consumer(api: &Api, options: Value, expected: (u64, u64)) {
    let mut config = json!({ "ack_policy": "explicit" });
    super::merge(&mut config, options);
    let body = json!({ "stream_name": "S", "config": config }).to_string();
    check(api, "CONSUMER.CREATE.S", &body, expected).await;
}

async fn consumers_that_cannot_be(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let unread = (400, 10025);
    for (options, expected) in [
        (json!({ "deliver_subject": "x.*" }), (400, 10079)),
        (json!({ "deliver_subject": "s.x" }), (400, 10081)),
        (
            json!({ "deliver_subject": "x", "max_waiting": 1 }),
            (400, 10080),
        ),
        (
            json!({ "deliver_subject": "x", "max_ack_pending": 1, "ack_policy": "none" }),
            (400, 10082),
        ),
        (
            json!({ "deliver_subject": "x", "idle_heartbeat": 1 }),
            (400, 10083),
        ),
        (
            json!({ "deliver_subject": "x", "flow_control": true }),
            (400, 10108),
        ),
        (json!({ "idle_heartbeat": super::SECOND }), (400, 10088)),
        (json!({ "flow_control": true }), (400, 10089)),
        (json!({ "rate_limit_bps": 5 }), (400, 10086)),
        (json!({ "max_expires": 1 }), (400, 10115)),
        (
            json!({ "max_deliver": 1, "backoff": [1, 2, 3] }),
            (400, 10116),
        ),
        (json!({ "ack_policy": "nope" }), unread),
        (json!({ "deliver_policy": "nope" }), unread),
        (json!({ "replay_policy": "nope" }), unread),
        (json!({ "durable_name": "x" }), (400, 10020)),
        (json!({ "description": "x".repeat(5000) }), (400, 10107)),
        (json!({ "sample_freq": "nope" }), (400, 10095)),
        (json!({ "num_replicas": 3 }), (500, 10074)),
    ] {
        check_consumer(&api, options, expected).await;
    }
}

async fn consumers_that_cannot_begin_there(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    for options in [
        json!({ "deliver_policy": "by_start_sequence" }),
        json!({ "deliver_policy": "by_start_time" }),
        json!({ "deliver_policy": "last_per_subject" }),
        json!({ "opt_start_seq": 1 }),
        json!({ "opt_start_time": "2020-01-01T00:00:00Z" }),
        json!({ "deliver_policy": "new", "opt_start_seq": 1 }),
    ] {
        check_consumer(&api, options, (400, 10094)).await;
    }
}

async fn negative_bounds_are_refused(server: Server) {
    if server.offers(V2_15) {
        // Later releases take them for no bounds.
        return;
    }
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    check_consumer(&api, json!({ "max_waiting": -1 }), (400, 10087)).await;
    check_consumer(&api, json!({ "max_batch": -1 }), (400, 10114)).await;
}

async fn consumers_whose_names_and_filters_disagree(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let named = |name: &str, more: Value| {
        let mut config = json!({ "name": name, "ack_policy": "explicit" });
        super::merge(&mut config, more);
        json!({ "stream_name": "S", "config": config }).to_string()
    };
    let path = "CONSUMER.CREATE.S.n.s.x";
    check(
        &api,
        path,
        &named("n", json!({ "filter_subject": "s.y" })),
        (400, 10131),
    )
    .await;
    if server.offers(V2_10) {
        let path = "CONSUMER.CREATE.S.n";
        let filters = |filters: Value| named("n", json!({ "filter_subjects": filters }));
        check(&api, path, &filters(json!(["s.a", "s.*"])), (400, 10138)).await;
        check(&api, path, &filters(json!(["s.a", ""])), (400, 10139)).await;
        let both = json!({ "filter_subject": "s.b", "filter_subjects": ["s.a"] });
        check(&api, path, &named("n", both), (400, 10136)).await;
        let subjects = filters(json!(["s.a", "s.b"]));
        check(&api, "CONSUMER.CREATE.S.n.s.a", &subjects, (400, 10137)).await;
    }
    let durable =
        |name: &str| json!({ "stream_name": "S", "config": { "durable_name": name } }).to_string();
    check(
        &api,
        "CONSUMER.DURABLE.CREATE.S.d",
        &durable("e"),
        (400, 10017),
    )
    .await;
    let nameless = json!({ "stream_name": "S", "config": {} }).to_string();
    check(&api, "CONSUMER.DURABLE.CREATE.S.d", &nameless, (400, 10018)).await;
    let elsewhere = json!({ "stream_name": "T", "config": {} }).to_string();
    check(&api, "CONSUMER.CREATE.S", &elsewhere, (400, 10056)).await;
}

async fn changes_of_consumers_that_cannot_be(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    for change in [
        json!({ "ack_policy": "none" }),
        json!({ "deliver_policy": "new" }),
        json!({ "deliver_subject": "x" }),
        json!({ "max_waiting": 7 }),
    ] {
        let mut config = json!({ "durable_name": "c", "ack_policy": "explicit" });
        super::merge(&mut config, change);
        let body = json!({ "stream_name": "S", "config": config }).to_string();
        check(&api, "CONSUMER.DURABLE.CREATE.S.c", &body, (500, 10012)).await;
    }
}

async fn consumers_are_made_or_changed_as_asked(server: Server) {
    if !server.offers(V2_10) {
        // 2.9 takes no notice of the action.
        return;
    }
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let body = |action: &str, max_deliver: i64| {
        json!({
            "stream_name": "S", "action": action,
            "config": { "name": "n", "ack_policy": "explicit", "max_deliver": max_deliver, "inactive_threshold": 60 * super::SECOND },
        })
    };
    let path = "CONSUMER.CREATE.S.n";
    check(&api, path, &body("update", 3).to_string(), (400, 10149)).await;
    api.done(path, body("create", 3)).await;
    api.done(path, body("create", 3)).await;
    check(&api, path, &body("create", 4).to_string(), (400, 10148)).await;
    let found = api.done(path, body("update", 4)).await;
    assert_eq!(found["config"]["max_deliver"], 4);
    let found = api.done(path, body("", 5)).await;
    assert_eq!(found["config"]["max_deliver"], 5);
    check(&api, path, &body("nope", 5).to_string(), (400, 10025)).await;
}

async fn things_that_are_not_there(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(2).await;
    api.done("STREAM.MSG.DELETE.S", json!({ "seq": 1 })).await;
    let (no_stream, no_consumer, no_message) = ((404, 10059), (404, 10014), (404, 10037));
    for (path, body, expected) in [
        ("STREAM.INFO.none", "", no_stream),
        ("STREAM.DELETE.none", "", no_stream),
        ("STREAM.PURGE.none", "", no_stream),
        ("STREAM.MSG.GET.none", r#"{"seq":1}"#, no_stream),
        ("STREAM.MSG.DELETE.none", r#"{"seq":1}"#, no_stream),
        ("CONSUMER.NAMES.none", "", no_stream),
        ("CONSUMER.LIST.none", "", no_stream),
        ("CONSUMER.INFO.none.c", "", no_stream),
        ("CONSUMER.INFO.S.none", "", no_consumer),
        ("CONSUMER.DELETE.none.c", "", no_stream),
        ("CONSUMER.DELETE.S.none", "", no_consumer),
        ("STREAM.MSG.GET.S", r#"{"seq":1}"#, no_message),
        ("STREAM.MSG.GET.S", r#"{"seq":99}"#, no_message),
        (
            "STREAM.MSG.GET.S",
            r#"{"last_by_subj":"s.none"}"#,
            no_message,
        ),
        ("STREAM.MSG.DELETE.S", r#"{"seq":1}"#, (400, 10043)),
        ("STREAM.MSG.DELETE.S", r#"{"seq":99}"#, (400, 10043)),
    ] {
        check(&api, path, body, expected).await;
    }
    // A stream in files sees first whether there can be such a message.
    let config = json!({ "name": "F", "subjects": ["f"], "storage": "file" });
    api.done("STREAM.CREATE.F", config).await;
    for seq in 1..=4 {
        assert_eq!(api.publish("f", &[]).await, Ok(seq));
    }
    for seq in [1, 3] {
        api.done("STREAM.MSG.DELETE.F", json!({ "seq": seq })).await;
    }
    let failed = (500, 10057);
    for (seq, expected) in [(0, failed), (1, failed), (3, (400, 10043)), (5, failed)] {
        let body = json!({ "seq": seq }).to_string();
        check(&api, "STREAM.MSG.DELETE.F", &body, expected).await;
    }
    let body = json!({ "stream_name": "none", "config": { "durable_name": "c" } }).to_string();
    check(&api, "CONSUMER.DURABLE.CREATE.none.c", &body, no_stream).await;
    if !server.offers(V2_10) {
        // 2.9 listens for them, and says nothing.
        return;
    }
    // Nobody listens for consumers that are not there.
    let asked = api
        .client
        .request("$JS.API.CONSUMER.MSG.NEXT.S.none", "".into());
    let error = crate::server::within(asked).await.unwrap_err();
    assert_eq!(error.kind(), async_nats::RequestErrorKind::NoResponders);
}

async fn requests_that_are_not_understood(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let (unread, bad) = ((400, 10025), (400, 10003));
    for (path, body, expected) in [
        ("STREAM.CREATE.X", "nope", unread),
        ("STREAM.CREATE.X", "[]", unread),
        ("STREAM.UPDATE.S", "nope", unread),
        ("STREAM.MSG.GET.S", "nope", unread),
        ("STREAM.MSG.GET.S", "", bad),
        ("STREAM.MSG.GET.S", "{}", bad),
        ("STREAM.MSG.GET.S", r#"{"seq":1,"last_by_subj":"s.1"}"#, bad),
        ("STREAM.MSG.GET.S", r#"{"seq":-1}"#, unread),
        ("STREAM.MSG.DELETE.S", "", bad),
        ("STREAM.MSG.DELETE.S", "nope", unread),
        ("CONSUMER.CREATE.S", "nope", unread),
    ] {
        check(&api, path, body, expected).await;
    }
    if !server.offers(V2_15) {
        // Later releases take no notice of what they cannot read here.
        for path in [
            "STREAM.INFO.S",
            "STREAM.NAMES",
            "STREAM.LIST",
            "CONSUMER.LIST.S",
        ] {
            check(&api, path, "nope", unread).await;
        }
    }
    // The same, in the headers of a message.
    let publish = async |name, value| api.publish("s.x", &[(name, value)]).await;
    assert_eq!(publish("Nats-Expected-Stream", "T").await, Err(10060));
    if server.offers(V2_11) {
        assert_eq!(publish("Nats-TTL", "1s").await, Err(10166));
    }
    assert_eq!(publish("Nats-Rollup", "all").await, Err(10111));
    assert_eq!(api.state().await["messages"], 0);
}

async fn refused_lists_are_empty_lists(server: Server) {
    let api = Api::new(&server).await;
    for (path, kind) in [
        ("CONSUMER.NAMES.none", "consumer_names"),
        ("CONSUMER.LIST.none", "consumer_list"),
    ] {
        let found = api.ask(path, "").await;
        let error = json!({ "code": 404, "err_code": 10059, "description": "stream not found" });
        let expected = json!({
            "type": format!("io.nats.jetstream.api.v1.{kind}_response"), "error": error,
            "total": 0, "offset": 0, "limit": 0, "consumers": [],
        });
        assert_eq!(found, expected, "{path}");
    }
}
