use proptest::prelude::*;

use super::*;
use crate::jetstream::ApiError;
use crate::jetstream::clock::{Nanos, Tick};
use crate::jetstream::config::parse_object;

const SECOND: Nanos = 1_000_000_000;

/// A stream with a clock that only tests move.
struct Fixture {
    stream: Stream,
    wall: i64,
    sender: Sender,
    is_wanted: bool,
}

impl Fixture {
    fn new(options: &str) -> Self {
        let json = format!(r#"{{"name":"S","subjects":["a.>"]{options}}}"#);
        let object = parse_object(json.as_bytes()).unwrap();
        let config = StreamConfig::parse(object).unwrap().checked().unwrap();
        Self {
            stream: Stream::new(config, WallTime(1)),
            wall: 1_000 * SECOND,
            sender: Sender::Publisher,
            is_wanted: true,
        }
    }

    fn now(&self) -> Now {
        Now {
            wall: WallTime(self.wall),
            tick: Tick(self.wall),
        }
    }

    fn step(&mut self, input: Input<'_>) -> Vec<Effect> {
        let effects = self.stream.step(self.now(), input);
        self.check_invariants();
        effects
    }

    fn publish_with(&mut self, subject: &str, headers: &str, body_len: u32) -> Outcome {
        let block = format!("NATS/1.0\r\n{headers}\r\n");
        let publish = Publish {
            subject: subject.as_bytes(),
            headers: PublishHeaders::parse(block.as_bytes()),
            header_len: if headers.is_empty() {
                0
            } else {
                block.len() as u32
            },
            body_len,
            sender: self.sender,
            is_wanted: self.is_wanted,
        };
        outcome(&self.step(Input::Publish(publish)))
    }

    fn publish(&mut self, subject: &str) -> u64 {
        match self.publish_with(subject, "", 5) {
            Outcome::Stored { seq } => seq,
            other => panic!("not stored: {other:?}"),
        }
    }

    fn purge(&mut self, filter: &str, before: u64, keep: u64) -> Outcome {
        let filter = filter.as_bytes().into();
        outcome(&self.step(Input::Purge(Purge {
            filter,
            before,
            keep,
        })))
    }

    fn remove(&mut self, seq: u64) -> Outcome {
        outcome(&self.step(Input::Remove(Remove { seq })))
    }

    fn tick_after(&mut self, nanos: Nanos) -> Vec<Effect> {
        self.wall += nanos;
        self.step(Input::Tick)
    }

    fn seqs(&self) -> Vec<u64> {
        self.stream.index.from(0).map(|entry| entry.seq).collect()
    }

    /// What holds after every step, whatever it was.
    fn check_invariants(&self) {
        let index = &self.stream.index;
        let seqs = self.seqs();
        assert_eq!(index.len(), seqs.len() as u64);
        assert!(seqs.is_sorted());
        match seqs.first() {
            Some(first) => assert_eq!(index.first_seq(), *first),
            None if index.last_seq() == 0 => assert!(index.first_seq() <= 1),
            None => assert_eq!(index.first_seq(), index.last_seq() + 1),
        }
        assert!(seqs.last().is_none_or(|last| *last <= index.last_seq()));
        let bytes: u64 = index
            .from(0)
            .map(|entry| index.size(entry.subject.len(), entry.header_len, entry.body_len))
            .sum();
        assert_eq!(index.bytes(), bytes);
        let by_subject: u64 = index.subject_counts(b">").map(|(_, count)| count).sum();
        assert_eq!(by_subject, index.len());
        let deleted = index.deleted(usize::MAX);
        assert_eq!(index.deleted_count(), deleted.len() as u64, "{deleted:?}");
    }
}

fn outcome(effects: &[Effect]) -> Outcome {
    match effects.last() {
        Some(Effect::Outcome(outcome)) => outcome.clone(),
        other => panic!("no outcome: {other:?}"),
    }
}

fn code(outcome: Outcome) -> u16 {
    match outcome {
        Outcome::Refused(error) => error.err_code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn sequences_are_never_used_twice() {
    let mut fixture = Fixture::new("");
    assert_eq!((fixture.publish("a.1"), fixture.publish("a.2")), (1, 2));
    assert_eq!(fixture.remove(2), Outcome::Removed { existed: true });
    assert_eq!(fixture.remove(2), Outcome::Removed { existed: false });
    assert_eq!(fixture.publish("a.2"), 3);
    assert_eq!(fixture.purge("", 0, 0), Outcome::Purged { count: 2 });
    assert_eq!(fixture.stream.index.first_seq(), 4);
    assert_eq!(fixture.publish("a.1"), 4);
    assert_eq!(Fixture::new(r#","first_seq":10"#).publish("a.1"), 10);
}

#[test]
fn a_bucket_keeps_its_history_per_key() {
    let mut fixture = Fixture::new(r#","max_msgs_per_subject":2,"discard":"new""#);
    for key in ["a.x", "a.x", "a.y", "a.x"] {
        fixture.publish(key);
    }
    assert_eq!(fixture.seqs(), [2, 3, 4]);
    assert_eq!(fixture.stream.index.last_of(b"a.x"), Some(4));
    assert_eq!(fixture.stream.index.last_of(b"a.*"), Some(4));
    assert_eq!(fixture.stream.index.last_of(b"a.z"), None);
}

#[test]
fn writers_that_saw_an_older_revision_are_refused() {
    let mut fixture = Fixture::new("");
    let expect = |seq: u64| format!("Nats-Expected-Last-Subject-Sequence: {seq}\r\n");
    assert_eq!(
        fixture.publish_with("a.x", &expect(0), 1),
        Outcome::Stored { seq: 1 }
    );
    let refused = fixture.publish_with("a.x", &expect(0), 1);
    assert_eq!(refused, Outcome::Refused(ApiError::wrong_last_sequence(1)));
    assert_eq!(
        fixture.publish_with("a.y", &expect(0), 1),
        Outcome::Stored { seq: 2 }
    );
    assert_eq!(
        fixture.publish_with("a.x", &expect(1), 1),
        Outcome::Stored { seq: 3 }
    );
    assert_eq!(
        code(fixture.publish_with("a.x", "Nats-Expected-Last-Subject-Sequence: x\r\n", 1)),
        10071
    );
    assert_eq!(
        code(fixture.publish_with("a.x", "Nats-Expected-Last-Sequence: 2\r\n", 1)),
        10071
    );
    assert_eq!(
        code(fixture.publish_with("a.x", "Nats-Expected-Stream: T\r\n", 1)),
        10060
    );
    assert_eq!(
        code(fixture.publish_with("a.x", "Nats-Expected-Last-Msg-Id: i\r\n", 1)),
        10070
    );
    assert_eq!(fixture.seqs(), [1, 2, 3]);
}

#[test]
fn a_message_sent_twice_is_stored_once_within_the_window() {
    let mut fixture = Fixture::new(r#","duplicate_window":10000000000"#);
    let id = "Nats-Msg-Id: one\r\n";
    assert_eq!(
        fixture.publish_with("a.x", id, 1),
        Outcome::Stored { seq: 1 }
    );
    fixture.publish("a.x");
    assert_eq!(
        fixture.publish_with("a.y", id, 1),
        Outcome::Duplicate { seq: 1 }
    );
    let next = "Nats-Msg-Id: two\r\nNats-Expected-Last-Msg-Id: one\r\n";
    assert_eq!(code(fixture.publish_with("a.x", next, 1)), 10070);
    fixture.tick_after(11 * SECOND);
    assert_eq!(
        fixture.publish_with("a.x", id, 1),
        Outcome::Stored { seq: 3 }
    );
    assert_eq!(
        fixture.publish_with("a.x", next, 1),
        Outcome::Stored { seq: 4 }
    );
}

#[test]
fn rollups_replace_what_came_before() {
    let mut fixture = Fixture::new(r#","allow_rollup_hdrs":true"#);
    for key in ["a.x", "a.y", "a.x"] {
        fixture.publish(key);
    }
    fixture.publish_with("a.x", "Nats-Rollup: sub\r\n", 0);
    assert_eq!(fixture.seqs(), [2, 4]);
    assert_eq!(
        code(fixture.publish_with("a.x", "Nats-Rollup: some\r\n", 0)),
        10111
    );
    fixture.publish_with("a.z", "Nats-Rollup: all\r\n", 0);
    assert_eq!(fixture.seqs(), [5]);
    fixture.publish_with("a.z", "Nats-Rollup: SUB\r\n", 0);
    assert_eq!(fixture.seqs(), [6]);
    assert_eq!(
        code(Fixture::new("").publish_with("a.x", "Nats-Rollup: sub\r\n", 0)),
        10111
    );
}

#[test]
fn limits_drop_the_oldest_or_refuse_the_newest() {
    let mut old = Fixture::new(r#","max_msgs":2"#);
    for _ in 0..3 {
        old.publish("a.x");
    }
    assert_eq!(old.seqs(), [2, 3]);

    let mut new = Fixture::new(r#","max_msgs":2,"discard":"new","max_msgs_per_subject":1"#);
    new.publish("a.x");
    new.publish("a.y");
    assert_eq!(code(new.publish_with("a.z", "", 5)), 10077);
    // A replacement makes its own room.
    assert_eq!(new.publish("a.x"), 3);

    let mut bytes = Fixture::new(r#","max_bytes":100"#);
    for _ in 0..4 {
        bytes.publish("a.x");
    }
    assert_eq!(bytes.seqs(), [3, 4]);

    let mut size = Fixture::new(r#","max_msg_size":4"#);
    assert_eq!(code(size.publish_with("a.x", "", 5)), 10054);
    let mut per =
        Fixture::new(r#","discard":"new","max_msgs_per_subject":1,"discard_new_per_subject":true"#);
    per.publish("a.x");
    assert_eq!(code(per.publish_with("a.x", "", 1)), 10077);
}

#[test]
fn messages_go_when_their_time_is_up() {
    let mut fixture = Fixture::new(r#","max_age":10000000000,"allow_msg_ttl":true"#);
    fixture.publish("a.1");
    fixture.publish_with("a.2", "Nats-TTL: never\r\n", 0);
    fixture.publish_with("a.3", "Nats-TTL: 3\r\n", 0);
    fixture.publish_with("a.4", "Nats-TTL: 1m\r\n", 0);
    assert_eq!(
        fixture.stream.deadline(),
        Some(WallTime(fixture.wall).plus(3 * SECOND))
    );
    fixture.tick_after(3 * SECOND);
    assert_eq!(fixture.seqs(), [1, 2, 4]);
    fixture.tick_after(7 * SECOND);
    assert_eq!(fixture.seqs(), [2]);
    assert_eq!(fixture.stream.deadline(), None);
    assert_eq!(
        code(fixture.publish_with("a.5", "Nats-TTL: 10ms\r\n", 0)),
        10165
    );
    assert_eq!(
        code(Fixture::new("").publish_with("a.5", "Nats-TTL: 10\r\n", 0)),
        10166
    );
}

#[test]
fn messages_that_never_expire_hold_up_no_others() {
    let mut fixture = Fixture::new(r#","max_age":10000000000,"allow_msg_ttl":true"#);
    for headers in ["Nats-TTL: never\r\n", "", "Nats-TTL: never\r\n", ""] {
        fixture.publish_with("a.b", headers, 5);
        fixture.wall += SECOND;
    }
    let deadline = fixture.stream.deadline().unwrap();
    assert_eq!(deadline, WallTime((1_001 + 10) * SECOND), "of the second");
    fixture.wall = deadline.0;
    fixture.step(Input::Tick);
    assert_eq!(fixture.seqs(), [1, 3, 4]);
    let deadline = fixture.stream.deadline().unwrap();
    assert_eq!(deadline, WallTime((1_003 + 10) * SECOND), "of the fourth");
    fixture.wall = deadline.0;
    fixture.step(Input::Tick);
    assert_eq!(fixture.seqs(), [1, 3]);
    assert_eq!(fixture.stream.deadline(), None);
}

#[test]
fn a_restored_stream_remembers_the_last_message_of_an_id() {
    let mut fixture = Fixture::new("");
    let window = fixture.stream.config.duplicate_window;
    let now = fixture.now();
    let wall = fixture.wall;
    let messages = [(1, window + SECOND), (2, SECOND)].map(|(seq, age)| Restored {
        seq,
        subject: 0,
        time: WallTime(wall - age),
        header_len: 0,
        body_len: 5,
        msg_id: Some(b"id"),
        expiry: Expiry::Stream,
        place: Place::default(),
    });
    let subjects = ["a.b".into()];
    fixture.stream.restore(now, &subjects, messages.into_iter());
    fixture.stream.restored(0, 2, WallTime(0));
    fixture.step(Input::Tick);
    let again = fixture.publish_with("a.b", "Nats-Msg-Id: id\r\n", 5);
    assert_eq!(again, Outcome::Duplicate { seq: 2 });
}

#[test]
fn purges_filter_and_keep() {
    let filled = |options: &str| {
        let mut fixture = Fixture::new(options);
        for key in ["a.x", "a.y", "a.x", "a.y", "a.x"] {
            fixture.publish(key);
        }
        fixture
    };
    let check = |filter: &str, before: u64, keep: u64, left: &[u64]| {
        let mut fixture = filled("");
        let count = 5 - left.len() as u64;
        assert_eq!(
            fixture.purge(filter, before, keep),
            Outcome::Purged { count }
        );
        assert_eq!(fixture.seqs(), left);
    };
    check("a.x", 0, 0, &[2, 4]);
    check("a.x", 0, 1, &[2, 4, 5]);
    check("a.*", 0, 2, &[4, 5]);
    check("", 4, 0, &[4, 5]);
    check("", 0, 3, &[3, 4, 5]);
    check("a.x", 4, 0, &[2, 4, 5]);
    check("a.z", 0, 0, &[1, 2, 3, 4, 5]);
    assert_eq!(code(filled(r#","deny_purge":true"#).purge("", 0, 0)), 10110);
    assert_eq!(code(filled(r#","deny_delete":true"#).remove(1)), 10057);
}

#[test]
fn headers_of_later_servers_are_not_ignored() {
    let mut fixture = Fixture::new("");
    assert_eq!(
        code(fixture.publish_with("a.x", "Nats-Incr: +1\r\n", 0)),
        10168
    );
    assert_eq!(
        code(fixture.publish_with("a.x", "Nats-Batch-Id: b\r\n", 0)),
        10174
    );
}

#[test]
fn a_sealed_stream_is_closed_for_good() {
    let mut fixture = Fixture::new("");
    fixture.publish("a.x");
    let mut config = fixture.stream.config.clone();
    config.sealed = true;
    let update = |config: &StreamConfig| {
        Input::Update(Update {
            config: Box::new(config.clone()),
        })
    };
    assert_eq!(outcome(&fixture.step(update(&config))), Outcome::Updated);
    assert_eq!(code(fixture.publish_with("a.x", "", 0)), 10109);
    assert_eq!(code(fixture.purge("", 0, 0)), 10109);
    config.sealed = false;
    assert_eq!(code(outcome(&fixture.step(update(&config)))), 10052);
}

#[test]
fn a_restored_stream_goes_on_where_it_was() {
    let mut before = Fixture::new(r#","allow_msg_ttl":true"#);
    let mut stored = Vec::new();
    for headers in ["", "Nats-Msg-Id: one\r\n", "Nats-TTL: 5\r\n"] {
        let block = format!("NATS/1.0\r\n{headers}\r\n");
        let publish = Publish {
            subject: b"a.x",
            headers: PublishHeaders::parse(block.as_bytes()),
            header_len: 12,
            body_len: 3,
            sender: Sender::Publisher,
            is_wanted: true,
        };
        let effects = before.step(Input::Publish(publish));
        stored.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Store(stored) => Some(stored),
            _ => None,
        }));
    }
    let mut after = Fixture::new(r#","allow_msg_ttl":true"#);
    let now = after.now();
    let messages = stored.iter().map(|stored| Restored {
        seq: stored.seq,
        // One of them is no message's any more.
        subject: 1,
        time: stored.time,
        header_len: stored.header_len,
        body_len: stored.body_len,
        msg_id: stored.msg_id.as_deref(),
        expiry: stored.expiry,
        place: Place::default(),
    });
    let subjects = ["a.gone".into(), "a.x".into()];
    after.stream.restore(now, &subjects, messages);
    after.stream.restored(0, 7, WallTime(after.wall));
    after.check_invariants();
    assert_eq!(
        after.publish_with("a.x", "Nats-Msg-Id: one\r\n", 1),
        Outcome::Duplicate { seq: 2 }
    );
    assert_eq!(after.publish("a.x"), 8);
    after.tick_after(5 * SECOND);
    assert_eq!(after.seqs(), [1, 2, 8]);
}

/// A plain list of messages, to compare the index with.
#[derive(Default)]
struct Model {
    messages: Vec<(u64, String)>,
    last: u64,
}

#[derive(Debug, Clone)]
enum Operation {
    Publish(u8),
    Remove(u64),
    Purge(u8, u64),
    PurgeAll,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0_u8..6).prop_map(Operation::Publish),
        2 => (0_u64..40).prop_map(Operation::Remove),
        1 => (0_u8..6, 0_u64..3).prop_map(|(key, keep)| Operation::Purge(key, keep)),
        1 => Just(Operation::PurgeAll),
    ]
}

proptest! {
    /// Whatever is done, the stream holds what a plain list would hold, and answers questions alike.
    #[test]
    fn behaves_like_a_plain_list(operations in prop::collection::vec(operation(), 0..60)) {
        let mut fixture = Fixture::new(r#","max_msgs_per_subject":3,"max_msgs":10"#);
        let mut model = Model::default();
        for operation in operations {
            match operation {
                Operation::Publish(key) => {
                    let subject = format!("a.{}.{key}", key % 2);
                    fixture.publish(&subject);
                    model.last += 1;
                    model.messages.push((model.last, subject.clone()));
                    if model.messages.iter().filter(|(_, held)| *held == subject).count() > 3 {
                        let at = model.messages.iter().position(|(_, held)| *held == subject);
                        model.messages.remove(at.unwrap());
                    }
                    if model.messages.len() > 10 {
                        model.messages.remove(0);
                    }
                }
                Operation::Remove(seq) => {
                    fixture.remove(seq);
                    model.messages.retain(|(held, _)| *held != seq);
                }
                Operation::Purge(key, keep) => {
                    let subject = format!("a.{}.{key}", key % 2);
                    fixture.purge(&subject, 0, keep);
                    let all = model.messages.iter().filter(|(_, held)| *held == subject).count();
                    let mut left = all.saturating_sub(keep as usize);
                    model.messages.retain(|(_, held)| {
                        let goes = *held == subject && left > 0;
                        left -= usize::from(goes);
                        !goes
                    });
                }
                Operation::PurgeAll => {
                    fixture.purge("", 0, 0);
                    model.messages.clear();
                }
            }
            let expected: Vec<u64> = model.messages.iter().map(|(seq, _)| *seq).collect();
            prop_assert_eq!(fixture.seqs(), expected);
            compare(&fixture, &model)?;
        }
    }
}

/// Compares every question that consumers ask.
fn compare(fixture: &Fixture, model: &Model) -> Result<(), TestCaseError> {
    let index = fixture.stream.index();
    for filter in ["a.0.>", "a.*.1", "a.0.0", ">", "b"] {
        let filters = Filters::one(filter.as_bytes());
        let matching: Vec<u64> = model
            .messages
            .iter()
            .filter(|(_, subject)| filters.matches(subject.as_bytes()))
            .map(|(seq, _)| *seq)
            .collect();
        for from in [0, 1, 5, 20] {
            let expected = matching.iter().copied().find(|seq| *seq >= from);
            let found = match index.next(from, &filters, usize::MAX) {
                Scan::Found(entry) => Some(entry.seq),
                _ => None,
            };
            prop_assert_eq!(found, expected, "next of {} from {}", filter, from);
            let count = matching.iter().filter(|seq| **seq >= from).count() as u64;
            prop_assert_eq!(index.count_from(from, &filters), count);
        }
        prop_assert_eq!(index.last_of(filter.as_bytes()), matching.last().copied());
        let mut last: Vec<u64> = model
            .messages
            .iter()
            .rev()
            .enumerate()
            .filter(|(at, (_, subject))| {
                !model
                    .messages
                    .iter()
                    .rev()
                    .take(*at)
                    .any(|(_, later)| later == subject)
            })
            .map(|(_, (seq, _))| *seq)
            .filter(|seq| matching.contains(seq))
            .collect();
        last.sort_unstable();
        prop_assert_eq!(index.last_per_subject(&filters), last);
    }
    Ok(())
}

#[test]
fn what_nobody_waits_for_takes_a_number_only() {
    let mut fixture = Fixture::new(r#","retention":"interest""#);
    fixture.is_wanted = false;
    assert_eq!(fixture.publish("a.1"), 1);
    let outcome = fixture.publish_with("a.1", "Nats-Msg-Id: x\r\n", 5);
    assert_eq!(outcome, Outcome::Stored { seq: 2 });
    assert_eq!(fixture.stream.index.len(), 0);
    let outcome = fixture.publish_with("a.1", "Nats-Msg-Id: x\r\n", 5);
    assert_eq!(outcome, Outcome::Duplicate { seq: 2 });
    fixture.is_wanted = true;
    assert_eq!(fixture.publish("a.1"), 3);
    assert_eq!(fixture.seqs(), [3]);
    let mut fixture = Fixture::new("");
    fixture.is_wanted = false;
    fixture.publish("a.1");
    assert_eq!(fixture.seqs(), [1]);
}

#[test]
fn a_message_is_served_when_its_stream_says_so() {
    let needed = |by_consumer: bool, by_source: bool| Needed {
        by_consumer,
        by_source,
    };
    let check = |retention: &str, done: Done, needed: Needed, expected: bool| {
        let fixture = Fixture::new(&format!(r#","retention":"{retention}""#));
        let is_served = fixture.stream.is_served(done, needed);
        assert_eq!(is_served, expected, "{retention} {done:?} {needed:?}");
    };
    check("limits", Done::Consumer, needed(false, false), false);
    check("interest", Done::Consumer, needed(false, false), true);
    check("interest", Done::Consumer, needed(true, false), false);
    check("interest", Done::Source, needed(false, true), false);
    check("workqueue", Done::Consumer, needed(false, false), true);
    check("workqueue", Done::Consumer, needed(true, false), true);
    check("workqueue", Done::Consumer, needed(false, true), false);
    check("workqueue", Done::Source, needed(true, false), false);
    check("workqueue", Done::Source, needed(false, false), true);
}

#[test]
fn served_messages_go_whatever_clients_may_delete() {
    let mut fixture = Fixture::new(r#","retention":"workqueue","deny_delete":true"#);
    for _ in 0..4 {
        fixture.publish("a.1");
    }
    let release = |seqs: &[u64]| {
        Input::Release(Release {
            seqs: seqs.to_vec(),
        })
    };
    fixture.step(release(&[2]));
    assert_eq!(fixture.seqs(), [1, 3, 4]);
    assert_eq!(
        fixture.step(release(&[1, 3, 4])),
        [Effect::ForgetAll { below: 5 }]
    );
    assert_eq!(fixture.publish("a.1"), 5);
}

#[test]
fn messages_of_other_streams_are_not_asked_for_conditions() {
    let mut fixture = Fixture::new("");
    let ttl = "Nats-TTL: 10\r\nNats-Rollup: all\r\n";
    assert!(matches!(
        fixture.publish_with("a.1", ttl, 5),
        Outcome::Refused(_)
    ));
    fixture.sender = Sender::Source;
    fixture.publish("a.1");
    assert_eq!(
        fixture.publish_with("a.2", ttl, 5),
        Outcome::Stored { seq: 2 }
    );
    assert_eq!(fixture.seqs(), [1, 2]);
    assert_eq!(fixture.stream.deadline(), None);
}

#[test]
fn subjects_are_changed_on_arrival() {
    let options = r#","subject_transform":{"src":"a.*","dest":"b.{{wildcard(1)}}"}"#;
    let fixture = Fixture::new(options);
    assert_eq!(fixture.stream.mapped(b"a.x"), Some(b"b.x".to_vec()));
    assert_eq!(fixture.stream.mapped(b"a.x.y"), None);
}
