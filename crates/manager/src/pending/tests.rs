use weft_model::inventory::{ComponentInventory, ProviderInventory};
use weft_planner::Phase;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(60);

fn scale(count: u32) -> Action {
    Action::ScaleComponent {
        host: "a".parse().unwrap(),
        id: "web".parse().unwrap(),
        image: "x:1".to_owned(),
        digest: None,
        count,
        config: Vec::new(),
        limits: Default::default(),
        annotations: Default::default(),
        allows_update: false,
    }
}

fn start(image: &str) -> Action {
    Action::StartProvider {
        host: "a".parse().unwrap(),
        id: "kv".parse().unwrap(),
        image: image.to_owned(),
        digest: None,
        config: Vec::new(),
        annotations: Default::default(),
    }
}

fn stop() -> Action {
    Action::StopProvider {
        host: "a".parse().unwrap(),
        id: "kv".parse().unwrap(),
    }
}

fn pending(actions: &[Action]) -> Pending {
    let mut pending = Pending::new(TIMEOUT);
    let steps: Vec<Step> = actions
        .iter()
        .map(|action| Step {
            application: "shop".parse().unwrap(),
            phase: Phase::ScaleComponents,
            action: action.clone(),
            reason: String::new(),
        })
        .collect();
    let purpose = Purpose {
        application: "shop".parse().unwrap(),
        version: "v1".to_owned(),
    };
    pending.queue(steps.iter().map(|step| (step, purpose.clone())));
    pending
}

/// What the host `a` runs: so many of a component, and a provider of this image.
fn inventory(count: u32, provider: Option<&str>) -> HostInventory {
    let component = ComponentInventory {
        id: "web".parse().unwrap(),
        image: "x:1".to_owned(),
        name: None,
        annotations: Default::default(),
        instances_max: count,
        limits: None,
        problems: Vec::new(),
    };
    HostInventory {
        host: "a".parse().unwrap(),
        friendly_name: String::new(),
        labels: Default::default(),
        version: String::new(),
        uptime: Duration::ZERO,
        components: (count > 0).then_some(component).into_iter().collect(),
        providers: provider
            .map(|image| ProviderInventory {
                id: "kv".parse().unwrap(),
                image: Some(image.to_owned()),
                name: None,
                annotations: Default::default(),
                substitution: None,
                problems: Vec::new(),
            })
            .into_iter()
            .collect(),
        passed: None,
    }
}

fn scaled(count: u32) -> Outcome {
    scaled_of(count, "x:1")
}

fn scaled_of(count: u32, image: &str) -> Outcome {
    let (host, id) = ("a".parse().unwrap(), "web".parse().unwrap());
    Outcome::Scaled(host, id, count, image.to_owned())
}

#[test]
fn a_command_is_pending_until_its_effect_is_there() {
    let mut pending = pending(&[scale(3)]);
    pending.sent(Moment::ZERO, &scale(3), None);
    assert!(pending.observe(1, &inventory(0, None)).is_empty());
    assert_eq!(pending.actions(), [scale(3)]);
    assert_eq!(pending.observe(2, &inventory(3, None)), [scale(3).object()]);
    assert!(pending.actions().is_empty());
}

#[test]
fn what_a_host_calls_done_is_pending_until_it_was_asked_after_that() {
    let mut pending = pending(&[scale(3)]);
    // The outcome may be read before the acknowledgement, and the host may have done something else than was asked.
    assert!(pending.settle(5, &scaled(3)).is_some());
    pending.sent(Moment::ZERO, &scale(3), None);
    assert!(pending.observe(4, &inventory(2, None)).is_empty());
    assert_eq!(pending.observe(5, &inventory(2, None)).len(), 1);
    assert!(pending.actions().is_empty());
}

#[test]
fn an_outcome_of_an_earlier_command_settles_nothing() {
    let mut scaling = pending(&[scale(3), scale(5)]);
    assert_eq!(scaling.actions(), [scale(5)]);
    assert_eq!(scaling.settle(1, &scaled(3)), None);
    assert_eq!(scaling.fail(&scaled(3)), None);
    scaling.sent(Moment::ZERO, &scale(3), None);
    assert_eq!(scaling.deadline(), None);
    // An update leaves the number as it is; what is ended has whatever image it had.
    assert_eq!(scaling.settle(1, &scaled_of(5, "x:0")), None);
    let mut ended = pending(&[scale(0)]);
    assert!(ended.settle(1, &scaled_of(0, "x:0")).is_some());
    // A provider is replaced: its stop is not its start.
    let mut replaced = pending(&[stop(), start("y:2")]);
    let (host, id) = ("a".parse().unwrap(), "kv".parse().unwrap());
    assert_eq!(replaced.settle(1, &Outcome::Stopped(host, id)), None);
    assert!(replaced.observe(9, &inventory(0, Some("y:1"))).is_empty());
    assert_eq!(replaced.observe(9, &inventory(0, Some("y:2"))).len(), 1);
}

#[test]
fn what_failed_is_not_pending() {
    let mut pending = pending(&[scale(3), start("y:1")]);
    assert_eq!(pending.fail(&scaled(3)).unwrap().version, "v1");
    pending.drop(&start("y:1"));
    assert!(pending.actions().is_empty());
}

#[test]
fn what_is_not_observed_in_time_is_given_up() {
    let mut pending = pending(&[scale(3), stop()]);
    pending.sent(Moment::from_secs(1), &scale(3), None);
    assert_eq!(pending.deadline(), Some(Moment::from_secs(61)));
    assert_eq!(pending.expire(Moment::from_secs(60)), 0);
    assert_eq!(pending.expire(Moment::from_secs(61)), 1);
    // What was never sent goes with its plan.
    assert_eq!(pending.actions(), [stop()]);
    pending.drop_queued();
    assert!(pending.actions().is_empty());
}

#[test]
fn records_and_configs_are_observed_in_their_buckets() {
    let name: ConfigName = "c".parse().unwrap();
    let values = Config::from([("k".to_owned(), "v".to_owned())]);
    let put = Action::PutConfig {
        name: name.clone(),
        values: values.clone(),
    };
    let source: EntityId = "web".parse().unwrap();
    let set = Action::SetLinks {
        source: source.clone(),
        expected: None,
        links: Vec::new(),
    };
    let mut pending = pending(&[put.clone(), set.clone()]);
    assert!(pending.observe_record(&source, 9).is_empty());
    pending.sent(Moment::ZERO, &set, Some(7));
    assert!(pending.observe_record(&source, 6).is_empty());
    assert_eq!(pending.observe_record(&source, 7), [set.object()]);
    assert!(pending.observe_config(&name, None).is_empty());
    assert_eq!(pending.observe_config(&name, Some(&values)), [put.object()]);
}

#[test]
fn a_command_whose_image_is_still_fetched_is_not_given_up() {
    let mut pending = pending(&[scale(1)]);
    pending.sent(Moment::from_secs(1), &scale(1), None);
    let host = "a".parse().unwrap();
    pending.extend(Moment::from_secs(31), &host, "other:1");
    assert_eq!(pending.deadline(), Some(Moment::from_secs(61)));
    pending.extend(Moment::from_secs(31), &host, "x:1");
    assert_eq!(pending.expire(Moment::from_secs(61)), 0);
    assert_eq!(pending.expire(Moment::from_secs(91)), 1);
}
