use super::*;
use crate::jetstream::clock::{Nanos, Tick};
use crate::jetstream::config::{StreamConfig, parse_object};
use crate::jetstream::stream::{
    self, Publish, PublishHeaders, Purge, Remove, Scan, Sender, Stream,
};

const SECOND: Nanos = 1_000_000_000;

/// A stream with one consumer, wired as the engine wires them.
struct Fixture {
    stream: Stream,
    consumer: Consumer,
    time: i64,
}

impl Fixture {
    fn new(stream: &str, before: &[&str], consumer: &str) -> Self {
        let json = format!(r#"{{"name":"S","subjects":["a.>"]{stream}}}"#);
        let config = StreamConfig::parse(parse_object(json.as_bytes()).unwrap()).unwrap();
        let mut stream = Stream::new(config.checked().unwrap(), WallTime(1));
        let now = at(SECOND);
        for subject in before {
            stream.step(now, publish(subject));
        }
        let object = parse_object(format!("{{{consumer}}}").as_bytes()).unwrap();
        let config = ConsumerConfig::parse(object)
            .unwrap()
            .checked(stream.config())
            .unwrap();
        let consumer = Consumer::new(now, "S".into(), "C".into(), config, stream.index());
        Self {
            stream,
            consumer,
            time: SECOND,
        }
    }

    /// A push consumer that somebody listens to.
    fn pushed(before: &[&str], options: &str) -> Self {
        let options = format!(r#""deliver_subject":"in"{options}"#);
        let mut fixture = Self::new("", before, &options);
        fixture.listen(true);
        fixture
    }

    fn listen(&mut self, is_present: bool) -> Vec<Effect> {
        self.step(Input::Interest {
            subject: b"in",
            is_present,
        })
    }

    fn step(&mut self, input: Input<'_>) -> Vec<Effect> {
        let mut effects = self
            .consumer
            .step(at(self.time), self.stream.index(), input);
        while let Some(at_ready) = effects.iter().position(|effect| *effect == Effect::Ready) {
            effects.remove(at_ready);
            effects.extend(
                self.consumer
                    .step(at(self.time), self.stream.index(), Input::Poll),
            );
        }
        effects.retain(|effect| *effect != Effect::Save);
        self.check_invariants();
        effects
    }

    fn publish(&mut self, subject: &str) -> Vec<Effect> {
        self.change(publish(subject))
    }

    fn change(&mut self, input: stream::Input<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for effect in self.stream.step(at(self.time), input) {
            let subject = match &effect {
                stream::Effect::Store(stored) => &stored.subject,
                stream::Effect::Forget { remains, .. } => &remains.subject,
                stream::Effect::ForgetAll { .. } => {
                    effects.extend(self.step(Input::Purged));
                    continue;
                }
                stream::Effect::Skip | stream::Effect::Outcome(_) => continue,
            };
            if self.consumer.filters.matches(subject) {
                effects.extend(match effect {
                    stream::Effect::Forget { seq, .. } => self.step(Input::Removed { seq }),
                    _ => self.step(Input::Stored),
                });
            }
        }
        effects
    }

    fn pull(&mut self, body: &str) -> Vec<Effect> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let reply = Bytes::from_static(b"inbox");
        self.step(Input::Pull(Pull { reply, body }))
    }

    fn ack(&mut self, seq: u64, body: &str) -> Vec<Effect> {
        let subject = format!("$JS.ACK.S.C.1.{seq}.{seq}.0.0");
        let body = Bytes::copy_from_slice(body.as_bytes());
        let (_, _, ack) = Ack::parse(subject.as_bytes(), &body, None).unwrap();
        self.step(Input::Ack(ack))
    }

    fn after(&mut self, nanos: Nanos) -> Vec<Effect> {
        self.time += nanos;
        self.step(Input::Tick)
    }

    fn check_invariants(&self) {
        let consumer = &self.consumer;
        let listed = consumer
            .skip
            .as_ref()
            .map_or(0, |skip| skip.seqs.len() as u64);
        let from = match &consumer.skip {
            Some(skip) => consumer.next.max(skip.upto + 1),
            None => consumer.next,
        };
        let left = listed + self.stream.index().count_from(from, &consumer.filters);
        assert_eq!(
            consumer.num_pending, left,
            "pending messages are counted exactly"
        );
        assert!(consumer.floor.stream <= consumer.delivered.stream);
        assert!(consumer.floor.consumer <= consumer.delivered.consumer);
        let queued = consumer.acks.redelivery_len();
        assert!(queued <= consumer.acks.len());
    }
}

fn at(time: i64) -> Now {
    Now {
        wall: WallTime(time),
        tick: Tick(time),
    }
}

fn publish(subject: &str) -> stream::Input<'_> {
    stream::Input::Publish(Publish {
        subject: subject.as_bytes(),
        headers: PublishHeaders::default(),
        header_len: 0,
        body_len: 10,
        sender: Sender::Publisher,
        is_wanted: true,
    })
}

/// What went out, as `subject <- sequence (deliveries/consumer sequence/pending)` or the status line.
fn sent(effects: &[Effect]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Deliver(delivery) => {
                let tokens: Vec<&str> = delivery.reply.split('.').collect();
                assert_eq!(tokens[..4], ["$JS", "ACK", "S", "C"]);
                assert_eq!(tokens[5], delivery.seq.to_string());
                Some(format!(
                    "{} ({}/{}/{})",
                    delivery.seq, tokens[4], tokens[6], tokens[8]
                ))
            }
            Effect::Status { block, .. } => {
                let line = text(block);
                Some(line.lines().next().unwrap_or_default().to_owned())
            }
            _ => None,
        })
        .collect()
}

#[test]
fn each_policy_begins_where_it_says() {
    let check = |policy: &str, expected: &[&str]| {
        let options = format!(r#""deliver_subject":"in"{policy}"#);
        let mut fixture = Fixture::new("", &["a.x", "a.y", "a.x"], &options);
        assert_eq!(sent(&fixture.listen(true)), expected, "{policy}");
    };
    check("", &["1 (1/1/2)", "2 (1/2/1)", "3 (1/3/0)"]);
    check(r#","deliver_policy":"new""#, &[]);
    check(r#","deliver_policy":"last""#, &["3 (1/1/0)"]);
    check(
        r#","deliver_policy":"last","filter_subject":"a.y""#,
        &["2 (1/1/0)"],
    );
    check(
        r#","deliver_policy":"last_per_subject","filter_subject":"a.>""#,
        &["2 (1/1/1)", "3 (1/2/0)"],
    );
    check(
        r#","deliver_policy":"by_start_sequence","opt_start_seq":2"#,
        &["2 (1/1/1)", "3 (1/2/0)"],
    );
    check(
        r#","deliver_policy":"by_start_sequence","opt_start_seq":99"#,
        &[],
    );
    check(
        r#","deliver_policy":"by_start_time","opt_start_time":"1970-01-01T00:00:01Z""#,
        &["1 (1/1/2)", "2 (1/2/1)", "3 (1/3/0)"],
    );
    check(
        r#","deliver_policy":"by_start_time","opt_start_time":"1970-01-01T00:00:02Z""#,
        &[],
    );
    check(r#","filter_subjects":["a.y","a.q"]"#, &["2 (1/1/0)"]);
}

#[test]
fn a_watcher_gets_what_comes_later() {
    let mut fixture = Fixture::pushed(
        &["a.x"],
        r#","deliver_policy":"new","filter_subject":"a.x""#,
    );
    assert_eq!(sent(&fixture.publish("a.x")), ["2 (1/1/0)"]);
    assert_eq!(sent(&fixture.publish("a.y")), [""; 0]);
    assert_eq!(sent(&fixture.publish("a.x")), ["4 (1/2/0)"]);
}

#[test]
fn a_listed_message_that_was_replaced_is_not_delivered_twice() {
    let options =
        r#""deliver_subject":"in","deliver_policy":"last_per_subject","filter_subject":"a.>""#;
    let mut fixture = Fixture::new(r#","max_msgs_per_subject":1"#, &["a.x", "a.y"], options);
    fixture.publish("a.x");
    assert_eq!(fixture.consumer.num_pending(), 2);
    assert_eq!(sent(&fixture.listen(true)), ["2 (1/1/1)", "3 (1/2/0)"]);
}

#[test]
fn nothing_is_sent_while_nobody_listens() {
    let mut fixture = Fixture::new(
        "",
        &["a.x"],
        r#""deliver_subject":"in","inactive_threshold":5000000000"#,
    );
    assert_eq!(sent(&fixture.publish("a.x")), [""; 0]);
    assert_eq!(fixture.consumer.deadline(), Some(Tick(6 * SECOND)));
    assert_eq!(sent(&fixture.listen(true)).len(), 2);
    assert_eq!(fixture.consumer.deadline(), None);
    fixture.listen(false);
    assert_eq!(fixture.after(4 * SECOND), []);
    assert_eq!(fixture.after(SECOND), [Effect::Expire]);
}

#[test]
fn heartbeats_tell_how_far_the_consumer_is() {
    let mut fixture = Fixture::pushed(&["a.x"], r#","idle_heartbeat":2000000000"#);
    fixture.time += SECOND;
    fixture.publish("a.x");
    assert_eq!(
        fixture.after(SECOND),
        [],
        "a delivery counts as a sign of life"
    );
    let effects = fixture.after(SECOND);
    let [
        Effect::Status {
            to,
            reply: None,
            block,
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(to, "in");
    assert_eq!(
        String::from_utf8_lossy(block),
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 2\r\n\r\n"
    );
}

#[test]
fn flow_control_stops_a_consumer_whose_receiver_does_not_answer() {
    let options = r#","flow_control":true,"idle_heartbeat":1000000000"#;
    let mut fixture = Fixture::pushed(&[], options);
    let big = || {
        stream::Input::Publish(Publish {
            subject: b"a.x",
            headers: PublishHeaders::default(),
            header_len: 0,
            body_len: 1024 * 1024,
            sender: Sender::Publisher,
            is_wanted: true,
        })
    };
    let effects = fixture.change(big());
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Status {
            reply: Some(reply), ..
        } => Some(reply.clone()),
        _ => None,
    });
    let asked = asked.expect("half of the window is used");
    assert!(asked.starts_with(b"$JS.FC.S.C."));
    for _ in 0..3 {
        fixture.change(big());
    }
    assert_eq!(
        fixture.consumer.num_pending(),
        2,
        "the window is full after two"
    );
    let heartbeat = fixture.after(SECOND);
    let Some(Effect::Status { block, .. }) = heartbeat.first() else {
        panic!("{heartbeat:?}");
    };
    let stalled = format!("Nats-Consumer-Stalled: {}", String::from_utf8_lossy(&asked));
    assert!(String::from_utf8_lossy(block).contains(&stalled));
    assert_eq!(
        sent(&fixture.step(Input::FlowControl {
            subject: b"$JS.FC.S.C.x"
        })),
        [""; 0]
    );
    let effects = fixture.step(Input::FlowControl { subject: &asked });
    assert_eq!(
        sent(&effects),
        ["3 (1/3/1)", "NATS/1.0 100 FlowControl Request", "4 (1/4/0)"]
    );
}

#[test]
fn pulls_take_what_is_there_or_wait() {
    let mut fixture = Fixture::new(
        "",
        &["a.x", "a.y"],
        r#""durable_name":"C","ack_policy":"explicit""#,
    );
    assert_eq!(sent(&fixture.pull("")), ["1 (1/1/1)"]);
    assert_eq!(
        sent(&fixture.pull(r#"{"batch":3,"expires":5000000000}"#)),
        ["2 (1/2/0)"]
    );
    assert_eq!(sent(&fixture.publish("a.z")), ["3 (1/3/0)"]);
    let effects = fixture.after(5 * SECOND);
    assert_eq!(sent(&effects), ["NATS/1.0 408 Request Timeout"]);
    assert_eq!(
        sent(&fixture.pull(r#"{"batch":5,"no_wait":true}"#)),
        ["NATS/1.0 404 No Messages"]
    );
    fixture.publish("a.z");
    assert_eq!(
        sent(&fixture.pull(r#"{"batch":5,"no_wait":true}"#)),
        ["4 (1/4/0)", "NATS/1.0 408 Request Timeout"]
    );
    assert_eq!(sent(&fixture.pull(r#"{"batch":1,"group":"g"}"#)).len(), 1);
    fixture.publish("a.z");
    assert_eq!(
        sent(&fixture.pull(r#"{"batch":1,"expires":-1}"#)),
        ["NATS/1.0 408 Request Timeout"]
    );
    assert_eq!(fixture.consumer.num_waiting(), 0);
}

#[test]
fn a_consumer_goes_once_nobody_has_used_it_for_long_enough() {
    let options = r#""durable_name":"C","ack_policy":"explicit","inactive_threshold":2000000000"#;
    let mut fixture = Fixture::new("", &[], options);
    fixture.pull(r#"{"expires":3000000000}"#);
    assert_eq!(fixture.after(2 * SECOND), []);
    let ended = fixture.after(SECOND);
    assert_eq!(sent(&ended), ["NATS/1.0 408 Request Timeout"]);
    assert!(!ended.contains(&Effect::Expire), "{ended:?}");
    assert_eq!(fixture.after(SECOND), []);
    fixture.publish("a.x");
    assert_eq!(sent(&fixture.pull("")), ["1 (1/1/0)"]);
    fixture.ack(1, "");
    assert_eq!(fixture.after(SECOND), []);
    assert_eq!(fixture.after(SECOND), [Effect::Expire]);
}

#[test]
fn a_consumer_goes_once_its_requester_was_away_for_long_enough() {
    let options = r#""durable_name":"C","ack_policy":"explicit","inactive_threshold":2000000000"#;
    let mut fixture = Fixture::new("", &[], options);
    fixture.pull("");
    assert_eq!(fixture.consumer.deadline(), None);
    assert_eq!(fixture.after(5 * SECOND), []);
    fixture.step(Input::Interest {
        subject: b"inbox",
        is_present: false,
    });
    assert_eq!(fixture.after(SECOND), []);
    assert_eq!(fixture.after(SECOND), [Effect::Expire]);
}

#[test]
fn a_consumer_does_not_look_where_nothing_is_for_it() {
    let options =
        r#""durable_name":"C","ack_policy":"explicit","filter_subjects":["a.y.*","a.z.*"]"#;
    let mut fixture = Fixture::new("", &["a.x"; 5], options);
    let filters = &fixture.consumer.filters;
    let found = fixture.stream.index().next(1, filters, 4);
    assert!(matches!(found, Scan::Unfinished { next: 3 }), "{found:?}");
    fixture.pull("");
    assert_eq!(fixture.consumer.next, 6);
    assert_eq!(sent(&fixture.publish("a.z.1")), ["6 (1/1/0)"]);
}

#[test]
fn pulls_are_limited_in_bytes() {
    let mut fixture = Fixture::new(
        "",
        &["a.x", "a.y"],
        r#""durable_name":"C","ack_policy":"explicit""#,
    );
    let effects = fixture.pull(r#"{"batch":5,"max_bytes":60,"expires":5000000000}"#);
    assert_eq!(
        sent(&effects),
        ["1 (1/1/1)", "NATS/1.0 409 Message Size Exceeds MaxBytes"]
    );
}

#[test]
fn a_request_ends_with_its_requester() {
    let mut fixture = Fixture::new("", &[], r#""durable_name":"C","ack_policy":"explicit""#);
    let watched = fixture.pull(r#"{"batch":1}"#);
    assert_eq!(
        watched,
        [Effect::Watch {
            subject: Bytes::from_static(b"inbox")
        }]
    );
    let effects = fixture.step(Input::Interest {
        subject: b"inbox",
        is_present: false,
    });
    assert_eq!(
        effects,
        [Effect::Unwatch {
            subject: Bytes::from_static(b"inbox")
        }]
    );
    assert_eq!(sent(&fixture.publish("a.x")), [""; 0]);
    assert_eq!(fixture.consumer.num_pending(), 1);
}

#[test]
fn what_is_not_acknowledged_in_time_comes_again() {
    let options =
        r#""durable_name":"C","ack_policy":"explicit","ack_wait":2000000000,"max_deliver":2"#;
    let mut fixture = Fixture::new("", &["a.x", "a.y"], options);
    fixture.pull(r#"{"batch":10}"#);
    fixture.ack(2, "+ACK");
    assert_eq!(
        fixture.consumer.floor(),
        Position {
            consumer: 0,
            stream: 0
        }
    );
    assert_eq!(sent(&fixture.after(2 * SECOND)), ["1 (2/3/0)"]);
    assert_eq!(fixture.consumer.num_redelivered(), 1);
    let given_up = Notice::MaxDeliveries {
        stream_seq: 1,
        deliveries: 2,
    };
    assert_eq!(fixture.after(2 * SECOND), [Effect::Notice(given_up)]);
    assert_eq!(fixture.consumer.num_ack_pending(), 0);
    assert_eq!(
        fixture.consumer.floor(),
        Position {
            consumer: 3,
            stream: 2
        }
    );
}

#[test]
fn receivers_say_what_became_of_a_message() {
    let options = r#""durable_name":"C","ack_policy":"explicit","ack_wait":10000000000"#;
    let mut fixture = Fixture::new("", &["a.x", "a.y", "a.z"], options);
    fixture.pull(r#"{"batch":100}"#);
    assert_eq!(sent(&fixture.ack(1, "-NAK")), ["1 (2/4/0)"]);
    assert_eq!(
        sent(&fixture.ack(2, r#"-NAK {"delay":1000000000}"#)),
        [""; 0]
    );
    assert_eq!(sent(&fixture.after(SECOND)), ["2 (2/5/0)"]);
    let terminated = fixture.ack(3, "+TERM broken");
    assert!(matches!(
        &terminated[..],
        [Effect::Settled { seq: 3 }, Effect::Notice(Notice::Terminated { stream_seq: 3, reason, .. })]
            if reason == "broken"
    ));
    fixture.time += 8 * SECOND;
    fixture.ack(1, "+WPI");
    assert_eq!(
        sent(&fixture.after(2 * SECOND)),
        ["2 (3/6/0)"],
        "1 asked for more time"
    );
    fixture.ack(1, "");
    fixture.ack(2, "+OK");
    assert_eq!(fixture.consumer.num_ack_pending(), 0);
    assert_eq!(fixture.consumer.floor().stream, 3);
}

#[test]
fn one_acknowledgement_may_cover_all_before() {
    let mut fixture = Fixture::new("", &["a.x"; 4], r#""durable_name":"C","ack_policy":"all""#);
    fixture.pull(r#"{"batch":4}"#);
    fixture.ack(3, "");
    assert_eq!(fixture.consumer.num_ack_pending(), 1);
    assert_eq!(
        fixture.consumer.floor(),
        Position {
            consumer: 3,
            stream: 3
        }
    );
}

#[test]
fn too_many_unacknowledged_messages_stop_delivery() {
    let options = r#","ack_policy":"explicit","max_ack_pending":2"#;
    let mut fixture = Fixture::pushed(&["a.x"; 3], options);
    assert_eq!(fixture.consumer.num_pending(), 1);
    assert_eq!(sent(&fixture.ack(2, "")), ["3 (1/3/0)"]);
}

#[test]
fn backoff_grows_with_each_delivery() {
    let options = r#""durable_name":"C","ack_policy":"explicit","max_deliver":4,"backoff":[1000000000,3000000000]"#;
    let mut fixture = Fixture::new("", &["a.x"], options);
    fixture.pull(r#"{"batch":10}"#);
    assert_eq!(sent(&fixture.after(SECOND)), ["1 (2/2/0)"]);
    assert_eq!(sent(&fixture.after(2 * SECOND)), [""; 0]);
    assert_eq!(sent(&fixture.after(SECOND)), ["1 (3/3/0)"]);
    assert_eq!(sent(&fixture.after(3 * SECOND)), ["1 (4/4/0)"]);
}

#[test]
fn removed_messages_are_neither_counted_nor_awaited() {
    let options = r#""durable_name":"C","ack_policy":"explicit""#;
    let mut fixture = Fixture::new("", &["a.x"; 4], options);
    fixture.pull("2");
    fixture.change(stream::Input::Remove(Remove { seq: 1 }));
    fixture.change(stream::Input::Remove(Remove { seq: 3 }));
    assert_eq!(fixture.consumer.num_ack_pending(), 1);
    assert_eq!(fixture.consumer.num_pending(), 1);
    fixture.change(stream::Input::Purge(Purge::default()));
    assert_eq!(fixture.consumer.num_ack_pending(), 0);
    assert_eq!(fixture.consumer.num_pending(), 0);
    assert_eq!(sent(&fixture.publish("a.x")), [""; 0]);
    assert_eq!(sent(&fixture.pull("")), ["5 (1/3/0)"]);
}

#[test]
fn a_restored_consumer_goes_on_where_it_was() {
    let options = r#""durable_name":"C","ack_policy":"explicit","ack_wait":2000000000"#;
    let mut fixture = Fixture::new("", &["a.x"; 3], options);
    fixture.pull("2");
    fixture.ack(1, "");
    let saved = fixture.consumer.save();
    let old = &fixture.consumer;
    fixture.consumer = Consumer::restore(
        at(fixture.time),
        "S".into(),
        "C".into(),
        old.config.clone(),
        old.created,
        &saved,
        fixture.stream.index(),
    );
    assert_eq!(fixture.consumer.save(), saved);
    assert_eq!(fixture.consumer.num_pending(), 1);
    assert_eq!(sent(&fixture.pull("5")), ["3 (1/3/0)"]);
    assert_eq!(sent(&fixture.after(2 * SECOND)), ["2 (2/4/0)", "3 (2/5/0)"]);
}

#[test]
fn updates_change_only_what_may_change() {
    let mut fixture = Fixture::pushed(
        &["a.x"],
        r#","ack_policy":"explicit","deliver_policy":"new""#,
    );
    let mut config = fixture.consumer.config().clone();
    config.deliver_policy = crate::jetstream::config::DeliverPolicy::All;
    let effects = fixture.step(Input::Update(Box::new(config)));
    assert!(matches!(&effects[..], [Effect::Refused(error)] if error.err_code == 10012));
    let mut config = fixture.consumer.config().clone();
    config.filter_subject = "a.y".to_owned();
    assert_eq!(fixture.step(Input::Update(Box::new(config))), []);
    assert_eq!(sent(&fixture.publish("a.x")), [""; 0]);
    assert_eq!(sent(&fixture.publish("a.y")), ["3 (1/1/0)"]);
}

#[test]
fn a_new_time_to_acknowledge_holds_for_what_was_delivered_before() {
    let options = r#""durable_name":"C","ack_policy":"explicit","ack_wait":10000000000"#;
    let mut fixture = Fixture::new("", &["a.x"], options);
    fixture.pull(r#"{"batch":10}"#);
    fixture.time += SECOND;
    let mut config = fixture.consumer.config().clone();
    config.ack_wait = 2 * SECOND;
    assert_eq!(fixture.step(Input::Update(Box::new(config))), []);
    assert_eq!(fixture.consumer.deadline(), Some(Tick(3 * SECOND)));
    assert_eq!(sent(&fixture.after(SECOND)), ["1 (2/2/0)"]);
    let mut config = fixture.consumer.config().clone();
    config.backoff = vec![SECOND, 4 * SECOND];
    fixture.step(Input::Update(Box::new(config)));
    assert_eq!(fixture.consumer.deadline(), Some(Tick(7 * SECOND)));
}

#[test]
fn a_start_may_be_written_in_another_way() {
    let options = r#""durable_name":"C","deliver_policy":"by_start_time","opt_start_time":"2026-11-20T20:11:35Z""#;
    let mut fixture = Fixture::new("", &[], options);
    let mut config = fixture.consumer.config().clone();
    config.opt_start_time = Some("2026-11-20T21:11:35.000+01:00".to_owned());
    assert_eq!(fixture.step(Input::Update(Box::new(config.clone()))), []);
    config.opt_start_time = Some("2026-11-20T21:11:35Z".to_owned());
    let effects = fixture.step(Input::Update(Box::new(config)));
    assert!(matches!(&effects[..], [Effect::Refused(_)]), "{effects:?}");
}

#[test]
fn acknowledgements_must_be_well_formed() {
    let parse = |subject: &str, body: &'static str| {
        Ack::parse(
            subject.as_bytes(),
            &Bytes::from_static(body.as_bytes()),
            None,
        )
    };
    assert!(parse("$JS.ACK.S.C.1.2.3.4.5", "+ACK").is_some());
    for bad in [
        "$JS.ACK.S.C.1.2.3.4",
        "$JS.ACK.S.C.1.2.3.4.5.6",
        "$JS.ACK.S.C.x.2.3.4.5",
        "a",
    ] {
        assert!(parse(bad, "+ACK").is_none(), "{bad}");
    }
    let (_, _, other) = parse("$JS.ACK.S.C.1.2.3.4.5", "what").unwrap();
    assert_eq!(other.kind, super::ack::AckKind::Unknown);
}

/// The messages that the consumer said it is done with.
fn settled(effects: &[Effect]) -> Vec<u64> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Settled { seq } => Some(*seq),
            _ => None,
        })
        .collect()
}

#[test]
fn messages_are_needed_until_they_are_acknowledged() {
    let options = r#""durable_name":"C","ack_policy":"explicit","filter_subject":"a.x""#;
    let mut fixture = Fixture::new("", &["a.x", "a.y", "a.x"], options);
    let needs = |fixture: &Fixture, seq: u64, subject: &str| {
        fixture.consumer.needs(seq, subject.as_bytes())
    };
    assert!(needs(&fixture, 1, "a.x") && !needs(&fixture, 2, "a.y"));
    assert_eq!(settled(&fixture.pull("2")), [0; 0]);
    assert!(needs(&fixture, 1, "a.x") && needs(&fixture, 3, "a.x"));
    assert_eq!(settled(&fixture.ack(1, "")), [1]);
    assert!(!needs(&fixture, 1, "a.x") && needs(&fixture, 3, "a.x"));
    assert_eq!(settled(&fixture.ack(1, "")), [0; 0]);
    assert_eq!(settled(&fixture.ack(3, "+TERM no")), [3]);
    assert!(needs(&fixture, 4, "a.x"));
}

#[test]
fn one_acknowledgement_settles_all_it_covers() {
    let options = r#""durable_name":"C","ack_policy":"all""#;
    let mut fixture = Fixture::new("", &["a.x", "a.y", "a.x"], options);
    fixture.pull("3");
    assert_eq!(settled(&fixture.ack(2, "")), [1, 2]);
}

#[test]
fn without_acknowledgements_a_delivery_settles() {
    let mut fixture = Fixture::pushed(&[], "");
    assert_eq!(settled(&fixture.publish("a.x")), [1]);
    assert!(!fixture.consumer.needs(1, b"a.x"));
}

#[test]
fn what_was_given_up_is_needed_until_a_late_acknowledgement() {
    let options = r#""durable_name":"C","ack_policy":"explicit","max_deliver":1,"ack_wait":1000"#;
    let retention = r#","retention":"interest""#;
    let mut fixture = Fixture::new(retention, &["a.x", "a.x"], options);
    fixture.pull("2");
    fixture.after(SECOND);
    assert_eq!(fixture.consumer.num_ack_pending(), 0);
    assert!(fixture.consumer.needs(1, b"a.x") && fixture.consumer.needs(2, b"a.x"));
    assert_eq!(settled(&fixture.ack(1, "")), [1]);
    assert!(!fixture.consumer.needs(1, b"a.x"));
    fixture.change(stream::Input::Remove(Remove { seq: 2 }));
    assert!(!fixture.consumer.needs(2, b"a.x"));
}

#[test]
fn what_was_given_up_is_forgotten_where_messages_stay_anyway() {
    let options = r#""durable_name":"C","ack_policy":"explicit","max_deliver":1,"ack_wait":1000"#;
    let mut fixture = Fixture::new("", &["a.x"], options);
    fixture.pull("");
    fixture.after(SECOND);
    assert_eq!(fixture.consumer.num_ack_pending(), 0);
    assert_eq!(fixture.consumer.save().given_up, [0; 0]);
}
