//! Where something is to run (spec §9.8).
//!
//! A placement is a list of groups of hosts with a share each. For components a share is balanced over all hosts of its
//! group; for providers it is a number of hosts. Both prefer hosts where it runs already, so that nothing moves without
//! need; ties go to the lesser host id.

use std::collections::BTreeMap;

use weft_model::application::{Placement, PlacementRule, Spread};
use weft_model::id::HostId;
use weft_model::inventory::HostInventory;
use weft_model::labels::{self, Labels};

/// The name of the group of a placement without groups (spec §9.8).
const GROUP_DEFAULT: &str = "default";

/// The hosts, by id.
pub(crate) type Hosts<'a> = BTreeMap<&'a HostId, &'a HostInventory>;

/// Where something is to run.
#[derive(Debug)]
pub(crate) struct Targets<'a> {
    /// By host; never 0.
    pub(crate) hosts: BTreeMap<&'a HostId, Target<'a>>,
    /// What could not be placed, the heaviest group first.
    pub(crate) unmet: Vec<Unmet<'a>>,
    /// How much there has to be before anything superfluous may end.
    pub(crate) wanted: u64,
}

/// What is to run on one host.
#[derive(Debug, Default)]
pub(crate) struct Target<'a> {
    /// Instances; 1 for a provider.
    pub(crate) count: u32,
    /// The groups it counts for, the heaviest first.
    spreads: Vec<&'a str>,
}

/// A group with fewer hosts than it needs.
#[derive(Debug)]
pub(crate) struct Unmet<'a> {
    /// What a host of the group has to have.
    pub(crate) requirements: &'a Labels,
    /// How many hosts it needs.
    pub(crate) wanted: usize,
    /// How many it has.
    pub(crate) found: usize,
}

/// A group of hosts and its share.
struct Group<'a> {
    name: &'a str,
    requirements: &'a Labels,
    share: u32,
    hosts: Vec<&'a HostId>,
}

static NO_LABELS: Labels = Labels::new();

/// Where the instances of a component are to run. `current` is how many run on a host.
pub(crate) fn component_targets<'a>(
    placement: &'a Placement,
    hosts: &Hosts<'a>,
    current: impl Fn(&HostId) -> u32,
) -> Targets<'a> {
    let groups = groups(placement, hosts);
    if placement.rule == PlacementRule::Daemon {
        return daemon_targets(&groups, placement.instances);
    }
    let mut targets = Targets::new(placement.instances.into());
    for group in &groups {
        if group.share == 0 {
            continue;
        }
        if group.hosts.is_empty() {
            targets.unmet.push(group.unmet(1));
            continue;
        }
        let host_count = u32::try_from(group.hosts.len()).unwrap_or(u32::MAX);
        let (base, mut rest) = (group.share / host_count, group.share % host_count);
        // What runs on a host beyond the shares of earlier groups counts for this one.
        let unassigned = |host: &HostId, targets: &Targets<'_>| {
            let assigned = targets.hosts.get(host).map_or(0, |target| target.count);
            current(host).saturating_sub(assigned)
        };
        let mut order = group.hosts.clone();
        order.sort_by_key(|host| {
            let useful = unassigned(host, &targets).min(base.saturating_add(1));
            (std::cmp::Reverse(useful), *host)
        });
        for host in order {
            let extra = rest.min(1);
            rest -= extra;
            targets.add(host, base + extra, group.name);
        }
    }
    targets
}

/// The hosts where a provider is to run. `is_current` is whether it runs on a host, `is_failing` whether the host could
/// not start it.
pub(crate) fn provider_targets<'a>(
    placement: &'a Placement,
    hosts: &Hosts<'a>,
    is_current: impl Fn(&HostId) -> bool,
    is_failing: impl Fn(&HostId) -> bool,
) -> Targets<'a> {
    let groups = groups(placement, hosts);
    if placement.rule == PlacementRule::Daemon {
        return daemon_targets(&groups, 1.min(placement.instances));
    }
    let mut targets = Targets::new(placement.instances.into());
    // The group with the fewest hosts chooses first, lest another takes them from it.
    let mut by_need: Vec<&Group<'_>> = groups.iter().filter(|group| group.share > 0).collect();
    by_need.sort_by_key(|group| group.hosts.len());
    for group in by_need {
        let share = usize::try_from(group.share).unwrap_or(usize::MAX);
        let mut free: Vec<&HostId> = group
            .hosts
            .iter()
            .copied()
            .filter(|host| !targets.hosts.contains_key(host))
            .collect();
        free.sort_by_key(|host| (!is_current(host), is_failing(host), *host));
        if free.len() < share {
            targets.unmet.push(Unmet {
                found: free.len(),
                ..group.unmet(share)
            });
        }
        for host in free.into_iter().take(share) {
            targets.add(host, 1, group.name);
        }
    }
    targets
}

/// `count` on each host of any group.
fn daemon_targets<'a>(groups: &[Group<'a>], count: u32) -> Targets<'a> {
    let mut targets = Targets::new(0);
    if count == 0 {
        return targets;
    }
    for group in groups {
        if group.hosts.is_empty() {
            targets.unmet.push(group.unmet(1));
        }
        for &host in &group.hosts {
            let target = targets.hosts.entry(host).or_default();
            target.count = count;
            target.spreads.push(group.name);
        }
    }
    // Without any host, what runs stays: a mistyped label is no reason to end everything.
    targets.wanted = if targets.hosts.is_empty() {
        u64::MAX
    } else {
        u64::from(count) * targets.hosts.len() as u64
    };
    targets
}

/// The groups of a placement with their shares and hosts, the heaviest first, then by name: each share is rounded down,
/// and what is left is handed out one by one.
fn groups<'a>(placement: &'a Placement, hosts: &Hosts<'a>) -> Vec<Group<'a>> {
    if placement.spread.is_empty() {
        return vec![Group {
            name: GROUP_DEFAULT,
            requirements: &NO_LABELS,
            share: placement.instances,
            hosts: hosts.keys().copied().collect(),
        }];
    }
    let mut spreads: Vec<&Spread> = placement.spread.iter().collect();
    spreads.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.name.cmp(&b.name)));
    // Weights that are all 0 are refused in manifests; here they are all the same.
    let floor = u64::from(spreads.iter().all(|spread| spread.weight == 0));
    let weight = |spread: &Spread| u128::from(spread.weight.max(floor));
    let total: u128 = spreads.iter().map(|spread| weight(spread)).sum();
    let share = |spread: &Spread| {
        let share = u128::from(placement.instances) * weight(spread) / total;
        u32::try_from(share).expect("a share is at most the whole, which has 32 bits")
    };
    let shared: u32 = spreads.iter().map(|spread| share(spread)).sum();
    let rest = usize::try_from(placement.instances - shared).unwrap_or(usize::MAX);
    let mut groups: Vec<Group<'_>> = spreads
        .into_iter()
        .map(|spread| Group {
            name: &spread.name,
            requirements: &spread.requirements,
            share: share(spread),
            hosts: hosts
                .iter()
                .filter(|(_, host)| labels::satisfies(&host.labels, &spread.requirements))
                .map(|(&host, _)| host)
                .collect(),
        })
        .collect();
    // Each share lost less than one, hence there are fewer left than groups.
    for group in groups.iter_mut().take(rest) {
        group.share += 1;
    }
    groups
}

// ===== impl Targets =====

impl<'a> Targets<'a> {
    fn new(wanted: u64) -> Self {
        Self {
            hosts: BTreeMap::new(),
            unmet: Vec::new(),
            wanted,
        }
    }

    fn add(&mut self, host: &'a HostId, count: u32, spread: &'a str) {
        if count > 0 {
            let target = self.hosts.entry(host).or_default();
            target.count = target.count.saturating_add(count);
            target.spreads.push(spread);
        }
    }

    /// How much is to run on `host`.
    pub(crate) fn count(&self, host: &HostId) -> u32 {
        self.hosts.get(host).map_or(0, |target| target.count)
    }
}

// ===== impl Target =====

impl Target<'_> {
    /// The names of the groups it counts for, with commas.
    pub(crate) fn spread_names(&self) -> String {
        self.spreads.join(",")
    }
}

// ===== impl Group =====

impl<'a> Group<'a> {
    fn unmet(&self, wanted: usize) -> Unmet<'a> {
        Unmet {
            requirements: self.requirements,
            wanted,
            found: self.hosts.len(),
        }
    }
}

#[cfg(test)]
mod tests;
