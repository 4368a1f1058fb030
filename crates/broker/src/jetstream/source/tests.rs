use super::*;
use crate::jetstream::ApiError;
use crate::jetstream::clock::{Now, Tick};
use crate::jetstream::config::{StreamConfig, parse_object};
use crate::jetstream::stream::{self, Publish, PublishHeaders, Purge, Sender, Stream};

const LIFE: Life = Life {
    id: 1,
    created: WallTime(1),
};

/// A stream to take from, and one source of it.
struct Fixture {
    origin: Stream,
    source: Source,
    time: i64,
}

impl Fixture {
    fn new(options: &str) -> Self {
        let config = |json: &str| {
            let object = parse_object(json.as_bytes()).unwrap();
            StreamConfig::parse(object).unwrap().checked().unwrap()
        };
        let target = format!(r#"{{"name":"T","sources":[{{"name":"O"{options}}}]}}"#);
        let source = config(&target).sources.remove(0);
        Self {
            origin: Stream::new(config(r#"{"name":"O","subjects":["o.>"]}"#), WallTime(1)),
            source: Source::new(source),
            time: 0,
        }
    }

    fn publish(&mut self, subjects: &[&str]) {
        for subject in subjects {
            self.time += 1;
            let now = Now {
                wall: WallTime(self.time),
                tick: Tick(self.time),
            };
            let publish = Publish {
                subject: subject.as_bytes(),
                headers: PublishHeaders::default(),
                header_len: 0,
                body_len: 1,
                sender: Sender::Publisher,
                is_wanted: true,
            };
            self.origin.step(now, stream::Input::Publish(publish));
        }
    }

    /// Takes everything, and tells under which subjects.
    fn take(&mut self, life: Life) -> Vec<String> {
        let mut taken = Vec::new();
        while let Scan::Found(entry) = self.source.next(life, self.origin.index()) {
            let subject = self.source.subject(entry.subject);
            let subject = subject.unwrap_or_else(|| entry.subject.to_vec());
            let (seq, subject) = (entry.seq, String::from_utf8(subject).unwrap());
            let stored = entry.subject.clone();
            assert!(self.source.needs(life, seq, &stored));
            self.source.passed(life, seq);
            assert!(!self.source.needs(life, seq, &stored));
            taken.push(format!("{seq} {subject}"));
        }
        taken
    }
}

#[test]
fn everything_is_taken_once_and_in_order() {
    let mut fixture = Fixture::new("");
    fixture.publish(&["o.a", "o.b"]);
    assert_eq!(fixture.source.lag(LIFE, fixture.origin.index()), 2);
    assert_eq!(fixture.take(LIFE), ["1 o.a", "2 o.b"]);
    assert_eq!(fixture.take(LIFE), [""; 0]);
    fixture.publish(&["o.c"]);
    assert_eq!(fixture.take(LIFE), ["3 o.c"]);
    assert_eq!(fixture.source.lag(LIFE, fixture.origin.index()), 0);
}

#[test]
fn filters_choose_and_rules_rename() {
    let mut fixture = Fixture::new(r#","filter_subject":"o.a.>""#);
    fixture.publish(&["o.a.x", "o.b.x", "o.a.y"]);
    assert_eq!(fixture.take(LIFE), ["1 o.a.x", "3 o.a.y"]);
    assert!(fixture.source.wants(b"o.a.z") && !fixture.source.wants(b"o.b.z"));
    let rules =
        r#","subject_transforms":[{"src":"o.a.*","dest":"x.$1"},{"src":"o.b.*","dest":""}]"#;
    let mut fixture = Fixture::new(rules);
    fixture.publish(&["o.a.x", "o.b.x", "o.c.y"]);
    assert_eq!(fixture.take(LIFE), ["1 x.x", "2 o.b.x"]);
}

#[test]
fn a_source_begins_where_it_is_told() {
    let subjects = ["o.1", "o.2", "o.3"];
    for (options, expected) in [
        (r#","opt_start_seq":3"#, 1),
        (r#","opt_start_time":"1970-01-01T00:00:00.000000002Z""#, 2),
        (r#","opt_start_seq":9"#, 0),
    ] {
        let mut fixture = Fixture::new(options);
        fixture.publish(&subjects);
        assert_eq!(fixture.take(LIFE).len(), expected, "{options}");
    }
}

#[test]
fn a_stream_that_was_made_anew_is_taken_from_its_start() {
    let mut fixture = Fixture::new("");
    fixture.publish(&["o.a", "o.b"]);
    fixture.take(LIFE);
    let next = Life {
        created: WallTime(2),
        ..LIFE
    };
    assert_eq!(fixture.take(next), ["1 o.a", "2 o.b"]);
}

#[test]
fn what_went_before_it_was_taken_is_passed_over() {
    let mut fixture = Fixture::new("");
    fixture.publish(&["o.a", "o.b"]);
    let now = Now {
        wall: WallTime(9),
        tick: Tick(9),
    };
    let purge = stream::Input::Purge(Purge::default());
    fixture.origin.step(now, purge);
    fixture.publish(&["o.c"]);
    assert_eq!(fixture.take(LIFE), ["3 o.c"]);
}

#[test]
fn headers_tell_the_origin_and_lose_expectations() {
    let rules = r#","subject_transforms":[{"src":"o.*","dest":"x.{{wildcard(1)}}"}]"#;
    let fixture = Fixture::new(rules);
    let check = |block: &str, expected: &str| {
        let made = fixture.source.headers(block.as_bytes(), 7);
        assert_eq!(String::from_utf8(made).unwrap(), expected, "{block:?}");
    };
    let line = "Nats-Stream-Source: O 7 o.* x.{{wildcard(1)}}\r\n\r\n";
    check("", &format!("NATS/1.0\r\n{line}"));
    check(
        "NATS/1.0\r\nA: 1\r\nNats-Expected-Stream: O\r\nNats-Stream-Source: Q 1 > >\r\nNats-Msg-Id: i\r\n\r\n",
        &format!("NATS/1.0\r\nA: 1\r\nNats-Msg-Id: i\r\n{line}"),
    );
    check(
        "NATS/1.0\r\nno end",
        &format!("NATS/1.0\r\nno end\r\n{line}"),
    );
}

#[test]
fn only_what_may_pass_is_waited_for() {
    let refused = |error| Verdict::of(&Outcome::Refused(error));
    assert_eq!(Verdict::of(&Outcome::Stored { seq: 1 }), Verdict::Taken);
    assert_eq!(Verdict::of(&Outcome::Duplicate { seq: 1 }), Verdict::Taken);
    let full = ApiError::stream_store_failed("maximum messages exceeded");
    assert_eq!(refused(full), Verdict::Full);
    assert_eq!(refused(ApiError::RESOURCES_EXCEEDED), Verdict::Full);
    assert_eq!(
        refused(ApiError::STREAM_MESSAGE_TOO_LARGE),
        Verdict::Skipped
    );
}
