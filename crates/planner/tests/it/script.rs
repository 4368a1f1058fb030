//! Scripts: what happens to a lattice, and what is planned at each point.
//!
//! One command per line; `#` begins a comment. Lines that are indented belong to the `deploy` before them. Ids are
//! `{application}-{name}`.
//!
//! ```text
//! host a zone=east                  a host joins, with labels, or changes its labels to these
//! of-1-9 a                          it is a host of wasmCloud 1.9
//! gone a                            it is gone
//! deploy shop v1                    an application is deployed, with what follows
//!   config cfg k=v k2=v2            a config that it brings along
//!   component web web:1 4 …         name, image, instances
//!   provider kv kv:1 2 …            name, image, hosts
//!     … daemon                      runs on each host
//!     … east:80:zone=east,x=y       a group: name, weight, requirements
//!     … +shop-cfg                   a config, by its name in the lattice
//!     … memory=1024                 a limit
//!     … sha256:…                    the digest
//!     … id=other                    another id
//!   link web kv wasi:keyvalue store,atomics …
//!     … name=other  … source+shop-cfg  … target+shop-cfg
//! undeploy shop
//! forget shop                       it is deleted, and nobody knows it any more
//! run a component other img 3 k=v   something runs that we did not start, with annotations
//! try-run …                         as run, unless the host is gone or runs the id
//! put-config name k=v               a config that somebody put
//! put-link a-id b-id wasi:kv x …    a link that somebody put, by ids
//! fail a shop-web v1 message        a host fails at starting or changing something
//! retry a shop-web                  it is time to try again
//! mend a shop-web                   the failure is forgotten
//! sick a shop-kv                    a provider reports bad health
//! plan                              shows the plan and the report
//! step                              … and carries the plan out
//! send                              shows the plan and leaves it pending
//! land                              carries out what is pending
//! settle                            steps until the plan is empty
//! show                              shows the lattice
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weft_model::application::{
    Application, ComponentSpec, Placement, PlacementRule, ProviderSpec, Spread,
};
use weft_model::id::{ApplicationName, ConfigName, HostId};
use weft_model::inventory::{ComponentInventory, ProviderInventory};
use weft_model::limits::LimitOverrides;
use weft_model::link::Link;
use weft_model::problem::Problem;
use weft_planner::{Action, Failure, Leftovers, PartName, Plan, Report, State};

use crate::world::World;

/// How many steps anything may take to settle.
const ROUNDS_MAX: usize = 20;

/// Runs a script and returns its transcript.
pub(crate) fn run(script: &str) -> String {
    let mut lines = script.lines().peekable();
    let mut world = World::new();
    let mut out = String::new();
    while let Some(line) = lines.next() {
        let line = line.split('#').next().unwrap();
        if line.trim().is_empty() {
            continue;
        }
        writeln!(out, "> {}", line.trim_end()).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "deploy" {
            let mut body = Vec::new();
            while let Some(more) = lines.next_if(|next| next.starts_with(' ')) {
                writeln!(out, "> {more}").unwrap();
                body.push(more);
            }
            world.deploy(application(words[1], words[2], &body));
        } else {
            command(&mut world, &words, &mut out);
        }
    }
    out
}

fn command(world: &mut World, words: &[&str], out: &mut String) {
    match words {
        ["plan"] => show_next(world, out, |_, _| {}),
        ["step"] => show_next(world, out, World::apply),
        ["send"] => show_next(world, out, World::send),
        ["land"] => world.land(),
        ["settle"] => settle(world, out),
        ["show"] => show_world(world, out),
        _ => change(world, words),
    }
}

/// Shows what is planned, and then does something with it.
fn show_next(world: &mut World, out: &mut String, then: impl Fn(&mut World, &Plan)) {
    let (plan, report) = world.plan();
    show(&plan, &report, out);
    then(world, &plan);
}

/// Changes the facts.
fn change(world: &mut World, words: &[&str]) {
    match words {
        ["host", id, labels @ ..] => match world.host(&host(id)) {
            Some(host) => host.labels = pairs(labels),
            None => world.add_host(host(id), pairs(labels)),
        },
        ["of-1-9", id] => world.host(&host(id)).unwrap().passed = None,
        ["gone", id] => world.input.hosts.retain(|one| one.host.as_str() != *id),
        ["undeploy", name] => world.undeploy(name),
        ["forget", name] => world
            .input
            .applications
            .retain(|one| one.name.as_str() != *name),
        ["try-run", on, rest @ ..] => {
            let is_free = world.host(&host(on)).is_some_and(|host| {
                let mut ids = host.components.iter().map(|one| one.id.as_str());
                let mut others = host.providers.iter().map(|one| one.id.as_str());
                ids.all(|id| id != rest[1]) && others.all(|id| id != rest[1])
            });
            if is_free {
                change(world, &[&["run", on], rest].concat());
            }
        }
        ["run", on, "component", id, image, count, annotations @ ..] => {
            world
                .host(&host(on))
                .unwrap()
                .components
                .push(ComponentInventory {
                    id: id.parse().unwrap(),
                    image: (*image).to_owned(),
                    name: None,
                    annotations: pairs(annotations),
                    instances_max: count.parse().unwrap(),
                    limits: None,
                    problems: Vec::new(),
                });
        }
        ["run", on, "provider", id, image, annotations @ ..] => {
            world
                .host(&host(on))
                .unwrap()
                .providers
                .push(ProviderInventory {
                    id: id.parse().unwrap(),
                    image: Some((*image).to_owned()),
                    name: None,
                    annotations: pairs(annotations),
                    substitution: None,
                    problems: Vec::new(),
                });
        }
        ["put-config", name, values @ ..] => {
            world
                .input
                .configs
                .insert(name.parse().unwrap(), pairs(values));
        }
        ["put-link", rest @ ..] => world.put_link(link(rest, |id| id.to_owned())),
        _ => report(world, words),
    }
}

/// Has hosts report something.
fn report(world: &mut World, words: &[&str]) {
    match words {
        ["fail", on, id, version, message @ ..] => {
            world.lose(|action| starts(action, on, id));
            world.input.failures.retain(|one| {
                (one.host.as_str(), one.id.as_str(), one.version.as_str()) != (*on, *id, *version)
            });
            world.input.failures.push(Failure {
                host: host(on),
                id: id.parse().unwrap(),
                application: id
                    .split_once('-')
                    .map_or("shop", |(name, _)| name)
                    .parse()
                    .unwrap(),
                version: (*version).to_owned(),
                problem: Problem {
                    code: "TST001".into(),
                    subject: (*id).to_owned(),
                    message: message.join(" "),
                    hints: Vec::new(),
                },
                is_retry_due: false,
            });
        }
        ["retry", on, id] => {
            for failure in &mut world.input.failures {
                failure.is_retry_due |= failure.host == host(on) && failure.id.as_str() == *id;
            }
        }
        ["mend", on, id] => world
            .input
            .failures
            .retain(|one| one.host != host(on) || one.id.as_str() != *id),
        ["sick", on, id] => {
            world
                .input
                .unhealthy
                .insert((host(on), id.parse().unwrap()));
        }
        _ => panic!("what is `{}`?", words.join(" ")),
    }
}

fn settle(world: &mut World, out: &mut String) {
    for round in 1..=ROUNDS_MAX {
        let (plan, report) = world.plan();
        writeln!(out, "round {round}").unwrap();
        if plan.steps.is_empty() {
            show(&plan, &report, out);
            assert_settled(world, &report);
            return;
        }
        show_plan(&plan, out);
        world.apply(&plan);
    }
    panic!("not settled after {ROUNDS_MAX} rounds:\n{out}");
}

/// Nothing to do means that all is as desired, unless something is wrong, and the report says so.
fn assert_settled(world: &World, report: &Report) {
    let is_excused = |state: &State| matches!(state, State::Failed(_) | State::Waiting { .. });
    let mut parts = report
        .applications
        .values()
        .flat_map(|application| &application.parts);
    if !world.input.pending.is_empty() || parts.any(|part| is_excused(&part.state)) {
        return;
    }
    for (name, application) in &report.applications {
        assert_eq!(application.leftovers, Leftovers::None, "{name}");
        let state = application.state();
        assert!(
            state.is_up() || state == State::Undeployed,
            "nothing to do for {name}, which is {}",
            state_text(&state)
        );
    }
}

/// Whether an action makes something run on a host.
fn starts(action: &Action, on: &str, what: &str) -> bool {
    match action {
        Action::ScaleComponent { host, id, .. } => host.as_str() == on && id.as_str() == what,
        Action::StartProvider { host, id, .. } => host.as_str() == on && id.as_str() == what,
        _ => false,
    }
}

fn application(name: &str, version: &str, body: &[&str]) -> Application {
    let name: ApplicationName = name.parse().unwrap();
    let mut application = Application {
        name: name.clone(),
        version: Some(version.to_owned()),
        description: None,
        adopts: None,
        components: Vec::new(),
        providers: Vec::new(),
        links: Vec::new(),
        configs: BTreeMap::new(),
    };
    let id = |local: &str| format!("{name}-{local}");
    for line in body {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["adopt", manager] => application.adopts = Some((*manager).to_owned()),
            ["config", local, values @ ..] => {
                application
                    .configs
                    .insert(id(local).parse().unwrap(), pairs(values));
            }
            ["component", local, image, count, extras @ ..] => {
                let extras = Extras::parse(extras, count, id(local));
                application.components.push(ComponentSpec {
                    name: (*local).to_owned(),
                    id: extras.id.parse().unwrap(),
                    image: image.parse().unwrap(),
                    digest: extras.digest.map(|text| text.parse().unwrap()),
                    config: extras.config,
                    limits: extras.limits,
                    placement: extras.placement,
                });
            }
            ["provider", local, image, count, extras @ ..] => {
                let extras = Extras::parse(extras, count, id(local));
                application.providers.push(ProviderSpec {
                    name: (*local).to_owned(),
                    id: extras.id.parse().unwrap(),
                    image: image.parse().unwrap(),
                    digest: extras.digest.map(|text| text.parse().unwrap()),
                    config: extras.config,
                    placement: extras.placement,
                });
            }
            ["link", rest @ ..] => {
                let link = link(rest, |local| id_of(&application, local));
                application.links.push(link);
            }
            _ => panic!("what is `{line}`?"),
        }
    }
    application
}

/// The id of the component or provider with a name.
fn id_of(application: &Application, name: &str) -> String {
    let mut components = application.components.iter();
    let mut providers = application.providers.iter();
    components
        .find(|one| one.name == name)
        .map(|one| one.id.to_string())
        .or_else(|| {
            let provider = providers.find(|one| one.name == name)?;
            Some(provider.id.to_string())
        })
        .unwrap()
}

/// What may follow a component or provider.
struct Extras {
    id: String,
    digest: Option<String>,
    config: Vec<ConfigName>,
    limits: LimitOverrides,
    placement: Placement,
}

impl Extras {
    fn parse(words: &[&str], count: &str, id: String) -> Self {
        let mut extras = Self {
            id,
            digest: None,
            config: Vec::new(),
            limits: LimitOverrides::default(),
            placement: Placement {
                rule: PlacementRule::Spread,
                instances: count.parse().unwrap(),
                spread: Vec::new(),
            },
        };
        for word in words {
            if *word == "daemon" {
                extras.placement.rule = PlacementRule::Daemon;
            } else if let Some(name) = word.strip_prefix('+') {
                extras.config.push(name.parse().unwrap());
            } else if word.starts_with("sha256:") {
                extras.digest = Some((*word).to_owned());
            } else if let Some(id) = word.strip_prefix("id=") {
                extras.id = id.to_owned();
            } else if let Some(bytes) = word.strip_prefix("memory=") {
                extras.limits.memory_bytes_max = Some(bytes.parse().unwrap());
            } else {
                let mut parts = word.splitn(3, ':');
                let name = parts.next().unwrap().to_owned();
                let weight = parts.next().unwrap().parse().unwrap();
                let requirements: Vec<&str> = parts
                    .next()
                    .map(|text| text.split(',').collect())
                    .unwrap_or_default();
                extras.placement.spread.push(Spread {
                    name,
                    weight,
                    requirements: pairs(&requirements),
                });
            }
        }
        extras
    }
}

fn link(words: &[&str], id: impl Fn(&str) -> String) -> Link {
    let [source, target, package, interfaces, extras @ ..] = words else {
        panic!("what is a link `{}`?", words.join(" "));
    };
    let mut link = Link {
        source: id(source).parse().unwrap(),
        target: id(target).parse().unwrap(),
        name: "default".parse().unwrap(),
        package: package.parse().unwrap(),
        interfaces: interfaces.split(',').map(str::to_owned).collect(),
        source_config: Vec::new(),
        target_config: Vec::new(),
    };
    for extra in extras {
        if let Some(name) = extra.strip_prefix("name=") {
            link.name = name.parse().unwrap();
        } else if let Some(config) = extra.strip_prefix("source+") {
            link.source_config.push(config.parse().unwrap());
        } else {
            let config = extra.strip_prefix("target+").unwrap();
            link.target_config.push(config.parse().unwrap());
        }
    }
    link
}

fn host(id: &str) -> HostId {
    id.parse().unwrap()
}

fn pairs(words: &[&str]) -> BTreeMap<String, String> {
    words
        .iter()
        .map(|word| {
            let (key, value) = word.split_once('=').unwrap();
            (key.to_owned(), value.to_owned())
        })
        .collect()
}

fn show(plan: &Plan, report: &Report, out: &mut String) {
    show_plan(plan, out);
    show_report(report, out);
}

fn show_plan(plan: &Plan, out: &mut String) {
    if plan.steps.is_empty() {
        writeln!(out, "  nothing to do").unwrap();
    }
    for step in &plan.steps {
        writeln!(out, "  {} [{}]", step.action, step.application).unwrap();
        if let Action::SetLinks { links, .. } = &step.action {
            for link in links {
                writeln!(out, "    {}", link_text(link)).unwrap();
            }
        }
        writeln!(out, "    because {}", step.reason).unwrap();
    }
}

fn show_report(report: &Report, out: &mut String) {
    for (name, application) in &report.applications {
        let version = application.version.as_deref().unwrap_or("-");
        let leftovers = match application.leftovers {
            Leftovers::None if application.is_gone() => ", gone".to_owned(),
            Leftovers::None => String::new(),
            Leftovers::Removing(count) => format!(", removing {count}"),
            Leftovers::Held(count) => format!(", holding {count}"),
        };
        let state = state_text(&application.state());
        writeln!(out, "  {name} {version}: {state}{leftovers}").unwrap();
        for part in &application.parts {
            if part.state != State::Deployed {
                let name = match &part.name {
                    PartName::Config(name) => format!("config {name}"),
                    PartName::Component { name, .. } => format!("component {name}"),
                    PartName::Provider { name, .. } => format!("provider {name}"),
                    PartName::Link(link) => format!("link {} to {}", link.source, link.target),
                };
                writeln!(out, "    {name}: {}", state_text(&part.state)).unwrap();
            }
        }
    }
}

fn state_text(state: &State) -> String {
    match state {
        State::Deployed => "deployed".to_owned(),
        State::Undeployed => "undeployed".to_owned(),
        State::Unhealthy { message } => format!("unhealthy ({message})"),
        State::Reconciling { message } => format!("reconciling ({message})"),
        State::Waiting { message } => format!("waiting ({message})"),
        State::Failed(problem) => format!("failed [{}] ({})", problem.code, problem.message),
    }
}

fn show_world(world: &World, out: &mut String) {
    for host in &world.input.hosts {
        writeln!(out, "  {}", host.host).unwrap();
        for one in &host.components {
            let annotations = &one.annotations;
            writeln!(
                out,
                "    {} {} of {} {annotations:?}",
                one.id, one.instances_max, one.image
            )
            .unwrap();
        }
        for one in &host.providers {
            let image = one.image.as_deref().unwrap_or("?");
            writeln!(out, "    {} {image} {:?}", one.id, one.annotations).unwrap();
        }
    }
    for record in &world.input.records {
        writeln!(out, "  links of {} at {}", record.source, record.revision).unwrap();
        for link in &record.links {
            writeln!(out, "    {}", link_text(link)).unwrap();
        }
    }
    for (name, values) in &world.input.configs {
        writeln!(out, "  config {name} {values:?}").unwrap();
    }
}

fn link_text(link: &Link) -> String {
    let mut text = format!(
        "{} -({} {}: {})-> {}",
        link.source,
        link.name,
        link.package,
        link.interfaces.join(", "),
        link.target
    );
    for name in &link.source_config {
        write!(text, " source+{name}").unwrap();
    }
    for name in &link.target_config {
        write!(text, " target+{name}").unwrap();
    }
    text
}
