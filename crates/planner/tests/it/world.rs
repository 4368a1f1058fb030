//! A lattice that does what it is told, at once: what planning is checked against.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_model::application::Application;
use weft_model::id::{ApplicationName, EntityId, HostId};
use weft_model::inventory::{
    ComponentInventory, HostInventory, PassedRevisions, ProviderInventory,
};
use weft_model::labels::Labels;
use weft_model::link::Link;
use weft_planner::check::check;
use weft_planner::{
    Action, ApplicationInput, Deployed, Input, LinkRecord, Owned, Plan, Policy, Report, plan,
};

/// The facts, and what is needed to make new ones.
pub(crate) struct World {
    pub(crate) input: Input,
    /// What was sent and has not arrived, in order.
    in_flight: Vec<Action>,
    revisions: BTreeMap<ApplicationName, Vec<Application>>,
    next_rank: u64,
}

// ===== impl World =====

impl World {
    pub(crate) fn new() -> Self {
        Self {
            input: Input {
                policy: Policy {
                    managed_by: "weft".to_owned(),
                    draining_label: "weft.draining".to_owned(),
                },
                applications: Vec::new(),
                hosts: Vec::new(),
                unhealthy: Default::default(),
                records: Vec::new(),
                configs: Default::default(),
                pending: Vec::new(),
                failures: Vec::new(),
            },
            in_flight: Vec::new(),
            revisions: BTreeMap::new(),
            next_rank: 1,
        }
    }

    /// Makes a plan, which is checked, for the facts in any order.
    pub(crate) fn plan(&self) -> (Plan, Report) {
        let (made, report) = plan(&self.input);
        let violations = check(&self.input, &made);
        assert!(
            violations.is_empty(),
            "{}",
            violations
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        );
        let mut reversed = self.input.clone();
        reversed.applications.reverse();
        reversed.hosts.reverse();
        reversed.records.reverse();
        reversed.pending.reverse();
        reversed.failures.reverse();
        for host in &mut reversed.hosts {
            host.components.reverse();
            host.providers.reverse();
        }
        assert_eq!(plan(&reversed), (made.clone(), report.clone()));
        (made, report)
    }

    /// Does everything a plan says.
    pub(crate) fn apply(&mut self, plan: &Plan) {
        for step in &plan.steps {
            self.act(&step.action);
        }
    }

    /// Sends everything a plan says, without it arriving.
    pub(crate) fn send(&mut self, plan: &Plan) {
        for step in &plan.steps {
            let object = step.action.object();
            self.input.pending.retain(|one| one.object() != object);
            self.input.pending.push(step.action.clone());
            self.in_flight.push(step.action.clone());
        }
    }

    /// Lets everything arrive that was sent.
    pub(crate) fn land(&mut self) {
        self.input.pending.clear();
        for action in std::mem::take(&mut self.in_flight) {
            self.act(&action);
        }
    }

    /// Lets everything fail that was sent and `fails` holds for.
    pub(crate) fn lose(&mut self, fails: impl Fn(&Action) -> bool) {
        self.input.pending.retain(|action| !fails(action));
        self.in_flight.retain(|action| !fails(action));
    }

    /// Does one thing, as hosts would.
    pub(crate) fn act(&mut self, action: &Action) {
        match action {
            Action::PutConfig { name, values } => {
                self.input.configs.insert(name.clone(), values.clone());
            }
            Action::DeleteConfig { name } => {
                self.input.configs.remove(name);
            }
            Action::StartProvider {
                host,
                id,
                image,
                annotations,
                ..
            } => {
                if let Some(host) = self.host(host)
                    && host.providers.iter().all(|one| &one.id != id)
                {
                    host.providers.push(ProviderInventory {
                        id: id.clone(),
                        image: Some(image.clone()),
                        name: None,
                        annotations: annotations.clone(),
                        substitution: None,
                        problems: Vec::new(),
                    });
                }
            }
            Action::StopProvider { host, id } => {
                if let Some(host) = self.host(host) {
                    host.providers.retain(|one| &one.id != id);
                }
            }
            Action::ScaleComponent { host, .. } => {
                let host = host.clone();
                if let Some(host) = self.host(&host) {
                    scale(host, action);
                }
            }
            Action::SetLinks {
                source,
                expected,
                links,
            } => self.set_links(source, *expected, links),
        }
    }

    fn set_links(&mut self, source: &EntityId, expected: Option<u64>, links: &[Link]) {
        let record = self
            .input
            .records
            .iter_mut()
            .find(|record| &record.source == source);
        match (record, expected) {
            (Some(record), Some(revision)) if record.revision == revision => {
                record.revision += 1;
                record.links = links.to_vec();
            }
            (None, None) => self.input.records.push(LinkRecord {
                source: source.clone(),
                revision: 1,
                links: links.to_vec(),
            }),
            // Compare-and-set: somebody else was faster.
            _ => {}
        }
    }

    pub(crate) fn host(&mut self, id: &HostId) -> Option<&mut HostInventory> {
        self.input.hosts.iter_mut().find(|host| &host.host == id)
    }

    pub(crate) fn add_host(&mut self, id: HostId, labels: Labels) {
        self.input.hosts.push(HostInventory {
            friendly_name: id.to_string(),
            host: id,
            labels,
            version: "0.0.0".to_owned(),
            uptime: Duration::ZERO,
            components: Vec::new(),
            providers: Vec::new(),
            passed: Some(PassedRevisions::default()),
        });
    }

    pub(crate) fn deploy(&mut self, application: Application) {
        let name = application.name.clone();
        let revisions = self.revisions.entry(name.clone()).or_default();
        revisions.push(application.clone());
        let owned = Owned::by(revisions.iter());
        let present = self
            .input
            .applications
            .iter()
            .position(|one| one.name == name);
        let rank = present
            .and_then(|index| self.input.applications[index].deployed.as_ref())
            .map_or(self.next_rank, |deployed| deployed.rank);
        self.next_rank += 1;
        let deployed = Deployed {
            rank,
            version: application.version.clone().unwrap(),
            application,
        };
        let input = ApplicationInput {
            name,
            deployed: Some(deployed),
            owned,
        };
        match present {
            Some(index) => self.input.applications[index] = input,
            None => self.input.applications.push(input),
        }
    }

    pub(crate) fn undeploy(&mut self, name: &str) {
        for application in &mut self.input.applications {
            if application.name.as_str() == name {
                application.deployed = None;
            }
        }
    }

    /// Adds a link by hand.
    pub(crate) fn put_link(&mut self, link: Link) {
        let record = self
            .input
            .records
            .iter_mut()
            .find(|record| record.source == link.source);
        match record {
            Some(record) => {
                record.revision += 1;
                record.links.push(link);
            }
            None => self.input.records.push(LinkRecord {
                source: link.source.clone(),
                revision: 1,
                links: vec![link],
            }),
        }
    }
}

fn scale(host: &mut HostInventory, action: &Action) {
    let Action::ScaleComponent {
        id,
        image,
        count,
        limits,
        annotations,
        allows_update,
        ..
    } = action
    else {
        return;
    };
    let present = host.components.iter().position(|one| &one.id == id);
    let scaled = ComponentInventory {
        id: id.clone(),
        image: image.clone(),
        name: None,
        annotations: annotations.clone(),
        instances_max: *count,
        limits: Some(*limits),
        problems: Vec::new(),
    };
    match (present, count) {
        (None, 0) => {}
        (None, _) => host.components.push(scaled),
        (Some(index), 0) => {
            host.components.remove(index);
        }
        (Some(index), _) if *allows_update => host.components[index] = scaled,
        // Whatever runs keeps running; its image is not looked at.
        (Some(index), _) => {
            let present = &mut host.components[index];
            present.instances_max = *count;
            present.annotations = annotations.clone();
        }
    }
}
