use super::*;

fn stream(json: &str) -> Result<StreamConfig, ApiError> {
    StreamConfig::parse(parse_object(json.as_bytes())?)?.checked()
}

fn consumer(json: &str) -> Result<ConsumerConfig, ApiError> {
    let of = stream(r#"{"name":"S","subjects":["a.>"]}"#)?;
    ConsumerConfig::parse(parse_object(json.as_bytes())?)?.checked(&of)
}

fn stream_code(json: &str) -> u16 {
    stream(json).expect_err(json).err_code
}

fn consumer_code(json: &str) -> u16 {
    consumer(json).expect_err(json).err_code
}

#[test]
fn a_bucket_is_filled_like_the_reference_server_fills_it() {
    let config = stream(
        r#"{"name":"KV_b","description":"","subjects":["$KV.b.>"],"retention":"limits","max_consumers":0,
        "max_msgs":0,"max_bytes":0,"max_age":0,"max_msgs_per_subject":1,"discard":"new","storage":"file",
        "num_replicas":1,"allow_rollup_hdrs":true,"deny_delete":true,"allow_direct":true,"consumer_limits":null}"#,
    )
    .unwrap();
    assert_eq!(
        serde_json::to_string(&config).unwrap(),
        concat!(
            r#"{"name":"KV_b","subjects":["$KV.b.>"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"#,
            r#""max_bytes":-1,"max_age":0,"max_msgs_per_subject":1,"max_msg_size":-1,"discard":"new","#,
            r#""storage":"file","num_replicas":1,"duplicate_window":120000000000,"compression":"none","#,
            r#""allow_direct":true,"mirror_direct":false,"sealed":false,"deny_delete":true,"#,
            r#""deny_purge":false,"allow_rollup_hdrs":true,"consumer_limits":{}}"#
        )
    );
}

#[test]
fn stream_options_that_are_not_offered_are_refused() {
    for option in [
        r#""mirror":{"name":"X"}"#,
        r#""placement":{"cluster":"C"}"#,
        r#""republish":{"src":">","dest":"x.>"}"#,
        r#""compression":"s2""#,
        r#""subject_delete_marker_ttl":1000000000"#,
        r#""allow_msg_counter":true"#,
        r#""persist_mode":"async""#,
        r#""some_later_option":1"#,
        r#""consumer_limits":{"some_later_option":1}"#,
    ] {
        assert_eq!(
            stream_code(&format!(r#"{{"name":"S",{option}}}"#)),
            10052,
            "{option}"
        );
    }
    assert_eq!(stream_code(r#"{"name":"S","num_replicas":3}"#), 10074);
    let unused = r#"{"name":"S","mirror":null,"sources":[],"placement":{"cluster":"","tags":null},"pause":0}"#;
    assert_eq!(stream(unused).unwrap().subjects, ["S"]);
}

#[test]
fn stream_limits_must_make_sense() {
    for bad in [
        r#"{"name":"a.b"}"#,
        r#"{"name":"S","subjects":["a..b"]}"#,
        r#"{"name":"S","subjects":["a","a"]}"#,
        r#"{"name":"S","subjects":["a.*","a.b"]}"#,
        r#"{"name":"S","subjects":[">"]}"#,
        r#"{"name":"S","subjects":["$JS.API.>"]}"#,
        r#"{"name":"S","max_age":1000}"#,
        r#"{"name":"S","max_age":1000000000,"duplicate_window":2000000000}"#,
        r#"{"name":"S","deny_purge":true,"allow_rollup_hdrs":true}"#,
        r#"{"name":"S","discard_new_per_subject":true}"#,
    ] {
        assert_eq!(stream_code(bad), 10052, "{bad}");
    }
    assert_eq!(stream_code(r#"{"name":"S","max_msgs":"many"}"#), 10025);
    assert_eq!(stream_code("[]"), 10025);
}

#[test]
fn consumers_get_their_defaults() {
    let push =
        consumer(r#"{"deliver_subject":"in","ack_policy":"none","num_replicas":1}"#).unwrap();
    assert_eq!(push.inactive_threshold, 5_000_000_000);
    assert_eq!(
        (push.max_waiting, push.max_ack_pending, push.max_deliver),
        (0, 0, -1)
    );
    let pull = consumer(r#"{"durable_name":"d","ack_policy":"explicit"}"#).unwrap();
    assert_eq!((pull.max_waiting, pull.max_ack_pending), (512, 1000));
    assert_eq!(
        (pull.ack_wait, pull.inactive_threshold),
        (30_000_000_000, 0)
    );
}

#[test]
fn consumers_that_make_no_sense_are_refused() {
    let check = |json: &str, code: u16| assert_eq!(consumer_code(json), code, "{json}");
    check(r#"{"deliver_subject":"in.*"}"#, 10079);
    check(r#"{"deliver_subject":"a.b"}"#, 10081);
    check(r#"{"deliver_subject":"in","flow_control":true}"#, 10108);
    check(r#"{"deliver_subject":"in","idle_heartbeat":1000}"#, 10083);
    check(r#"{"deliver_subject":"in","max_waiting":1}"#, 10080);
    check(r#"{"durable_name":"d","flow_control":true}"#, 10089);
    check(r#"{"durable_name":"a.b"}"#, 10103);
    check(r#"{"durable_name":"d","name":"e"}"#, 10132);
    check(
        r#"{"filter_subject":"a.b","filter_subjects":["a.c"]}"#,
        10136,
    );
    check(r#"{"filter_subjects":["a.b","a.*"]}"#, 10138);
    check(r#"{"filter_subjects":[""]}"#, 10139);
    check(r#"{"deliver_policy":"new","opt_start_seq":5}"#, 10094);
    check(r#"{"deliver_policy":"by_start_sequence"}"#, 10094);
    check(r#"{"deliver_policy":"last_per_subject"}"#, 10094);
    check(r#"{"backoff":[1,2,3],"max_deliver":2}"#, 10116);
    check(r#"{"ack_policy":"explicit","ack_wait":-1}"#, 10183);
    check(r#"{"ack_policy":"explicit","backoff":[1,-1]}"#, 10184);
    check(r#"{"replay_policy":"original"}"#, 10012);
    check(r#"{"sample_freq":"50%"}"#, 10012);
    check(r#"{"sample_freq":"x"}"#, 10095);
    check(r#"{"priority_groups":["a"]}"#, 10012);
    check(r#"{"direct":true}"#, 10012);
    check(r#"{"deliver_policy":"sometimes"}"#, 10025);
}

fn good(json: &str) -> StreamConfig {
    stream(json).expect(json)
}

#[test]
fn sources_and_rules_that_make_no_sense_are_refused() {
    let check = |options: &str, code: u16| {
        let json = format!(r#"{{"name":"S",{options}}}"#);
        assert_eq!(stream_code(&json), code, "{options}");
    };
    let source = |options: &str| format!(r#""sources":[{{"name":"O",{options}}}]"#);
    check(r#""sources":[{"name":"O.x"}]"#, 10141);
    check(
        r#""sources":[{"name":"O"},{"name":"O","filter_subject":">"}]"#,
        10140,
    );
    let rule = r#""subject_transforms":[{"src":"a","dest":"b"}]"#;
    check(&source(&format!(r#""filter_subject":"a",{rule}"#)), 10144);
    check(&source(r#""filter_subject":"a..""#), 10145);
    check(
        &source(r#""subject_transforms":[{"src":"a..","dest":"b"}]"#),
        10145,
    );
    check(
        &source(r#""subject_transforms":[{"src":"a.*","dest":"{{x(1)}}"}]"#),
        10146,
    );
    check(
        &source(r#""subject_transforms":[{"src":"a.>","dest":"b.>"},{"src":"a.*","dest":"c"}]"#),
        10147,
    );
    check(r#""subject_transform":{"src":"a..","dest":"b"}"#, 10155);
    check(r#""subject_transform":{"src":"a.*","dest":"b.$2"}"#, 10156);
    check(&source(r#""external":{"api":"$JS.x.API"}"#), 10052);
    check(&source(r#""domain":"x""#), 10052);
    check(&source(r#""consumer":{"name":"x"}"#), 10052);
    check(
        r#""subject_transform":{"src":"a","dest":"b","more":1}"#,
        10052,
    );
    check(r#""sources":{"name":"O"}"#, 10025);
    assert_eq!(good(r#"{"name":"S","sources":null}"#).subjects, ["S"]);
    assert!(
        good(r#"{"name":"S","sources":[{"name":"O"}]}"#)
            .subjects
            .is_empty()
    );
}

#[test]
fn no_stream_takes_from_itself() {
    let taking = |name: &str, from: &str| {
        good(&format!(
            r#"{{"name":"{name}","sources":[{{"name":"{from}"}}]}}"#
        ))
    };
    let others = [taking("B", "C"), taking("C", "A"), good(r#"{"name":"D"}"#)];
    let check = |config: StreamConfig| {
        let find = |name: &str| others.iter().find(|other| other.name == name);
        config.check_among(find).map_err(|error| error.err_code)
    };
    assert_eq!(check(taking("A", "A")), Err(10052));
    assert_eq!(check(taking("A", "B")), Err(10052));
    assert_eq!(check(taking("A", "D")), Ok(()));
    assert_eq!(check(taking("E", "B")), Ok(()));
    assert_eq!(check(taking("A", "later")), Ok(()));
    let large = good(r#"{"name":"D","max_msg_size":100}"#);
    let mut small = taking("A", "D");
    small.max_msg_size = 10;
    let found = small.check_among(|_| Some(&large));
    assert_eq!(found.unwrap_err().err_code, 10046);
}

#[test]
fn consumers_of_a_queue_share_no_messages() {
    let queue = good(r#"{"name":"Q","subjects":["q.>"],"retention":"workqueue"}"#);
    let consumer = |json: &str| {
        let object = parse_object(json.as_bytes()).unwrap();
        ConsumerConfig::parse(object).unwrap().checked(&queue)
    };
    let join = |json: &str, others: &[&str]| {
        let others: Vec<_> = others
            .iter()
            .map(|other| consumer(other).unwrap())
            .collect();
        consumer(json)
            .and_then(|config| config.check_joining(&queue, others.iter()))
            .map_err(|error| error.err_code)
    };
    let one = r#"{"ack_policy":"explicit","filter_subject":"q.a.>"}"#;
    let all = r#"{"ack_policy":"explicit"}"#;
    assert_eq!(join(r#"{"ack_policy":"none"}"#, &[]), Err(10084));
    assert_eq!(
        join(r#"{"ack_policy":"none","deliver_subject":"d"}"#, &[]),
        Err(10098)
    );
    assert_eq!(join(r#"{"ack_policy":"all"}"#, &[]), Err(10098));
    let new = r#"{"ack_policy":"explicit","deliver_policy":"new"}"#;
    assert_eq!(join(new, &[]), Err(10101));
    assert_eq!(join(all, &[]), Ok(()));
    assert_eq!(join(all, &[one]), Err(10099));
    assert_eq!(join(one, &[all]), Err(10100));
    let crossing = r#"{"ack_policy":"explicit","filter_subject":"q.*.x"}"#;
    assert_eq!(join(crossing, &[one]), Err(10100));
    let beside = r#"{"ack_policy":"explicit","filter_subjects":["q.b","q.c"]}"#;
    assert_eq!(join(beside, &[one]), Ok(()));
    let limits = good(r#"{"name":"L","subjects":["q.>"]}"#);
    let (one, all) = (consumer(one).unwrap(), consumer(all).unwrap());
    assert_eq!(one.check_joining(&limits, [&all].into_iter()), Ok(()));
    assert_eq!(
        all.check_beside(&queue, [&one].into_iter())
            .unwrap_err()
            .err_code,
        10100
    );
}

#[test]
fn a_queue_stays_one() {
    let config = |retention: &str| good(&format!(r#"{{"name":"S","retention":"{retention}"}}"#));
    let check = |old: &str, new: &str| config(new).checked_update(&config(old)).is_ok();
    assert!(check("limits", "interest") && check("interest", "limits"));
    assert!(check("workqueue", "workqueue"));
    assert!(!check("limits", "workqueue") && !check("workqueue", "interest"));
}

#[test]
fn configurations_that_were_stored_before_sources_are_read() {
    let stored = concat!(
        r#"{"name":"S","subjects":["s"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"#,
        r#""max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"old","storage":"file","#,
        r#""num_replicas":1,"duplicate_window":120000000000,"compression":"none","allow_direct":false,"#,
        r#""mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,"#,
        r#""allow_rollup_hdrs":false,"consumer_limits":{}}"#
    );
    let read: StreamConfig = serde_json::from_str(stored).unwrap();
    assert_eq!(read, good(r#"{"name":"S","subjects":["s"]}"#));
    // What has none of the new options is stored as before.
    assert_eq!(serde_json::to_string(&read).unwrap(), stored);
}
