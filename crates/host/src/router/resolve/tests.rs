use std::sync::Arc;

use weft_capabilities::config::Config as LiveConfig;
use weft_engine::{Engine, Options};
use weft_model::digest::Digest;
use weft_model::id::{EntityId, LinkName};
use weft_model::limits::LimitOverrides;
use weft_model::link::Link;
use weft_protocol::state::ComponentRecord;

use super::imports::OUTGOING_HANDLER;
use super::providers::{INCOMING_HANDLER, brief_links};
use super::*;
use crate::builtin::Builtin;
use crate::registry::{Backing, RunningComponent, RunningProvider};

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
