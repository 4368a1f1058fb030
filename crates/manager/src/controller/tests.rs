use std::collections::VecDeque;
use std::sync::Arc;

use weft_lattice::bucket::{Change, Entry};
use weft_manifest::Strictness;
use weft_model::id::HostId;
use weft_model::inventory::{ComponentInventory, HostInventory, PassedRevisions};
use weft_model::problem::Problem;
use weft_planner::{Action, Step};
use weft_protocol::application::StatusType;

use super::*;
use crate::catalog::edit::{self, Candidate, Put};
use crate::catalog::record::{ApplicationRecord, RevisionId};
use crate::observed::Answer;

fn seconds(seconds: u64) -> Moment {
    Moment::from_secs(seconds)
}

fn manifest(image: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{ name: shop, annotations: {{}} }}\nspec:\n  components:\n    - {{ name: web, type: component, properties: {{ id: web, image: '{image}' }} }}\n"
    )
}

/// A controller and the lattice around it, where everything is done at once but for the steps of plans.
struct World {
    controller: Controller,
    now: Moment,
    record: Option<ApplicationRecord>,
    revisions: BTreeMap<RevisionId, Loaded>,
    hosts: BTreeMap<HostId, HostInventory>,
    /// Plans that are to be executed.
    jobs: VecDeque<Job>,
    statuses: Vec<StatusType>,
    dropped: Vec<RevisionId>,
    removed_records: Vec<(String, u64)>,
    writes: u64,
}

impl World {
    /// A manager of an empty lattice that has read everything and follows.
    fn new() -> Self {
        let mut world = Self::unread();
        for input in [Input::Application, Input::Record, Input::Config] {
            world.run(input(Change::Listed { revision: 0 }));
        }
        world
    }

    fn unread() -> Self {
        let options = Options::new("m1");
        let settings = Settings::new(&options, 1 << 19);
        Self {
            controller: Controller::new(&options, settings, Counters::new()),
            now: Moment::ZERO,
            record: None,
            revisions: BTreeMap::new(),
            hosts: BTreeMap::new(),
            jobs: VecDeque::new(),
            statuses: Vec::new(),
            dropped: Vec::new(),
            removed_records: Vec::new(),
            writes: 0,
        }
    }

    /// Takes something in, and does all that follows.
    fn run(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.controller.step(self.now, input) {
                self.perform(effect, &mut inputs);
            }
        }
    }

    fn perform(&mut self, effect: Effect, inputs: &mut VecDeque<Input>) {
        match effect {
            Effect::Ask(host) => {
                let answer = match self.hosts.get(&host) {
                    Some(inventory) => Answer::Inventory(Arc::new(inventory.clone())),
                    None => Answer::Gone,
                };
                inputs.push_back(Input::Answered(host, answer));
            }
            Effect::Ping => inputs.extend(self.hosts.keys().cloned().map(Input::Greeting)),
            Effect::Load(_, id) => {
                let loaded = self.revisions[&id].clone();
                inputs.push_back(Input::Loaded(id, loaded));
            }
            Effect::Execute(job) => self.jobs.push_back(*job),
            Effect::WriteStatuses(statuses) => {
                let kinds = statuses.iter().map(|one| one.status.info.kind);
                self.statuses.extend(kinds);
                inputs.push_back(Input::StatusesWritten { failed: Vec::new() });
            }
            Effect::Tidy(tidyings) => {
                for tidying in tidyings {
                    let change = match tidying {
                        Tidying::Change { change, .. } => change,
                        Tidying::RemoveRecord { id, expected } => {
                            self.removed_records.push((id.to_string(), expected));
                            let key = format!("COMPONENT_{id}");
                            let revision = expected + 1;
                            inputs.push_back(Input::Record(Change::Deleted { key, revision }));
                            continue;
                        }
                        Tidying::Remove { .. } => panic!("{tidying:?}"),
                    };
                    self.dropped.extend(change.dropped);
                    inputs.push_back(Input::Application(self.store(change.record)));
                }
                inputs.push_back(Input::Tidied);
            }
        }
    }

    fn wait_until(&mut self, now: Moment) {
        self.now = now;
        self.run(Input::Tick);
    }

    fn lead(&mut self) {
        self.run(Input::Lease(Lease::new("epoch", 1).ok()));
        let open = self.now + self.controller.settings.discovery_window;
        self.wait_until(open);
    }

    fn host(&mut self, id: &str) {
        let host: HostId = id.parse().unwrap();
        let inventory = HostInventory {
            host: host.clone(),
            friendly_name: String::new(),
            labels: Default::default(),
            version: String::new(),
            uptime: Duration::ZERO,
            components: Vec::new(),
            providers: Vec::new(),
            passed: Some(PassedRevisions::default()),
        };
        self.hosts.insert(host.clone(), inventory);
        self.run(Input::Greeting(host));
    }

    /// Puts a revision and deploys it.
    fn deploy(&mut self, id: &str, loaded: Loaded) {
        let revision = RevisionId::new(id);
        let candidate = Candidate {
            name: "shop".parse().unwrap(),
            version: id.to_owned(),
            is_assigned: false,
            digest: id.to_owned(),
            description: None,
            revision: revision.clone(),
        };
        self.revisions.insert(revision, loaded);
        let Ok(Put::Stored { change, .. }) = edit::put(self.record.as_ref(), &candidate, 9) else {
            panic!("it is new");
        };
        let record = edit::deploy(&change.record.unwrap(), Some(id), 1);
        self.write(record.unwrap());
    }

    fn deploy_image(&mut self, id: &str, image: &str) {
        let parsed = weft_manifest::parse(&manifest(image), Strictness::Lenient);
        let application = Arc::new(parsed.application.unwrap());
        self.deploy(id, Loaded::Application(application));
    }

    fn write(&mut self, record: ApplicationRecord) {
        let change = self.store(Some(record));
        self.run(Input::Application(change));
    }

    fn store(&mut self, record: Option<ApplicationRecord>) -> Change {
        self.writes += 1;
        self.record = record;
        let (key, revision) = ("app.shop".to_owned(), self.writes);
        match &self.record {
            Some(record) => Change::Put(Entry {
                key,
                value: record.encode().into(),
                revision,
            }),
            None => Change::Deleted { key, revision },
        }
    }

    /// Executes the next plan; what its steps are is given.
    fn execute(&mut self) -> Vec<String> {
        let job = self.jobs.pop_front().expect("there is a plan");
        let mut texts = Vec::new();
        for step in job.steps {
            texts.push(step.action.to_string());
            self.apply(&step);
            let done = StepOutcome::Done { revision: None };
            self.run(Input::StepEnded(Box::new(step), done));
        }
        self.run(Input::PlanEnded);
        texts
    }

    /// A plan of which every step fails.
    fn fail(&mut self) {
        let job = self.jobs.pop_front().expect("there is a plan");
        for step in job.steps {
            let problem = Problem {
                code: "TST001".into(),
                subject: String::new(),
                message: "no".to_owned(),
                hints: Vec::new(),
            };
            let failed = StepOutcome::Failed(problem);
            self.run(Input::StepEnded(Box::new(step), failed));
        }
        self.run(Input::PlanEnded);
    }

    fn apply(&mut self, step: &Step) {
        let Action::ScaleComponent {
            host,
            id,
            image,
            count,
            limits,
            annotations,
            ..
        } = &step.action
        else {
            panic!("nothing else is planned: {}", step.action);
        };
        let Some(inventory) = self.hosts.get_mut(host) else {
            return;
        };
        inventory.components.retain(|one| one.id != *id);
        if *count > 0 {
            inventory.components.push(ComponentInventory {
                id: id.clone(),
                image: image.clone(),
                name: None,
                annotations: annotations.clone(),
                instances_max: *count,
                limits: Some(*limits),
                problems: Vec::new(),
            });
        }
    }

    /// The record of an id as it is written.
    fn record(&mut self, id: &str, links: &str, revision: u64) {
        let value = format!(r#"{{"url":"x:1","links":[{links}]}}"#);
        self.run(Input::Record(Change::Put(Entry {
            key: format!("COMPONENT_{id}"),
            value: value.into_bytes().into(),
            revision,
        })));
    }

    /// Lets time pass, with hosts that tell what they run.
    fn live_until(&mut self, until: Moment) {
        while self.now < until {
            self.wait_until(self.now + seconds(10));
            self.beat();
        }
    }

    /// All hosts tell what they run.
    fn beat(&mut self) {
        for host in self.hosts.keys().cloned().collect::<Vec<_>>() {
            self.run(Input::Greeting(host));
        }
    }
}

#[test]
fn one_that_follows_knows_all_and_does_nothing() {
    let mut world = World::new();
    world.host("h1");
    world.deploy_image("v1", "x:1");
    world.wait_until(seconds(60));
    assert!(world.jobs.is_empty() && world.statuses.is_empty());
    assert_eq!(
        world
            .controller
            .take_snapshot()
            .unwrap()
            .claims
            .keys()
            .collect::<Vec<_>>(),
        ["web"]
    );
    // Once it acts it does not wait for hosts that it knows.
    world.run(Input::Lease(Lease::new("epoch", 2).ok()));
    assert_eq!(
        world.execute(),
        ["scale component `web` on `h1` to 1 of `x:1`"]
    );
    world.beat();
    assert_eq!(
        world.statuses,
        [StatusType::Reconciling, StatusType::Deployed]
    );
    assert!(world.jobs.is_empty());
}

#[test]
fn nothing_is_planned_before_everything_is_known() {
    let mut world = World::unread();
    world.lead();
    world.host("h1");
    world.deploy_image("v1", "x:1");
    world.run(Input::Application(Change::Listed { revision: 1 }));
    world.run(Input::Record(Change::Listed { revision: 0 }));
    world.wait_until(seconds(1));
    assert!(world.jobs.is_empty());
    world.run(Input::Config(Change::Listed { revision: 0 }));
    assert_eq!(world.jobs.len(), 1);
}

#[test]
fn one_plan_is_executed_at_a_time() {
    let mut world = World::new();
    world.lead();
    world.host("h1");
    world.deploy_image("v1", "x:1");
    assert_eq!(world.jobs.len(), 1);
    world.deploy_image("v2", "x:2");
    world.host("h2");
    world.wait_until(seconds(2));
    assert_eq!(world.jobs.len(), 1, "it waits for the end of the first");
    assert_eq!(
        world.execute(),
        ["scale component `web` on `h1` to 1 of `x:1`"]
    );
    assert_eq!(
        world.execute(),
        ["update component `web` on `h1` to 1 of `x:2`"]
    );
    world.beat();
    assert!(world.jobs.is_empty());
    assert_eq!(world.statuses.last(), Some(&StatusType::Deployed));
}

#[test]
fn what_failed_is_tried_again_after_a_pause_or_when_it_is_asked_for() {
    let mut world = World::new();
    world.lead();
    world.host("h1");
    world.deploy_image("v1", "x:1");
    world.fail();
    assert!(world.jobs.is_empty());
    assert_eq!(world.statuses.last(), Some(&StatusType::Failed));
    let retry_at = world.controller.deadline();
    assert_eq!(retry_at, world.now + seconds(1));
    world.wait_until(retry_at);
    world.fail();
    assert_eq!(world.controller.deadline(), retry_at + seconds(2));
    // Somebody deploys it again, and does not want to wait.
    let record = edit::deploy(world.record.as_ref().unwrap(), None, 1);
    world.write(record.unwrap());
    world.execute();
    world.beat();
    assert_eq!(world.statuses.last(), Some(&StatusType::Deployed));
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    let mut world = World::new();
    world.lead();
    world.host("h1");
    world.deploy_image("v1", "x:1");
    world.execute();
    world.beat();
    let problem = Problem {
        code: "TST001".into(),
        subject: String::new(),
        message: "not read".to_owned(),
        hints: Vec::new(),
    };
    world.deploy("v2", Loaded::Unusable(problem));
    world.wait_until(seconds(20));
    assert!(world.jobs.is_empty(), "what runs goes on running");
    assert_eq!(world.statuses.last(), Some(&StatusType::Failed));
    // Nor is something whose record cannot be read taken for something that nobody wants.
    let entry = Entry {
        key: "app.shop".to_owned(),
        value: "[".to_owned().into(),
        revision: 99,
    };
    world.run(Input::Application(Change::Put(entry)));
    world.wait_until(seconds(40));
    assert!(world.jobs.is_empty());
}

#[test]
fn a_command_whose_effect_is_not_seen_is_sent_again() {
    let mut world = World::new();
    world.lead();
    world.host("h1");
    world.deploy_image("v1", "x:1");
    let job = world.jobs.pop_front().unwrap();
    let sent_at = world.now;
    for step in job.steps {
        // The host says yes, and does nothing.
        let done = StepOutcome::Done { revision: None };
        world.run(Input::StepEnded(Box::new(step), done));
    }
    world.run(Input::PlanEnded);
    for second in [10, 30, 50] {
        world.wait_until(seconds(second));
        world.beat();
        assert!(world.jobs.is_empty(), "it may still be on its way");
    }
    world.wait_until(sent_at + Options::new("m1").command_timeout);
    assert_eq!(world.jobs.len(), 1);
}

#[test]
fn one_that_stops_begins_nothing() {
    let mut world = World::new();
    world.lead();
    world.host("h1");
    world.run(Input::Stop);
    world.deploy_image("v1", "x:1");
    world.wait_until(seconds(60));
    assert!(world.jobs.is_empty());
}

#[test]
fn an_application_that_was_undeployed_is_forgotten_when_it_is_gone() {
    let mut world = World::new();
    world.lead();
    world.host("h1");
    world.deploy_image("v1", "x:1");
    world.execute();
    world.beat();
    let deleted = edit::delete(world.record.as_ref().unwrap(), None).unwrap();
    world.write(deleted.change.record.unwrap());
    // What runs is known by its annotations: the manifest is not needed for that.
    assert_eq!(world.dropped, [RevisionId::new("v1")]);
    assert!(world.record.is_some(), "it still runs");
    assert_eq!(world.execute(), ["end component `web` on `h1`"]);
    assert!(world.record.is_some(), "nobody has seen it end");
    world.beat();
    assert_eq!(world.record, None);
}

#[test]
fn records_go_when_nothing_has_them_any_more() {
    let link = r#"{"source_id":"linked","target":"kv","name":"default","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"]}"#;
    let mut world = World::new();
    world.host("h1");
    world.deploy_image("v1", "x:1");
    world.record("gone", "", 1);
    world.record("linked", link, 2);
    // Not understood, and a link all the same.
    world.record("odd", r#"{"source_id":"odd","target":"a b"}"#, 3);
    world.record("web", "", 4);
    world.live_until(seconds(2000));
    assert_eq!(world.removed_records, [], "it only follows");
    world.lead();
    world.execute();
    world.beat();
    // Written anew: somebody starts it, perhaps.
    world.record("gone", "", 5);
    let age = world.controller.settings.orphan_age;
    let written_at = world.now;
    world.live_until(written_at + age - seconds(60));
    assert_eq!(world.removed_records, []);
    world.live_until(written_at + age + seconds(120));
    assert_eq!(world.removed_records, [("gone".to_owned(), 5)]);
}
