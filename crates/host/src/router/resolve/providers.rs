//! What a provider is given: the rules of an HTTP server, the callers of a store, what a process is to know.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use http::HeaderValue;
use weft_capabilities::http_server::{self, Rule};
use weft_capabilities::remote::http::{Handler, HttpTarget};
use weft_engine::CallError;
use weft_model::application::Config;
use weft_model::id::{ComponentId, EntityId, ProviderId};
use weft_model::interface::InterfaceName;
use weft_model::link::Link;
use weft_model::problem::{Coded, Problem};
use weft_protocol::provider::LinkDefinition;
use weft_protocol::state::is_secret;

use super::{Reach, ResolvedProvider};
use crate::builtin::Builtin;
use crate::error::Refusal;
use crate::keyvalue::Linked;
use crate::provider::{Brief, BriefedLink};
use crate::registry::{Backing, RunningProvider, Snapshot};
use crate::router::view::View;

/// The interface that a link from an HTTP server to a component carries, whichever version the component exports.
pub(super) static INCOMING_HANDLER: LazyLock<InterfaceName> = LazyLock::new(|| {
    "wasi:http/incoming-handler"
        .parse()
        .expect("the name of a WASI interface is well formed")
});

pub(super) fn resolve_provider(
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
pub(super) fn brief_links(
    id: &ProviderId,
    view: &View,
    problems: &mut Vec<Problem>,
) -> Vec<BriefedLink> {
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
