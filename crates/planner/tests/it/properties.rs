//! Lattices that chance makes up: every plan obeys the rules, and carrying plans out comes to an end.
//!
//! What chance makes up are scripts, so that a failure can be read, and kept as one of `tests/scripts`. Each plan on the
//! way is checked, and made again from the same facts in another order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use crate::script::run;

const HOSTS: [&str; 4] = ["a", "b", "c", "d"];
const NAMES: [&str; 4] = ["web", "back", "kv", "http"];
/// Ids that several applications may claim, and that foreign things may have.
const SHARED_IDS: [&str; 2] = ["id=x", "id=shop-web"];

/// A command of a script.
fn command() -> impl Strategy<Value = String> {
    let host = || select(&HOSTS[..]);
    let labels = select(vec!["", "zone=east", "zone=west", "zone=east disk=ssd"]);
    let application = || select(vec!["shop", "blog"]);
    let id = || select(vec!["shop-web", "shop-kv", "blog-back", "x", "by-hand"]);
    let marks = select(vec![
        "",
        "wasmcloud.dev/managed-by=wadm wasmcloud.dev/appspec=shop",
        "wasmcloud.dev/managed-by=weft wasmcloud.dev/appspec=shop",
        "wasmcloud.dev/managed-by=weft wasmcloud.dev/appspec=blog weft.config=shop-one",
        "wasmcloud.dev/managed-by=weft wasmcloud.dev/appspec=gone",
    ]);
    let kind = select(vec!["component", "provider"]);
    let interfaces = select(vec!["store", "store,atomics", "batch"]);
    prop_oneof![
        4 => (host(), labels).prop_map(|(host, labels)| format!("host {host} {labels}")),
        2 => host().prop_map(|host| format!("gone {host}")),
        6 => (application(), 1..4_u32, body())
            .prop_map(|(name, version, body)| format!("deploy {name} v{version}\n{body}")),
        1 => application().prop_map(|name| format!("undeploy {name}")),
        1 => application().prop_map(|name| format!("forget {name}")),
        2 => (host(), kind, id(), 1..9_u32, marks).prop_map(|(host, kind, id, count, marks)| {
            let count = if kind == "component" { count.to_string() } else { String::new() };
            format!("try-run {host} {kind} {id} web:1 {count} {marks}")
        }),
        1 => Just("put-config theirs k=v".to_owned()),
        1 => (id(), id(), interfaces).prop_map(|(source, target, interfaces)| {
            format!("put-link {source} {target} wasi:keyvalue {interfaces}")
        }),
        2 => (host(), id(), 1..4_u32)
            .prop_map(|(host, id, version)| format!("fail {host} {id} v{version} no")),
        1 => (host(), id()).prop_map(|(host, id)| format!("retry {host} {id}")),
        2 => Just("step".to_owned()),
        2 => Just("send".to_owned()),
        2 => Just("land".to_owned()),
    ]
}

/// What an application consists of. Names, ids and links are unique within it, as in every validated one.
fn body() -> impl Strategy<Value = String> {
    let part = (
        select(vec!["component", "provider"]),
        select(&NAMES[..]),
        select(vec!["web:1", "web:2", "oci://web:1"]),
        0..7_u32,
        proptest::collection::vec(extra(), 0..3),
    );
    let link = (
        select(&NAMES[..]),
        select(&NAMES[..]),
        select(vec!["store", "store,atomics", "atomics"]),
        select(vec!["", "target+theirs", "source+shop-one"]),
    );
    let config = select(vec!["", "  config one k=1\n", "  config one k=2\n"]);
    (
        config,
        proptest::collection::vec(part, 0..4),
        proptest::collection::vec(link, 0..4),
    )
        .prop_map(|(config, parts, links)| {
            let mut body = config.to_owned();
            let mut ids = BTreeSet::new();
            let mut names = BTreeSet::new();
            for (kind, name, image, count, extras) in parts {
                let own_id = extras
                    .iter()
                    .rfind(|extra| extra.starts_with("id="))
                    .map_or(name, |extra| *extra);
                // `shop-web` may also be the generated id of `web`.
                let is_web = own_id == "web" || own_id == "id=shop-web";
                let id = if is_web { "web" } else { own_id };
                if !names.contains(name) && ids.insert(id) {
                    names.insert(name);
                    let extras = extras.join(" ");
                    body += &[" ", kind, name, image, &count.to_string(), &extras].join(" ");
                    body.push('\n');
                }
            }
            let mut taken = BTreeSet::new();
            let mut joined = BTreeSet::new();
            for (source, target, interfaces, config) in links {
                let is_there = names.contains(source) && names.contains(target);
                let is_new = interfaces
                    .split(',')
                    .all(|interface| taken.insert((source, interface)));
                if is_there && is_new && joined.insert((source, target)) {
                    body += &[
                        "  link",
                        source,
                        target,
                        "wasi:keyvalue",
                        interfaces,
                        config,
                    ]
                    .join(" ");
                    body.push('\n');
                }
            }
            body
        })
}

/// What may follow a component or provider.
fn extra() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("daemon"),
        Just("e:80:zone=east"),
        Just("w:20:zone=west"),
        Just("any:50"),
        Just("ssd:100:disk=ssd"),
        Just("+shop-one"),
        Just("+theirs"),
        select(&SHARED_IDS[..]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn plans_obey_the_rules_and_come_to_an_end(
        commands in proptest::collection::vec(command(), 1..25),
    ) {
        let mut script = String::from("host a zone=east\nhost b zone=west\n");
        for command in commands {
            script += &command;
            script.push('\n');
        }
        script += "land\nsettle\n";
        run(&script);
    }
}
