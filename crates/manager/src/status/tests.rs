use weft_planner::Object;

use super::*;
use crate::clock::Moment;
use crate::observed;
use crate::pending::Purpose;

const SECOND: Moment = Moment::from_secs(1);

fn problem(message: &str) -> Problem {
    Problem {
        code: "TST001".into(),
        subject: String::new(),
        message: message.to_owned(),
        hints: Vec::new(),
    }
}

fn link() -> LinkIdentity {
    LinkIdentity {
        source: "web".parse().unwrap(),
        target: "kv".parse().unwrap(),
        name: LinkName::default(),
        package: "wasi:keyvalue".parse().unwrap(),
    }
}

fn part(name: PartName, state: State) -> Part {
    Part { name, state }
}

fn component(state: State) -> Part {
    let name = PartName::Component {
        name: "web".to_owned(),
        id: "web".parse().unwrap(),
        rule: PlacementRule::Daemon,
    };
    part(name, state)
}

fn reconciling(message: &str) -> State {
    State::Reconciling {
        message: message.to_owned(),
    }
}

fn report(parts: Vec<Part>) -> ApplicationReport {
    ApplicationReport {
        version: Some("v1".to_owned()),
        parts,
        leftovers: Leftovers::None,
    }
}

/// The status of a report where nothing else is known but a failure about `object`.
fn status_with(report: &ApplicationReport, failed: Option<Object>) -> Status {
    let name: ApplicationName = "shop".parse().unwrap();
    let mut setbacks = Setbacks::new(SECOND, SECOND);
    if let Some(object) = failed {
        let purpose = Purpose {
            application: name.clone(),
            version: "v1".to_owned(),
        };
        setbacks.fail(SECOND, object, purpose, problem("cannot be written"));
    }
    let facts = Facts {
        observed: &Observed::new(observed::Settings {
            heartbeat_interval: SECOND,
            asks_max: 1,
        }),
        records: &Records::default(),
        configs: &Configs::default(),
        setbacks: &setbacks,
    };
    derive(&name, report, &facts)
}

fn status(report: &ApplicationReport) -> Status {
    status_with(report, None)
}

fn check(report: &ApplicationReport, kind: StatusType, message: &str) {
    let status = status(report);
    assert_eq!(
        (status.info.kind, status.info.message.as_str()),
        (kind, message)
    );
}

#[test]
fn the_worst_parts_speak_for_the_whole() {
    let all_up = report(vec![
        component(State::Deployed),
        part(PartName::Link(link()), State::Deployed),
    ]);
    check(&all_up, StatusType::Deployed, "");
    let mut parts = all_up.parts;
    parts[0].state = reconciling("one is missing");
    parts.push(part(
        PartName::Config("c".parse().unwrap()),
        reconciling("one is missing"),
    ));
    check(
        &report(parts.clone()),
        StatusType::Reconciling,
        "one is missing",
    );
    parts[1].state = State::Failed(problem("no host"));
    let failed = report(parts);
    check(&failed, StatusType::Failed, "no host");
    assert_eq!(status(&failed).weft_problems.len(), 1);
    check(&report(Vec::new()), StatusType::Deployed, "");
}

#[test]
fn complaints_count_once_configs_and_own_links_are_there() {
    let config = |state| part(PartName::Config("c".parse().unwrap()), state);
    let linked = |state| part(PartName::Link(link()), state);
    let all = report(vec![config(State::Deployed), linked(State::Deployed)]);
    assert!(is_set_up(&all, "web"));
    let changing = report(vec![config(reconciling("put")), linked(State::Deployed)]);
    assert!(!is_set_up(&changing, "web") && !is_set_up(&changing, "kv"));
    let linking = report(vec![config(State::Deployed), linked(reconciling("set"))]);
    assert!(!is_set_up(&linking, "web") && is_set_up(&linking, "kv"));
}

#[test]
fn what_is_left_is_told() {
    let mut one = report(vec![component(State::Deployed)]);
    one.leftovers = Leftovers::Removing(2);
    check(
        &one,
        StatusType::Reconciling,
        "removing 2 of earlier revisions",
    );
    assert_eq!(status(&one).weft_removing, 2);
    one.version = None;
    check(&one, StatusType::Undeployed, UNDEPLOYED);
    assert_eq!(status(&one).weft_removing, 2);
}

#[test]
fn parts_are_named_in_the_words_of_the_dialect_and_told_apart() {
    let mut named = link();
    named.name = "backup".parse().unwrap();
    let status = status(&report(vec![
        component(State::Deployed),
        part(PartName::Link(link()), State::Deployed),
        part(PartName::Link(named), State::Deployed),
    ]));
    let parts: Vec<(&str, &str)> = status
        .scalers
        .iter()
        .map(|part| (part.kind.as_str(), part.name.as_str()))
        .collect();
    assert_eq!(
        parts,
        [
            ("DaemonScaler", "web"),
            ("LinkScaler", "web -(wasi:keyvalue)-> kv"),
            ("LinkScaler", "web -(wasi:keyvalue)-> kv [backup]"),
        ]
    );
    let ids: BTreeSet<&str> = status.scalers.iter().map(|part| part.id.as_str()).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_link_that_could_not_be_written_has_failed() {
    let object = Object::Record("web".parse().unwrap());
    let missing = report(vec![part(PartName::Link(link()), reconciling("missing"))]);
    let status = status_with(&missing, Some(object.clone()));
    assert_eq!(status.info.kind, StatusType::Failed);
    assert_eq!(status.info.message, "cannot be written");
    // Once it is there, how it came there does not matter.
    let there = report(vec![part(PartName::Link(link()), State::Deployed)]);
    let status = status_with(&there, Some(object));
    assert_eq!(status.info.kind, StatusType::Deployed);
}

#[test]
fn a_large_status_loses_what_matters_least() {
    let mut parts = vec![component(State::Failed(problem(&"ö".repeat(300))))];
    parts.extend((0..100).map(|number| {
        let name = format!("c{number}").parse().unwrap();
        part(PartName::Config(name), State::Deployed)
    }));
    let status = status(&report(parts));
    let record = StatusRecord::new("shop".parse().unwrap(), 1, status);
    let fitted = fit(record.clone(), 1 << 20);
    assert_eq!(fitted, record);
    let fitted = fit(record.clone(), 4000);
    assert_eq!(fitted.status.scalers.len(), 1);
    assert!(fitted.encode().len() <= 4000);
    let fitted = fit(record, 1500);
    assert!(fitted.status.scalers.is_empty());
    assert_eq!(fitted.status.info.kind, StatusType::Failed);
    assert!(fitted.status.info.message.len() <= 375);
}
