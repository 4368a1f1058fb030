use std::time::Duration;

use super::*;

/// Hosts `a`, `b`, … with these zones.
fn inventories(zones: &[&str]) -> Vec<HostInventory> {
    zones
        .iter()
        .zip('a'..)
        .map(|(zone, id)| HostInventory {
            host: id.to_string().parse().unwrap(),
            friendly_name: String::new(),
            labels: Labels::from([("zone".to_owned(), (*zone).to_owned())]),
            version: String::new(),
            uptime: Duration::ZERO,
            components: Vec::new(),
            providers: Vec::new(),
            passed: None,
        })
        .collect()
}

/// A placement with groups of a name, a weight and a zone, which may be empty.
fn placement(instances: u32, groups: &[(&str, u64, &str)]) -> Placement {
    let labels = |zone: &str| {
        let has_zone = !zone.is_empty();
        has_zone
            .then(|| ("zone".to_owned(), zone.to_owned()))
            .into_iter()
            .collect()
    };
    Placement {
        rule: PlacementRule::Spread,
        instances,
        spread: groups
            .iter()
            .map(|&(name, weight, zone)| Spread {
                name: name.to_owned(),
                weight,
                requirements: labels(zone),
            })
            .collect(),
    }
}

/// What each host is to run of a component, and how many groups have no host. `current` is what each runs now.
#[track_caller]
fn check(placement: &Placement, zones: &[&str], current: &[u32], expected: &[u32], unmet: usize) {
    let inventories = inventories(zones);
    let hosts: Hosts<'_> = inventories.iter().map(|one| (&one.host, one)).collect();
    let index = |host: &HostId| hosts.keys().position(|one| *one == host).unwrap();
    let targets = component_targets(placement, &hosts, |host| {
        current.get(index(host)).copied().unwrap_or(0)
    });
    let counts: Vec<u32> = hosts.keys().map(|host| targets.count(host)).collect();
    assert_eq!(counts, expected);
    assert_eq!(targets.unmet.len(), unmet);
}

#[test]
fn shares_are_rounded_down_and_the_rest_goes_to_the_heaviest() {
    let two = |instances| placement(instances, &[("a", 80, "east"), ("b", 20, "west")]);
    check(&two(10), &["east", "west"], &[], &[8, 2], 0);
    check(&two(3), &["east", "west"], &[], &[3, 0], 0);
    check(&two(9), &["east", "west"], &[], &[8, 1], 0);
    let three = placement(8, &[("c", 100, "c"), ("b", 100, "b"), ("a", 100, "a")]);
    check(&three, &["a", "b", "c"], &[], &[3, 3, 2], 0);
}

#[test]
fn extreme_numbers_are_shared_too() {
    let large = placement(u32::MAX, &[("a", u64::MAX, "a"), ("b", u64::MAX, "b")]);
    check(&large, &["a", "b"], &[], &[1 << 31, (1 << 31) - 1], 0);
    let weightless = placement(5, &[("a", 0, "a"), ("b", 0, "b")]);
    check(&weightless, &["a", "b"], &[], &[3, 2], 0);
    check(
        &placement(u32::MAX, &[]),
        &["a"],
        &[u32::MAX],
        &[u32::MAX],
        0,
    );
    let twice = placement(u32::MAX, &[("a", 1, ""), ("b", 1, "")]);
    check(&twice, &["a"], &[], &[u32::MAX], 0);
}

#[test]
fn a_share_is_balanced_where_it_moves_least() {
    let ten = placement(10, &[]);
    check(&ten, &["", "", ""], &[], &[4, 3, 3], 0);
    check(&ten, &["", "", ""], &[3, 3, 4], &[3, 3, 4], 0);
    check(&ten, &["", "", ""], &[0, 9, 0], &[3, 4, 3], 0);
    let one = placement(1, &[]);
    check(&one, &["", "", ""], &[0, 0, 1], &[0, 0, 1], 0);
    check(&one, &["", "", ""], &[0, 5, 1], &[0, 1, 0], 0);
}

#[test]
fn what_a_host_runs_for_one_group_does_not_count_for_the_next() {
    let both = placement(5, &[("east", 80, "east"), ("rest", 20, "")]);
    check(&both, &["east", "west"], &[], &[5, 0], 0);
    check(&both, &["east", "west"], &[4, 1], &[4, 1], 0);
}

#[test]
fn a_group_without_hosts_keeps_its_share_to_itself() {
    let two = placement(10, &[("a", 50, "east"), ("b", 50, "west")]);
    check(&two, &["east"], &[], &[5], 1);
    let none_of_it = placement(1, &[("a", 100, "east"), ("b", 1, "west")]);
    check(&none_of_it, &["east"], &[], &[1], 0);
}

#[test]
fn providers_go_to_hosts_that_run_them_and_not_to_those_that_cannot() {
    let inventories = inventories(&["east", "west", "west"]);
    let hosts: Hosts<'_> = inventories.iter().map(|one| (&one.host, one)).collect();
    let check = |placement: &Placement, current: &str, failing: &str, expected: &str| {
        let targets = provider_targets(
            placement,
            &hosts,
            |host| current.contains(host.as_str()),
            |host| failing.contains(host.as_str()),
        );
        let chosen: String = targets.hosts.keys().map(|host| host.as_str()).collect();
        assert_eq!(chosen, expected);
        targets.unmet.len()
    };
    let two = placement(2, &[]);
    assert_eq!(check(&two, "", "", "ab"), 0);
    assert_eq!(check(&two, "c", "", "ac"), 0);
    assert_eq!(check(&two, "", "a", "bc"), 0);
    assert_eq!(check(&two, "a", "a", "ab"), 0);
    assert_eq!(check(&placement(4, &[]), "", "", "abc"), 1);
    // The group that has one host only gets it, although the other one is heavier.
    let nested = placement(2, &[("any", 51, ""), ("east", 49, "east")]);
    assert_eq!(check(&nested, "", "", "ab"), 0);
}
