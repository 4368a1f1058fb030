use weft_model::inventory::{PassedRevisions, ProviderInventory};

use super::*;

fn seconds(seconds: u64) -> Moment {
    Moment::from_secs(seconds)
}

fn host(id: &str) -> HostId {
    id.parse().unwrap()
}

fn inventory(id: &str, providers: &[&str]) -> Arc<HostInventory> {
    Arc::new(HostInventory {
        host: host(id),
        friendly_name: String::new(),
        labels: Default::default(),
        version: String::new(),
        uptime: Duration::ZERO,
        components: Vec::new(),
        providers: providers
            .iter()
            .map(|provider| ProviderInventory {
                id: provider.parse().unwrap(),
                image: None,
                name: None,
                annotations: Default::default(),
                substitution: None,
                problems: Vec::new(),
            })
            .collect(),
        passed: Some(PassedRevisions::default()),
    })
}

fn observed(asks_max: usize) -> Observed {
    Observed::new(Settings {
        heartbeat_interval: seconds(30),
        asks_max,
    })
}

fn answer(observed: &mut Observed, now: u64, step: StepNumber, id: &str) -> News {
    let answer = Answer::Inventory(inventory(id, &[]));
    observed.hear(seconds(now), step, Sign::Answered(host(id), answer))
}

#[test]
fn a_host_that_is_heard_of_is_asked_once() {
    let mut observed = observed(9);
    let greeting = Sign::Greeting(host("a"));
    assert_eq!(
        observed.hear(seconds(0), 1, greeting.clone()),
        News::default()
    );
    assert!(!observed.is_settled());
    assert_eq!(observed.take_asks(seconds(0), 1), [host("a")]);
    assert_eq!(observed.take_asks(seconds(0), 2), []);
    // What happens meanwhile makes it be asked once more.
    observed.hear(seconds(0), 3, greeting.clone());
    observed.hear(seconds(0), 3, greeting);
    let news = answer(&mut observed, 0, 4, "a");
    assert!(news.is_changed && observed.is_settled());
    assert_eq!(news.fresh, Some((host("a"), 1)));
    assert_eq!(observed.take_asks(seconds(0), 5), [host("a")]);
    let news = answer(&mut observed, 0, 6, "a");
    assert!(!news.is_changed);
    assert_eq!(news.fresh, Some((host("a"), 5)));
    assert_eq!(observed.take_asks(seconds(0), 7), []);
}

#[test]
fn only_so_many_are_asked_at_once() {
    let mut observed = observed(2);
    for id in ["a", "b", "c"] {
        observed.hear(seconds(0), 1, Sign::Greeting(host(id)));
    }
    assert_eq!(observed.take_asks(seconds(0), 1).len(), 2);
    assert_eq!(observed.take_asks(seconds(0), 1), []);
    answer(&mut observed, 0, 2, "b");
    assert_eq!(observed.take_asks(seconds(0), 3), [host("c")]);
}

#[test]
fn a_silent_host_is_asked_then_given_up() {
    let mut observed = observed(9);
    observed.hear(seconds(0), 1, Sign::Heartbeat(inventory("a", &[])));
    observed.set_concern(seconds(0), &host("a"), Concern::None);
    assert_eq!(observed.deadline(), Some(Duration::from_millis(37_500)));
    assert_eq!(observed.take_asks(seconds(37), 2), []);
    assert_eq!(observed.take_asks(seconds(38), 2), [host("a")]);
    observed.hear(seconds(40), 3, Sign::Answered(host("a"), Answer::None));
    assert_eq!(observed.take_asks(seconds(40), 4), []);
    assert_eq!(observed.take_asks(seconds(41), 4), [host("a")]);
    assert_eq!(observed.expire(seconds(74)), News::default());
    let news = observed.expire(seconds(75));
    assert!(news.is_changed && news.is_loss);
    assert_eq!(news.gone, [host("a")]);
    assert!(!observed.has_hosts());
    // The answer comes too late, and does not bring it back.
    answer(&mut observed, 76, 5, "a");
    assert!(!observed.has_hosts());
}

#[test]
fn an_answer_keeps_a_host_that_has_no_heartbeats() {
    let mut observed = observed(9);
    observed.hear(seconds(0), 1, Sign::Greeting(host("a")));
    for now in [0, 38, 76, 114] {
        assert_eq!(observed.take_asks(seconds(now), now), [host("a")]);
        answer(&mut observed, now, now + 1, "a");
        observed.set_concern(seconds(now), &host("a"), Concern::None);
        assert!(observed.expire(seconds(now)).gone.is_empty());
    }
}

#[test]
fn a_host_that_nobody_listens_for_is_gone_at_once() {
    let mut observed = observed(9);
    observed.hear(seconds(0), 1, Sign::Heartbeat(inventory("a", &[])));
    observed.hear(seconds(1), 2, Sign::Changed(host("a")));
    observed.take_asks(seconds(1), 2);
    let news = observed.hear(seconds(1), 3, Sign::Answered(host("a"), Answer::Gone));
    assert_eq!(
        (news.gone.as_slice(), news.is_loss),
        ([host("a")].as_slice(), true)
    );
    observed.hear(seconds(2), 4, Sign::Heartbeat(inventory("a", &[])));
    let news = observed.hear(seconds(3), 5, Sign::Stopped(host("a")));
    assert_eq!(
        (news.gone.as_slice(), news.is_loss),
        ([host("a")].as_slice(), false)
    );
}

#[test]
fn silence_means_nothing_while_nobody_can_be_heard() {
    let mut observed = observed(9);
    observed.hear(seconds(0), 1, Sign::Heartbeat(inventory("a", &[])));
    observed.set_connected(seconds(10), false);
    assert_eq!(observed.deadline(), None);
    assert_eq!(observed.expire(seconds(1000)), News::default());
    assert_eq!(observed.take_asks(seconds(1000), 2), []);
    observed.set_connected(seconds(1000), true);
    assert_eq!(observed.expire(seconds(1000)), News::default());
    assert_eq!(observed.take_asks(seconds(1000), 3), [host("a")]);
    // It may be on its way back.
    let gone = || Sign::Answered(host("a"), Answer::Gone);
    assert_eq!(observed.hear(seconds(1000), 4, gone()), News::default());
    assert_eq!(observed.take_asks(seconds(1000), 5), []);
    for now in [1001, 1002] {
        assert_eq!(observed.take_asks(seconds(now), 6), [host("a")]);
        assert_eq!(observed.hear(seconds(now), 7, gone()), News::default());
    }
    assert_eq!(observed.take_asks(seconds(1007), 8), [host("a")]);
    assert!(observed.hear(seconds(1007), 9, gone()).is_loss);
}

#[test]
fn a_host_that_lags_or_complains_is_asked_again_with_growing_pauses() {
    let mut observed = observed(9);
    observed.hear(seconds(0), 1, Sign::Heartbeat(inventory("a", &[])));
    let mut now = seconds(0);
    let mut pauses = Vec::new();
    for step in 0..12 {
        observed.set_concern(now, &host("a"), Concern::Behind);
        let next = observed.deadline().unwrap();
        pauses.push(u64::try_from((next - now).as_millis()).unwrap());
        now = next;
        assert_eq!(observed.take_asks(now, step).len(), 1);
        let answer = Answer::Inventory(inventory("a", &[]));
        observed.hear(now, step, Sign::Answered(host("a"), answer));
    }
    assert_eq!(pauses[..4], [5, 10, 20, 40]);
    assert_eq!(pauses[11], 1000);
    observed.set_concern(now, &host("a"), Concern::Problems);
    assert_eq!(observed.deadline(), Some(now + Duration::from_millis(250)));
    observed.set_concern(now, &host("a"), Concern::None);
    assert_eq!(observed.take_asks(now + seconds(30), 99), []);
}

#[test]
fn health_is_forgotten_with_its_provider() {
    let mut observed = observed(9);
    observed.hear(
        seconds(0),
        1,
        Sign::Heartbeat(inventory("a", &["kv", "http"])),
    );
    let health = |provider: &str, is_well| Sign::Health {
        host: host("a"),
        provider: provider.parse().unwrap(),
        is_well,
    };
    assert!(observed.hear(seconds(0), 2, health("kv", false)).is_changed);
    assert!(!observed.hear(seconds(0), 2, health("kv", false)).is_changed);
    observed.hear(seconds(0), 2, health("http", false));
    assert!(
        observed
            .hear(seconds(0), 2, health("http", true))
            .is_changed
    );
    assert_eq!(observed.unhealthy().len(), 1);
    observed.hear(seconds(1), 3, Sign::Heartbeat(inventory("a", &["http"])));
    assert!(observed.unhealthy().is_empty());
}
