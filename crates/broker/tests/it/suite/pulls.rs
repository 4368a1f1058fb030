//! Consumers that are asked for messages: work that is handed out, answered, and handed out again.

use async_nats::RequestErrorKind;
use futures::StreamExt;
use serde_json::json;

use super::{Api, MILLISECOND, SECOND, expect_silence};
use crate::server::{Server, V2_10, behaviours, until, within};

behaviours!(
    a_batch_is_filled_from_what_is_there_and_what_comes,
    a_request_ends_when_it_expires,
    a_request_keeps_its_consumer_as_long_as_it_waits,
    a_request_that_does_not_wait_says_so,
    a_request_ends_when_it_has_its_bytes,
    a_waiting_request_is_told_that_the_server_lives,
    requests_beyond_the_bounds_of_a_consumer_are_refused,
    requests_that_make_no_sense_are_refused,
    requests_are_served_in_turn,
    refused_messages_come_again_later,
    forgotten_messages_come_again,
    work_in_progress_is_not_handed_out_again,
    finished_messages_do_not_come_again,
    the_wait_grows_as_the_consumer_says,
    deliveries_have_an_end,
    messages_without_an_answer_are_bounded,
    answers_can_ask_for_more,
    answers_that_are_none_are_heard_and_change_nothing,
    answers_to_nobody_are_returned,
    one_answer_can_cover_all_before,
    filters_choose_messages,
    a_consumer_begins_where_it_is_told,
    headers_alone_can_be_asked_for,
    a_deleted_consumer_ends_its_requests,
);

async fn a_batch_is_filled_from_what_is_there_and_what_comes(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    api.fill(2).await;
    let mut messages = api.pull(json!({ "batch": 4 })).await;
    messages.expect([1, 2]).await;
    assert_eq!(api.consumer_info().await["num_waiting"], 1);
    for expected in 3..=5 {
        assert_eq!(api.publish("s.x", &[]).await, Ok(expected));
    }
    messages.expect([3, 4]).await;
    expect_silence(&mut messages.messages).await;
    let info = api.consumer_info().await;
    assert_eq!(
        [
            &info["num_waiting"],
            &info["num_pending"],
            &info["num_ack_pending"]
        ],
        [0, 1, 4]
    );
    // An empty request and a number are requests, too.
    api.pull_in_words("").await.expect([5]).await;
    let mut messages = api.pull_in_words("2").await;
    for expected in 6..=7 {
        assert_eq!(api.publish("s.x", &[]).await, Ok(expected));
    }
    messages.expect([6, 7]).await;
}

async fn a_request_ends_when_it_expires(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    api.fill(1).await;
    let mut messages = api
        .pull(json!({ "batch": 3, "expires": 50 * MILLISECOND }))
        .await;
    messages.expect([1]).await;
    let end = messages.next().await;
    assert_eq!(end.status.map(|status| status.as_u16()), Some(408));
    assert_eq!(end.description.as_deref(), Some("Request Timeout"));
    let headers = end.headers.unwrap();
    let text = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    assert_eq!(text("Nats-Pending-Messages").as_deref(), Some("2"));
    assert_eq!(text("Nats-Pending-Bytes").as_deref(), Some("0"));
    until("nobody waits", async || {
        api.consumer_info().await["num_waiting"] == 0
    })
    .await;
}

async fn a_request_keeps_its_consumer_as_long_as_it_waits(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "inactive_threshold": SECOND })).await;
    // The first waits for longer than nobody may use the consumer.
    for expires in [SECOND + 250 * MILLISECOND, 50 * MILLISECOND] {
        let mut messages = api.pull(json!({ "batch": 1, "expires": expires })).await;
        messages.expect_status(408, "Request Timeout").await;
        api.consumer_info().await;
    }
    until("it is gone", async || {
        api.ask("CONSUMER.INFO.S.c", "").await["error"]["err_code"] == 10014
    })
    .await;
}

async fn a_request_that_does_not_wait_says_so(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    api.fill(2).await;
    let request = json!({ "batch": 3, "no_wait": true });
    let mut messages = api.pull(request.clone()).await;
    messages.expect([1, 2]).await;
    let end = messages.next().await;
    let status = end.status.map(|status| status.as_u16());
    // It is told what it did not get, in one way or the other.
    assert!(matches!(status, Some(404 | 408)), "{end:?}");
    let mut messages = api.pull(request).await;
    messages.expect_status(404, "No Messages").await;
    // With a time limit, it waits for the first only.
    let request = json!({ "batch": 3, "no_wait": true, "expires": 10 * SECOND });
    let mut messages = api.pull(request).await;
    assert_eq!(api.publish("s.x", &[]).await, Ok(3));
    messages.expect([3]).await;
}

async fn a_request_ends_when_it_has_its_bytes(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    for _ in 0..3 {
        api.publish_as("s.a", &"x".repeat(500), &[]).await;
    }
    let mut messages = api
        .pull(json!({ "batch": 10, "max_bytes": 1500, "expires": 10 * SECOND }))
        .await;
    messages.expect([1, 2]).await;
    let end = messages.next().await;
    assert_eq!(end.status.map(|status| status.as_u16()), Some(409));
    assert_eq!(
        end.description.as_deref(),
        Some("Message Size Exceeds MaxBytes")
    );
    // One that fits nothing.
    let mut messages = api
        .pull(json!({ "batch": 10, "max_bytes": 100, "expires": 10 * SECOND }))
        .await;
    messages
        .expect_status(409, "Message Size Exceeds MaxBytes")
        .await;
}

async fn a_waiting_request_is_told_that_the_server_lives(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    let request = json!({ "batch": 1, "expires": 20 * SECOND, "idle_heartbeat": 50 * MILLISECOND });
    let mut messages = api.pull(request).await;
    for _ in 0..2 {
        messages.expect_status(100, "Idle Heartbeat").await;
    }
    api.publish("s.a", &[]).await.unwrap();
    loop {
        let message = messages.next().await;
        if message.status.is_none() {
            break;
        }
    }
    expect_silence(&mut messages.messages).await;
}

async fn requests_beyond_the_bounds_of_a_consumer_are_refused(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(
        json!({ "max_batch": 2, "max_expires": SECOND, "max_bytes": 100, "max_waiting": 1 }),
    )
    .await;
    for (request, text) in [
        (json!({ "batch": 3 }), "Exceeded MaxRequestBatch of 2"),
        (
            json!({ "batch": 1, "expires": 2 * SECOND }),
            "Exceeded MaxRequestExpires of 1s",
        ),
        (
            json!({ "batch": 1, "max_bytes": 101, "expires": SECOND }),
            "Exceeded MaxRequestMaxBytes of 100",
        ),
    ] {
        api.pull(request).await.expect_status(409, text).await;
    }
    let mut waiting = api.pull(json!({ "batch": 1, "expires": SECOND })).await;
    until("it waits", async || {
        api.consumer_info().await["num_waiting"] == 1
    })
    .await;
    api.pull(json!({ "batch": 1, "expires": SECOND }))
        .await
        .expect_status(409, "Exceeded MaxWaiting")
        .await;
    api.publish("s.a", &[]).await.unwrap();
    waiting.expect([1]).await;
}

async fn requests_that_make_no_sense_are_refused(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    for (request, text) in [
        (
            json!({ "batch": 1, "expires": SECOND, "idle_heartbeat": SECOND }).to_string(),
            "Bad Request - heartbeat value too large",
        ),
        (
            json!({ "batch": 1, "idle_heartbeat": SECOND }).to_string(),
            "Bad Request - heartbeat value too large",
        ),
    ] {
        api.pull_in_words(&request)
            .await
            .expect_status(400, text)
            .await;
    }
    if server.offers(V2_10) {
        // One that was over before it came; 2.9 may say so only when it looks again.
        api.publish("s.a", &[]).await.unwrap();
        api.pull(json!({ "batch": 1, "expires": -1 }))
            .await
            .expect_status(408, "Request Timeout")
            .await;
    }
    let end = api.pull_in_words("{").await.next().await;
    assert_eq!(end.status.map(|status| status.as_u16()), Some(400));
    let text = end.description.unwrap();
    assert!(text.starts_with("Bad Request - "), "{text}");
}

async fn requests_are_served_in_turn(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    let mut first = api.pull(json!({ "batch": 2 })).await;
    until("the first waits", async || {
        api.consumer_info().await["num_waiting"] == 1
    })
    .await;
    let mut second = api.pull(json!({ "batch": 2 })).await;
    until("both wait", async || {
        api.consumer_info().await["num_waiting"] == 2
    })
    .await;
    api.fill(4).await;
    first.expect([1, 3]).await;
    second.expect([2, 4]).await;
    // A request whose client went away is passed over.
    let gone = api.pull(json!({ "batch": 1 })).await;
    until("it waits", async || {
        api.consumer_info().await["num_waiting"] == 1
    })
    .await;
    drop(gone);
    crate::server::settled(&api.client).await;
    let mut staying = api.pull(json!({ "batch": 1 })).await;
    assert_eq!(api.publish("s.x", &[]).await, Ok(5));
    staying.expect([5]).await;
}

async fn refused_messages_come_again_later(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    api.fill(2).await;
    let mut messages = api.pull(json!({ "batch": 10 })).await;
    let (_, delivered, first) = messages.message().await;
    assert_eq!(delivered, 1);
    let (_, _, second) = messages.message().await;
    messages
        .answer(&first, &format!("-NAK {{\"delay\":{}}}", 150 * MILLISECOND))
        .await;
    messages.answer(&second, "-NAK").await;
    // The one without a delay overtakes the other.
    for (expected, answer) in [(2, "+ACK"), (1, "+ACK")] {
        let (sequence, delivered, message) = messages.message().await;
        assert_eq!((sequence, delivered), (expected, 2));
        messages.settle(&message, answer).await;
    }
    let info = api.consumer_info().await;
    assert_eq!([&info["num_ack_pending"], &info["num_redelivered"]], [0, 0]);
}

async fn forgotten_messages_come_again(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "ack_wait": 100 * MILLISECOND })).await;
    api.fill(2).await;
    let mut messages = api.pull(json!({ "batch": 4 })).await;
    messages.expect([1, 2]).await;
    for expected in [1, 2] {
        let (sequence, delivered, message) = messages.message().await;
        assert_eq!((sequence, delivered), (expected, 2));
        messages.settle(&message, "").await;
    }
    assert_eq!(api.consumer_info().await["ack_floor"]["stream_seq"], 2);
}

async fn work_in_progress_is_not_handed_out_again(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "ack_wait": 300 * MILLISECOND })).await;
    api.fill(1).await;
    let mut messages = api.pull(json!({ "batch": 2 })).await;
    let (_, _, message) = messages.message().await;
    let mut beat = tokio::time::interval(std::time::Duration::from_millis(50));
    // For longer than the wait, work is reported and nothing comes.
    for _ in 0..10 {
        beat.tick().await;
        messages.answer(&message, "+WPI").await;
        crate::server::settled(&api.client).await;
    }
    assert_eq!(api.consumer_info().await["num_redelivered"], 0);
    // And once no more is heard of it, it does.
    let (sequence, delivered, _) = messages.message().await;
    assert_eq!((sequence, delivered), (1, 2));
}

async fn finished_messages_do_not_come_again(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "ack_wait": 100 * MILLISECOND })).await;
    let mut advisories = api
        .client
        .subscribe("$JS.EVENT.ADVISORY.CONSUMER.>")
        .await
        .unwrap();
    api.fill(3).await;
    let mut messages = api.pull(json!({ "batch": 10 })).await;
    for answer in ["+ACK", "+TERM", "+OK"] {
        let (_, _, message) = messages.message().await;
        messages.settle(&message, answer).await;
    }
    let info = api.consumer_info().await;
    assert_eq!(info["ack_floor"]["stream_seq"], 3);
    let advisory = within(advisories.next()).await.unwrap();
    assert_eq!(
        advisory.subject.as_str(),
        "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.c"
    );
    let advisory: serde_json::Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(advisory["type"], "io.nats.jetstream.advisory.v1.terminated");
    assert_eq!([&advisory["stream_seq"], &advisory["deliveries"]], [2, 1]);
}

async fn the_wait_grows_as_the_consumer_says(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let waits = [60 * MILLISECOND, 120 * MILLISECOND];
    api.consumer(json!({ "backoff": waits, "max_deliver": 4 }))
        .await;
    api.fill(1).await;
    let begun = std::time::Instant::now();
    let mut messages = api.pull(json!({ "batch": 10 })).await;
    let mut due = 0;
    for (expected, wait) in [(1, 0), (2, waits[0]), (3, waits[1]), (4, waits[1])] {
        let (_, delivered, _) = messages.message().await;
        assert_eq!(delivered, expected);
        // Never before its time; a busy machine may take longer.
        due += wait;
        let waited = u64::try_from(begun.elapsed().as_nanos()).unwrap();
        assert!(waited >= due, "{waited} ns before delivery {delivered}");
    }
}

async fn deliveries_have_an_end(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "ack_wait": 60 * MILLISECOND, "max_deliver": 2 }))
        .await;
    let mut advisories = api
        .client
        .subscribe("$JS.EVENT.ADVISORY.CONSUMER.>")
        .await
        .unwrap();
    api.fill(1).await;
    let mut messages = api.pull(json!({ "batch": 10 })).await;
    for expected in 1..=2 {
        let (_, delivered, _) = messages.message().await;
        assert_eq!(delivered, expected);
    }
    let advisory = within(advisories.next()).await.unwrap();
    assert_eq!(
        advisory.subject.as_str(),
        "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.c"
    );
    let advisory: serde_json::Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(
        advisory["type"],
        "io.nats.jetstream.advisory.v1.max_deliver"
    );
    assert_eq!([&advisory["stream_seq"], &advisory["deliveries"]], [1, 2]);
    assert_eq!(api.publish("s.x", &[]).await, Ok(2));
    messages.expect([2]).await;
}

async fn messages_without_an_answer_are_bounded(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "max_ack_pending": 2 })).await;
    api.fill(4).await;
    let mut messages = api.pull(json!({ "batch": 10 })).await;
    let (_, _, first) = messages.message().await;
    messages.expect([2]).await;
    expect_silence(&mut messages.messages).await;
    messages.answer(&first, "+ACK").await;
    messages.expect([3]).await;
    expect_silence(&mut messages.messages).await;
}

async fn answers_can_ask_for_more(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    api.fill(4).await;
    let mut messages = api.pull(json!({ "batch": 1 })).await;
    let (_, _, message) = messages.message().await;
    // The next messages come to where the answer says.
    let inbox = api.client.new_inbox();
    let more = api.client.subscribe(inbox.clone()).await.unwrap();
    api.client
        .publish_with_reply(message.reply.unwrap(), inbox, "+NXT {\"batch\":2}".into())
        .await
        .unwrap();
    let mut more = super::Deliveries {
        client: api.client.clone(),
        messages: more,
    };
    more.expect([2, 3]).await;
    assert_eq!(api.consumer_info().await["ack_floor"]["stream_seq"], 1);
}

async fn answers_that_are_none_are_heard_and_change_nothing(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "ack_wait": 200 * MILLISECOND })).await;
    api.fill(1).await;
    let mut messages = api.pull(json!({ "batch": 2 })).await;
    let (_, _, message) = messages.message().await;
    messages.settle(&message, "what?").await;
    assert_eq!(api.consumer_info().await["ack_floor"]["stream_seq"], 0);
    let (sequence, delivered, _) = messages.message().await;
    assert_eq!((sequence, delivered), (1, 2));
}

async fn answers_to_nobody_are_returned(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "ack_policy": "none" })).await;
    let mut subjects = vec![
        "$JS.ACK.S.none.1.1.1.1.0",
        "$JS.ACK.none.c.1.1.1.1.0",
        "$JS.ACK.S.c",
        "$JS.FC.S.c.x",
        "$JS.FC.none",
    ];
    if server.offers(V2_10) {
        // 2.9 hears also what it did not ask for.
        subjects.push("$JS.ACK.S.c.1.1.1.1.0");
    }
    for subject in subjects {
        let asked = within(api.client.request(subject, "".into())).await;
        let error = asked.unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::NoResponders, "{subject}");
    }
}

async fn one_answer_can_cover_all_before(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "ack_policy": "all" })).await;
    api.fill(4).await;
    let mut messages = api.pull(json!({ "batch": 4 })).await;
    messages.expect([1, 2]).await;
    let (_, _, third) = messages.message().await;
    messages.settle(&third, "+ACK").await;
    let info = api.consumer_info().await;
    assert_eq!(
        [&info["ack_floor"]["stream_seq"], &info["num_ack_pending"]],
        [3, 1]
    );
}

async fn filters_choose_messages(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    for subject in ["s.a", "s.b", "s.a.1", "s.c", "s.a"] {
        api.publish(subject, &[]).await.unwrap();
    }
    let mut filters = vec![
        (json!({ "filter_subject": "s.a" }), vec![1, 5]),
        (json!({ "filter_subject": "s.*" }), vec![1, 2, 4, 5]),
        (json!({ "filter_subject": "s.a.>" }), vec![3]),
        (json!({ "filter_subject": "s.>" }), vec![1, 2, 3, 4, 5]),
    ];
    if server.offers(V2_10) {
        filters.push((json!({ "filter_subjects": ["s.b", "s.a.*"] }), vec![2, 3]));
    }
    for (filter, expected) in filters {
        let answer = api.consumer(filter.clone()).await;
        assert_eq!(answer["num_pending"], expected.len(), "{filter}");
        let mut messages = api.pull(json!({ "batch": 10, "no_wait": true })).await;
        messages.expect(expected).await;
        assert!(messages.next().await.status.is_some());
        assert_eq!(api.consumer_info().await["num_pending"], 0);
        api.done("CONSUMER.DELETE.S.c", json!({})).await;
    }
}

async fn a_consumer_begins_where_it_is_told(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    for subject in ["s.a", "s.b", "s.a", "s.c"] {
        api.publish(subject, &[]).await.unwrap();
    }
    let time = api.done("STREAM.MSG.GET.S", json!({ "seq": 3 })).await["message"]["time"].take();
    for (config, expected) in [
        (json!({ "deliver_policy": "all" }), vec![1, 2, 3, 4]),
        (json!({ "deliver_policy": "last" }), vec![4]),
        (json!({ "deliver_policy": "new" }), vec![]),
        (
            json!({ "deliver_policy": "by_start_sequence", "opt_start_seq": 2 }),
            vec![2, 3, 4],
        ),
        (
            json!({ "deliver_policy": "by_start_sequence", "opt_start_seq": 99 }),
            vec![],
        ),
        (
            json!({ "deliver_policy": "by_start_time", "opt_start_time": time }),
            vec![3, 4],
        ),
        (
            json!({ "deliver_policy": "by_start_time", "opt_start_time": "2020-01-01T00:00:00Z" }),
            vec![1, 2, 3, 4],
        ),
        (
            json!({ "deliver_policy": "last_per_subject", "filter_subject": "s.*" }),
            vec![2, 3, 4],
        ),
        (
            json!({ "deliver_policy": "last", "filter_subject": "s.a" }),
            vec![3],
        ),
    ] {
        let answer = api.consumer(config.clone()).await;
        assert_eq!(answer["num_pending"], expected.len(), "{config}");
        let mut messages = api.pull(json!({ "batch": 10, "no_wait": true })).await;
        messages.expect(expected).await;
        assert!(messages.next().await.status.is_some(), "{config}");
        api.done("CONSUMER.DELETE.S.c", json!({})).await;
    }
}

async fn headers_alone_can_be_asked_for(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({ "headers_only": true })).await;
    api.publish_as("s.a", "12345", &[("Color", "blue")]).await;
    api.publish_as("s.a", "123", &[]).await;
    let mut messages = api.pull(json!({ "batch": 2 })).await;
    for (size, color) in [("5", Some("blue")), ("3", None)] {
        let (_, _, message) = messages.message().await;
        assert_eq!(message.payload, "");
        let headers = message.headers.unwrap();
        assert_eq!(headers.get("Nats-Msg-Size").unwrap().as_str(), size);
        assert_eq!(headers.get("Color").map(|color| color.as_str()), color);
    }
}

async fn a_deleted_consumer_ends_its_requests(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    for path in ["CONSUMER.DELETE.S.c", "STREAM.DELETE.S"] {
        api.stream(json!({})).await;
        api.consumer(json!({})).await;
        let mut messages = api
            .pull(json!({ "batch": 1, "expires": 20 * SECOND }))
            .await;
        until("it waits", async || {
            api.consumer_info().await["num_waiting"] == 1
        })
        .await;
        api.done(path, json!({})).await;
        messages.expect_status(409, "Consumer Deleted").await;
    }
}
