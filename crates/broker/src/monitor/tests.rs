use std::time::Duration;

use super::query::Query;
use super::render_uptime;

#[test]
fn uptimes_are_written_as_nats_server_does() {
    let check = |seconds, expected: &str| {
        assert_eq!(render_uptime(Duration::from_secs(seconds)), expected);
    };
    check(0, "0s");
    check(61, "1m1s");
    check(7_200, "2h0m0s");
    check(90_061, "1d1h1m1s");
}

#[test]
fn parameters_have_their_kinds() {
    let query = Query::parse("subs=1&limit=7&sort=idle&limit=9&auth").unwrap();
    assert!(query.flag("subs").unwrap() && !query.flag("auth").unwrap());
    assert_eq!(query.number("limit", 1_usize).unwrap(), 7);
    assert_eq!(query.number("offset", 3_usize).unwrap(), 3);
    assert_eq!(query.text("sort"), Some("idle"));
    assert!(query.flag("limit").is_err() && query.number::<u64>("sort", 0).is_err());
    assert!(Query::parse(&"a=1&b=2&".repeat(4)).is_ok());
    let many: String = (0..40).map(|n| format!("p{n}=1&")).collect();
    assert!(Query::parse(&many).is_err());
}
