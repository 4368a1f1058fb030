use super::*;

fn rule(source: &str, destination: &str) -> Transform {
    Transform::parse(source, destination).unwrap().unwrap()
}

fn mistake(source: &str, destination: &str) -> String {
    Transform::parse(source, destination)
        .unwrap_err()
        .to_string()
}

#[test]
fn subjects_are_changed_as_by_the_reference_server() {
    let check = |source: &str, destination: &str, subject: &str, expected: Option<&str>| {
        let made = rule(source, destination).apply(subject.as_bytes());
        let made = made.map(|made| String::from_utf8(made).unwrap());
        assert_eq!(
            made.as_deref(),
            expected,
            "{source} -> {destination}: {subject}"
        );
    };
    check(
        "wasmbus.evt.*.>",
        "wadm_event_consumer.evt.{{wildcard(1)}}.>",
        "wasmbus.evt.default.host_heartbeat",
        Some("wadm_event_consumer.evt.default.host_heartbeat"),
    );
    check("a.*.*", "b.$2.$1", "a.x.y", Some("b.y.x"));
    check("", "u.>", "t2.a.b", Some("u.t2.a.b"));
    check(">", ">", "a.b", Some("a.b"));
    check("a", "b.c", "a", Some("b.c"));
    check("a.*", "b.{{wildcard(1)}}", "a.b.c", None);
    // What nats-server 2.15.1 made of it.
    check(
        "t.*",
        "u.{{wildcard(1)}}.{{partition(3,1)}}.{{splitfromleft(1,2)}}.{{slicefromright(1,2)}}",
        "t.abcde",
        Some("u.abcde.0.ab.cde.a.bc.de"),
    );
    check(
        "t.*",
        "{{ SplitFromRight( 1 , 2 ) }}",
        "t.abcde",
        Some("abc.de"),
    );
    check("t.*", "{{slicefromleft(1,2)}}", "t.abcde", Some("ab.cd.e"));
    check(
        "t.*",
        "{{left(1,2)}}.{{right(1,2)}}",
        "t.abcde",
        Some("ab.de"),
    );
    check("t.*", "{{left(1,9)}}", "t.abcde", Some("abcde"));
    check("t.*", "{{split(1,-)}}", "t.-a--b-", Some("a.b"));
    check("t.*", "$JS.{{wildcard(1)}}.$x", "t.a", Some("$JS.a.$x"));
}

#[test]
fn a_message_stays_as_it_is_where_no_subject_would_come_of_it() {
    assert_eq!(rule("t.*", "u.{{split(1,-)}}").apply(b"t.-"), None);
    let long = "{{wildcard(1)}}.".repeat(100) + "x";
    let token = "y".repeat(100);
    assert_eq!(
        rule("t.*", &long).apply(format!("t.{token}").as_bytes()),
        None
    );
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    for (source, destination, expected) in [
        ("a..", "b", "invalid subject a.."),
        ("a.>", "b", "invalid subject"),
        ("a", "b.>", "invalid subject"),
        ("a.*", "b.*", "invalid subject"),
        ("a.*", "b..c", "invalid subject"),
        (
            "a.*",
            "b.{{wildcard(2)}}",
            "invalid mapping destination: wildcard index out of range in {{wildcard(2)}}",
        ),
        (
            "a",
            "b.{{wildcard(1)}}",
            "invalid mapping destination: wildcard index out of range in {{wildcard(1)}}",
        ),
        (
            "a.*",
            "{{nope(1)}}",
            "invalid mapping destination: unknown function in {{nope(1)}}",
        ),
        (
            "a.*",
            "{{wildcard(x)}}",
            "invalid mapping destination: function argument is invalid or in the wrong format in {{wildcard(x)}}",
        ),
        (
            "a.*",
            "{{wildcard()}}",
            "invalid mapping destination: not enough arguments passed to the function in {{wildcard()}}",
        ),
        (
            "a.*",
            "{{left(1,2,3)}}",
            "invalid mapping destination: too many arguments passed to the function in {{left(1,2,3)}}",
        ),
        (
            "a.*",
            "{{partition(0,1)}}",
            "invalid mapping destination: function argument is invalid or in the wrong format in {{partition(0,1)}}",
        ),
    ] {
        assert_eq!(
            mistake(source, destination),
            expected,
            "{source} -> {destination}"
        );
    }
    assert_eq!(Transform::parse("a", "").unwrap(), None);
}
