//! From what runs, links and configs to routes and rules: a plain function over values.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use http::HeaderValue;
use weft_capabilities::http_server::{self, Rule};
use weft_capabilities::remote::http::{Handler, HttpTarget};
use weft_capabilities::remote::{Target, Wire};
use weft_capabilities::{blobstore, keyvalue, messaging};
use weft_engine::http::OutgoingBackend;
use weft_engine::route::{Route, RouteTable, SlotRoutes};
use weft_engine::world::{Import, Provision};
use weft_engine::{CallError, Denial, DenialReason, NoSuchFunction};
use weft_model::application::Config;
use weft_model::id::{ComponentId, EntityId, LinkName, ProviderId};
use weft_model::interface::InterfaceName;
use weft_model::link::Link;
use weft_model::problem::{Coded, Problem, render_chain};
use weft_protocol::provider::LinkDefinition;
use weft_protocol::state::is_secret;
use weft_wrpc::FunctionError;

use super::view::View;
use crate::builtin::Builtin;
use crate::error::Refusal;
use crate::keyvalue::Linked;
use crate::options::Spill;
use crate::provider::{Brief, BriefedLink};
use crate::registry::{Backing, RunningComponent, RunningProvider, Snapshot};

/// The interface that a link from an HTTP server to a component carries, whichever version the component exports.
static INCOMING_HANDLER: LazyLock<InterfaceName> = LazyLock::new(|| {
    "wasi:http/incoming-handler"
        .parse()
        .expect("the name of a WASI interface is well formed")
});

/// The interfaces by which components send requests, of WASI 0.2 and 0.3.
static OUTGOING_HANDLER: LazyLock<InterfaceName> = LazyLock::new(|| {
    "wasi:http/outgoing-handler"
        .parse()
        .expect("the name of a WASI interface is well formed")
});
static CLIENT: LazyLock<InterfaceName> = LazyLock::new(|| {
    "wasi:http/client"
        .parse()
        .expect("the name of a WASI interface is well formed")
});

/// How what does not run here is reached.
pub(crate) struct Reach {
    /// `None` where nothing else is.
    pub(crate) wire: Option<Wire>,
    pub(crate) spill: Spill,
}

impl Reach {
    pub(crate) fn new(wire: &Wire, spill: Spill) -> Self {
        Self {
            wire: Some(wire.clone()),
            spill,
        }
    }
}

/// What everything that runs is to be given.
pub(super) struct Resolution {
    pub(super) components: BTreeMap<ComponentId, ResolvedComponent>,
    pub(super) providers: BTreeMap<ProviderId, ResolvedProvider>,
}

pub(super) struct ResolvedComponent {
    pub(super) config: Config,
    pub(super) routes: RouteTable,
    pub(super) problems: Vec<Problem>,
}

pub(super) struct ResolvedProvider {
    /// With the address they are served at; `None` for the shared one.
    pub(super) rules: Vec<(Option<SocketAddr>, Rule)>,
    /// What callers on other hosts are let in to.
    pub(super) linked: Linked,
    pub(super) problems: Vec<Problem>,
    /// What its process is to know; `None` where it has none.
    pub(super) brief: Option<Brief>,
}

pub(super) fn resolve(running: &Snapshot, view: &View, reach: &Reach) -> Resolution {
    Resolution {
        components: running
            .components
            .iter()
            .map(|(id, component)| {
                let resolved = resolve_component(id, component, running, view, reach);
                (id.clone(), resolved)
            })
            .collect(),
        providers: running
            .providers
            .iter()
            .map(|(id, provider)| {
                (
                    id.clone(),
                    resolve_provider(id, provider, running, view, reach),
                )
            })
            .collect(),
    }
}

fn resolve_component(
    id: &ComponentId,
    component: &RunningComponent,
    running: &Snapshot,
    view: &View,
    reach: &Reach,
) -> ResolvedComponent {
    let links = view.links_from(&EntityId::from(id));
    let mut problems = Vec::new();
    let slots = component
        .program
        .world()
        .imports()
        .iter()
        .enumerate()
        .map(|(slot, import)| {
            if weft_capabilities::needs_no_link(&import.interface.interface) {
                return SlotRoutes {
                    default: Route::BuiltIn(Arc::clone(&component.config) as _),
                    named: Vec::new(),
                };
            }
            let caller = Caller {
                id,
                component,
                slot,
                import,
                reach,
            };
            caller.routes(links, running, view, &mut problems)
        })
        .collect();
    ResolvedComponent {
        config: view.merged(&component.configs),
        routes: RouteTable::new(slots),
        problems,
    }
}

/// One import of one component.
struct Caller<'a> {
    id: &'a ComponentId,
    component: &'a RunningComponent,
    slot: usize,
    import: &'a Import,
    reach: &'a Reach,
}

impl Caller<'_> {
    /// The routes by each of `links` that carries the import.
    fn routes(
        &self,
        links: &[Link],
        running: &Snapshot,
        view: &View,
        problems: &mut Vec<Problem>,
    ) -> SlotRoutes {
        let mut default = None;
        let mut named = Vec::new();
        for link in links
            .iter()
            .filter(|link| link.carries(&self.import.interface.interface))
        {
            let route = self.route(link, running, view).unwrap_or_else(|reason| {
                let denial = self.denial(&link.name, reason);
                if is_lasting(&denial.reason) {
                    problems.push(problem(&denial));
                }
                Route::Denied(denial)
            });
            if link.name == LinkName::default() {
                default = Some(route);
            } else {
                named.push((link.name.clone(), route));
            }
        }
        let default = default.unwrap_or_else(|| {
            let denial = self.denial(&LinkName::default(), DenialReason::NoLink);
            // What the engine provides itself needs no link, and a component that chooses links by name no default.
            if self.import.provision != Provision::Native && named.is_empty() {
                problems.push(problem(&denial));
            }
            Route::Denied(denial)
        });
        SlotRoutes { default, named }
    }

    /// The route by one link.
    fn route(&self, link: &Link, running: &Snapshot, view: &View) -> Result<Route, DenialReason> {
        let target = link.target.to_string();
        let incompatible = |function: &str| DenialReason::Incompatible {
            target: target.clone(),
            function: function.to_owned(),
        };
        if let Some(provider) = running.providers.get(link.target.as_str())
            && let Backing::Builtin(builtin) = &provider.backing
        {
            let refused = |refusal: Refusal| DenialReason::Refused {
                target: target.clone(),
                problem: refusal.to_string(),
            };
            return match (&**builtin, self.import.provision) {
                (Builtin::KeyValue(buckets), Provision::Family) => buckets
                    .backend(&view.merged(&link.target_config))
                    .map(|backend| Route::BuiltIn(backend))
                    .map_err(refused),
                _ => Err(incompatible("*")),
            };
        }
        let interface = &self.import.interface.interface;
        match (
            running.components.get(link.target.as_str()),
            self.import.provision,
        ) {
            (Some(callee), Provision::Link) => {
                let route = self.component.program.route_to(self.slot, &callee.program);
                if route.is_err() && messaging::stands_in(interface, &callee.program) {
                    return Ok(Route::Remote(self.remote(link)?));
                }
                match route.map_err(|NoSuchFunction { function }| incompatible(&function))? {
                    Route::Local(local) if self.reach.spill == Spill::WhenFull => {
                        Ok(Route::Spilling(local, self.remote(link)?))
                    }
                    route => Ok(route),
                }
            }
            (Some(callee), Provision::Family) if messaging::provides(interface) => {
                let broker = messaging::Local::new(&callee.program);
                let broker = broker.ok_or_else(|| incompatible("*"))?;
                let backend = messaging::Backend(Arc::new(broker));
                Ok(Route::BuiltIn(Arc::new(backend)))
            }
            (None, Provision::Link) => Ok(Route::Remote(self.remote(link)?)),
            // A component of this host serves them as one elsewhere does: by the interfaces of the wire alone.
            (_, Provision::Native) if is_outgoing(self.import) => self.outgoing(link),
            (_, Provision::Family) => self.family(link),
            (Some(_), Provision::Native) => Err(incompatible("*")),
            (None, Provision::Native) => Err(DenialReason::NotRunning { target }),
        }
    }

    /// The target of a link as it serves a capability family to other hosts.
    fn family(&self, link: &Link) -> Result<Route, DenialReason> {
        let target = link.target.to_string();
        let Some(wire) = &self.reach.wire else {
            return Err(DenialReason::NotRunning { target });
        };
        let interface = &self.import.interface.interface;
        let (source, to, name) = (EntityId::from(self.id), &link.target, &link.name);
        let backend: Result<Arc<dyn Any + Send + Sync>, FunctionError> =
            if keyvalue::provides(interface) {
                keyvalue::Remote::new(wire, &source, to, name)
                    .map(|store| Arc::new(keyvalue::Backend(Arc::new(store))) as _)
            } else if blobstore::provides(interface) {
                blobstore::Remote::new(wire, &source, to, name)
                    .map(|store| Arc::new(blobstore::Backend(Arc::new(store))) as _)
            } else if messaging::provides(interface) {
                messaging::Remote::new(wire, &source, to, name)
                    .map(|broker| Arc::new(messaging::Backend(Arc::new(broker))) as _)
            } else {
                return Err(DenialReason::NotRunning { target });
            };
        backend
            .map(Route::BuiltIn)
            .map_err(|error| DenialReason::Refused {
                target,
                problem: render_chain(&error),
            })
    }

    /// The target of a link as it sends requests on.
    fn outgoing(&self, link: &Link) -> Result<Route, DenialReason> {
        let target = link.target.to_string();
        let Some(wire) = &self.reach.wire else {
            return Err(DenialReason::NotRunning { target });
        };
        let source = EntityId::from(self.id);
        let handler = Handler::Outgoing;
        let sender = HttpTarget::new(wire, &source, &link.target, &link.name, handler);
        let sender = sender.map_err(|error| DenialReason::Refused {
            target,
            problem: render_chain(&error),
        })?;
        Ok(Route::BuiltIn(Arc::new(OutgoingBackend(Arc::new(sender)))))
    }

    /// The target of a link as it is reached on other hosts.
    fn remote(&self, link: &Link) -> Result<Arc<Target>, DenialReason> {
        let target = link.target.to_string();
        let Some(wire) = &self.reach.wire else {
            return Err(DenialReason::NotRunning { target });
        };
        let world = self.component.program.world();
        Target::new(wire, &link.target, &link.name, world, self.import).map_err(|error| {
            DenialReason::Refused {
                target,
                problem: render_chain(&error),
            }
        })
    }

    fn denial(&self, name: &LinkName, reason: DenialReason) -> Arc<Denial> {
        Arc::new(Denial {
            source: self.id.to_string(),
            interface: self.import.interface.interface.clone(),
            link_name: name.to_string(),
            reason,
        })
    }
}

/// Whether guests send requests by an import.
fn is_outgoing(import: &Import) -> bool {
    let interface = &import.interface.interface;
    interface == &*OUTGOING_HANDLER || interface == &*CLIENT
}

/// Whether a denial stays until somebody changes something; a target that does not run may be about to.
fn is_lasting(reason: &DenialReason) -> bool {
    !matches!(reason, DenialReason::NotRunning { .. })
}

fn problem(denial: &Arc<Denial>) -> Problem {
    Problem::new(&CallError::Denied(Arc::clone(denial)))
}

fn resolve_provider(
    id: &ProviderId,
    provider: &RunningProvider,
    running: &Snapshot,
    view: &View,
    reach: &Reach,
) -> ResolvedProvider {
    let config = view.merged(&provider.configs);
    let mut resolved = ResolvedProvider {
        rules: Vec::new(),
        linked: Linked::new(),
        problems: Vec::new(),
        brief: None,
    };
    let builtin = match &provider.backing {
        Backing::Builtin(builtin) => builtin,
        Backing::Process(_) => {
            let links = brief_links(id, view, &mut resolved.problems);
            resolved.brief = Some(Brief { config, links });
            return resolved;
        }
    };
    match &**builtin {
        Builtin::HttpServer => {
            for link in view.links_from(&EntityId::from(id)) {
                if link.carries(&INCOMING_HANDLER) {
                    match rule(&config, link, running, view, reach) {
                        Ok(rule) => {
                            resolved.problems.extend(missing_handler(&rule.1));
                            resolved.rules.push(rule);
                        }
                        Err(error) => resolved.problems.push(Problem::new(&error as &dyn Coded)),
                    }
                }
            }
        }
        Builtin::KeyValue(buckets) => {
            if let Err(refusal) = buckets.kind.check_config(&provider.image, &config) {
                resolved.problems.push(Problem::new(&refusal as &dyn Coded));
            }
            for link in view.links_to(&EntityId::from(id)) {
                // A link that is refused is the problem of its source.
                if let Ok(backend) = buckets.backend(&view.merged(&link.target_config)) {
                    let key = (link.source.to_string(), link.name.to_string());
                    resolved.linked.insert(key, backend);
                }
            }
        }
    }
    resolved
}

/// The links that a provider process is part of, with their configs. Those that name secrets are problems, as there is no
/// backend to fetch them from; hosts of 1.9 put such links.
fn brief_links(id: &ProviderId, view: &View, problems: &mut Vec<Problem>) -> Vec<BriefedLink> {
    let id = EntityId::from(id);
    let mut briefed = Vec::new();
    for link in view.links_of(&id) {
        if let Some(name) = link.configs().find(|name| is_secret(name)) {
            let config = name.to_string();
            let refusal = Refusal::SecretConfig { config };
            problems.push(Problem::new(&refusal as &dyn Coded));
            continue;
        }
        let source = view.merged(&link.source_config);
        let target = view.merged(&link.target_config);
        briefed.push(BriefedLink::new(LinkDefinition::new(link, source, target)));
    }
    briefed
}

/// The problem of a rule that leads to a component without HTTP export. The rule is served all the same: requests are told
/// what is wrong by the server that they were sent to.
fn missing_handler(rule: &Rule) -> Option<Problem> {
    let program = rule.program.as_ref()?;
    (!program.world().handles_http()).then(|| {
        Problem::new(&CallError::NoHandler {
            component: rule.component.as_str().into(),
        })
    })
}

/// Where and how the HTTP server is to serve one link.
fn rule(
    config: &Config,
    link: &Link,
    running: &Snapshot,
    view: &View,
    reach: &Reach,
) -> Result<(Option<SocketAddr>, Rule), http_server::SettingsError> {
    let binding = http_server::parse_binding(config, &view.merged(&link.source_config))?;
    let component = ComponentId::from(link.target.clone());
    let program = running
        .components
        .get(&component)
        .map(|running| Arc::clone(&running.program));
    let elsewhere = reach.wire.as_ref().filter(|_| program.is_none());
    let elsewhere = elsewhere.and_then(|wire| {
        let handler = Handler::Incoming;
        // Ids that make no subject cannot be those of what runs elsewhere.
        HttpTarget::new(wire, &link.source, &link.target, &link.name, handler).ok()
    });
    let rule = Rule {
        program,
        elsewhere: elsewhere.map(Arc::new),
        component,
        host: binding.host,
        path: binding.path,
        is_readonly: binding.is_readonly,
        cache_control: binding
            .cache_control
            .and_then(|value| HeaderValue::from_str(&value).ok()),
        head_timeout: binding.head_timeout,
    };
    Ok((binding.address, rule))
}

#[cfg(test)]
mod tests {
    use weft_capabilities::config::Config as LiveConfig;
    use weft_engine::{Engine, Options};
    use weft_model::digest::Digest;
    use weft_model::limits::LimitOverrides;
    use weft_protocol::state::ComponentRecord;

    use super::*;

    async fn component(id: &ComponentId, text: &str) -> RunningComponent {
        let engine = Engine::start(Options::default(), Vec::new()).unwrap();
        let bytes = wat::parse_str(text).unwrap();
        let (code, _) = engine.load(bytes.into()).await.unwrap();
        let limits = LimitOverrides::default();
        RunningComponent {
            image: "file:///web.wasm".into(),
            digest: format!("sha256:{}", "00".repeat(32))
                .parse::<Digest>()
                .unwrap(),
            claims: None,
            annotations: Arc::default(),
            instances_max: 1,
            limits,
            configs: Arc::new([]),
            program: engine.link(&code, id.clone(), 1, &limits).unwrap(),
            code,
            config: Arc::new(LiveConfig::new(Config::new())),
            problems: Arc::new([]),
        }
    }

    #[test]
    fn a_provider_process_is_to_know_the_links_that_begin_or_end_at_it() {
        let mut view = View::default();
        let record = br#"{"url":"x","links":[{"source_id":"web","target":"kv","name":"default","wit_namespace":"wasi",
            "wit_package":"keyvalue","interfaces":["store"],"source_config":[],"target_config":["a","b"]}]}"#;
        view.put_record("COMPONENT_web", record);
        view.put_config("a", br#"{"url":"1","x":"1"}"#);
        view.put_config("b", br#"{"url":"2"}"#);
        let links = |id: &str| brief_links(&id.parse().unwrap(), &view, &mut Vec::new());
        let [link] = &links("kv")[..] else {
            panic!("one link");
        };
        let expected =
            [("url", "2"), ("x", "1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(link.definition.target_config, Config::from(expected));
        assert_eq!(links("web").first(), Some(link));
        assert_eq!(links("other"), []);
        // A host of 1.9 put it; this one has nobody to ask for the secret.
        let text = String::from_utf8_lossy(record).replace(r#""b"]"#, r#""SECRET_b"]"#);
        view.put_record("COMPONENT_web", text.as_bytes());
        let mut problems = Vec::new();
        assert_eq!(
            brief_links(&"kv".parse().unwrap(), &view, &mut problems),
            []
        );
        let codes: Vec<&str> = problems.iter().map(|one| &*one.code).collect();
        assert_eq!(codes, ["HST008"]);
    }

    #[tokio::test]
    async fn a_component_that_answers_no_http_is_a_problem_of_the_server_it_is_linked_to() {
        let web: ComponentId = "web".parse().unwrap();
        let server: ProviderId = "http".parse().unwrap();
        let link = Link {
            source: EntityId::from(&server),
            target: EntityId::from(&web),
            name: LinkName::default(),
            package: INCOMING_HANDLER.package().clone(),
            interfaces: vec![INCOMING_HANDLER.name().to_owned()],
            source_config: Vec::new(),
            target_config: Vec::new(),
        };
        let mut record = ComponentRecord::new("http-server");
        record.put_link(&link).unwrap();
        let mut view = View::default();
        view.put_record("COMPONENT_http", &record.encode());
        let provider = RunningProvider {
            image: "http-server".into(),
            annotations: Arc::default(),
            configs: Arc::new([]),
            backing: Backing::Builtin(Arc::new(Builtin::HttpServer)),
            problems: Arc::new([]),
        };
        let mut running = Snapshot {
            providers: BTreeMap::from([(server.clone(), provider)]),
            ..Snapshot::default()
        };
        let reach = Reach {
            wire: None,
            spill: Spill::Never,
        };
        // A component that does not run may be about to.
        assert_eq!(
            resolve(&running, &view, &reach).providers[&server].problems,
            []
        );

        running
            .components
            .insert(web.clone(), component(&web, "(component)").await);
        let resolved = resolve(&running, &view, &reach);
        let codes = resolved.providers[&server].problems.iter();
        assert_eq!(
            codes.map(|problem| &*problem.code).collect::<Vec<_>>(),
            ["LNK011"]
        );
        assert_eq!(resolved.providers[&server].rules.len(), 1);
    }

    #[tokio::test]
    async fn requests_to_a_component_of_this_host_go_by_the_wire() {
        let web: ComponentId = "web".parse().unwrap();
        let proxy: ComponentId = "proxy".parse().unwrap();
        let link = Link {
            source: EntityId::from(&web),
            target: EntityId::from(&proxy),
            name: LinkName::default(),
            package: OUTGOING_HANDLER.package().clone(),
            interfaces: vec![OUTGOING_HANDLER.name().to_owned()],
            source_config: Vec::new(),
            target_config: Vec::new(),
        };
        let mut record = ComponentRecord::new("web");
        record.put_link(&link).unwrap();
        let mut view = View::default();
        view.put_record("COMPONENT_web", &record.encode());
        let text = r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#;
        let running = Snapshot {
            components: BTreeMap::from([
                (web.clone(), component(&web, text).await),
                (proxy.clone(), component(&proxy, "(component)").await),
            ]),
            ..Snapshot::default()
        };
        // Without one it is out of reach, as it would be elsewhere, and nothing is wrong with the link.
        let reach = Reach {
            wire: None,
            spill: Spill::Never,
        };
        let resolved = resolve(&running, &view, &reach);
        assert_eq!(resolved.components[&web].problems, []);
    }
}
