//! What a request is to lead to, and which event tells that it did (spec §2).

use weft_model::id::{ComponentId, ConfigName, HostId, ProviderId};
use weft_model::link::{Link, LinkKey};
use weft_model::problem::Problem;
use weft_protocol::control;
use weft_protocol::event::{Data, Event, LinkDeleted, LinkSetFailed};

/// The code of a failure that a host tells without a code of its own.
const FOREIGN_CODE: &str = "LAT001";

/// What a request is to lead to.
///
/// Events do not name the request that they are the outcome of, so an outcome is recognised by what it is about: that of
/// an equal request of somebody else, made at the same time, cannot be told apart, and says the same.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Expected {
    /// A component runs with up to so many instances; zero: not at all.
    ComponentScaled {
        /// Where.
        host: HostId,
        /// Which.
        component: ComponentId,
        /// How many.
        instances_max: u32,
    },
    /// A component runs from another image.
    ComponentUpdated {
        /// Where.
        host: HostId,
        /// Which.
        component: ComponentId,
        /// The image.
        image: String,
    },
    /// A provider runs.
    ProviderStarted {
        /// Where.
        host: HostId,
        /// Which.
        provider: ProviderId,
    },
    /// A provider does not run any more.
    ProviderStopped {
        /// Where.
        host: HostId,
        /// Which.
        provider: ProviderId,
    },
    /// A link is there.
    LinkSet(Box<Link>),
    /// A link is not there any more.
    LinkDeleted(LinkKey),
    /// A config was written.
    ConfigSet(ConfigName),
    /// A config was removed.
    ConfigDeleted(ConfigName),
    /// A host has a label with this value; `None`: it does not have the label.
    Label {
        /// Which host.
        host: HostId,
        /// The key.
        key: String,
        /// The value.
        value: Option<String>,
    },
    /// A host stops.
    HostStopped(HostId),
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It failed. Failures of hosts that know no codes have the code `LAT001`.
    Failed(Problem),
}

// ===== impl Expected =====

impl Expected {
    /// What `event` says became of the request; `None` when it is about something else.
    pub fn outcome(&self, event: &Event) -> Option<Outcome> {
        match self {
            Self::ComponentScaled {
                host,
                component,
                instances_max,
            } => scaled(&event.data, host, component, *instances_max),
            Self::ComponentUpdated {
                host,
                component,
                image,
            } => updated(&event.data, host, component, image),
            Self::ProviderStarted { host, provider } => started(&event.data, host, provider),
            Self::ProviderStopped { host, provider } => match &event.data {
                Data::ProviderStopped(data) => {
                    done(data.host_id == host.as_str() && data.provider_id == provider.as_str())
                }
                _ => None,
            },
            Self::LinkSet(link) => link_set(&event.data, link),
            Self::LinkDeleted(key) => match &event.data {
                Data::LinkDeleted(data) => done(is_of(data, key)),
                _ => None,
            },
            Self::ConfigSet(name) => match &event.data {
                Data::ConfigSet(data) => done(data.config_name == name.as_str()),
                _ => None,
            },
            Self::ConfigDeleted(name) => match &event.data {
                Data::ConfigDeleted(data) => done(data.config_name == name.as_str()),
                _ => None,
            },
            Self::Label { host, key, value } => match &event.data {
                Data::LabelsChanged(data) => {
                    done(data.host_id == host.as_str() && data.labels.get(key) == value.as_ref())
                }
                _ => None,
            },
            Self::HostStopped(host) => match &event.data {
                Data::HostStopped(_) => done(event.source == host.as_str()),
                _ => None,
            },
        }
    }
}

fn done(is_it: bool) -> Option<Outcome> {
    is_it.then_some(Outcome::Done)
}

fn failed(told: Option<Problem>, subject: &str, error: &str) -> Outcome {
    Outcome::Failed(told.unwrap_or_else(|| Problem {
        code: FOREIGN_CODE.into(),
        subject: subject.to_owned(),
        message: error.to_owned(),
        hints: Vec::new(),
    }))
}

fn scaled(
    data: &Data,
    host: &HostId,
    component: &ComponentId,
    instances_max: u32,
) -> Option<Outcome> {
    let is_it = |told_host: &str, id: &str, count: u32| {
        told_host == host.as_str() && id == component.as_str() && count == instances_max
    };
    match data {
        Data::ComponentScaled(data) => {
            done(is_it(&data.host_id, &data.component_id, data.max_instances))
        }
        Data::ComponentScaleFailed(data)
            if is_it(&data.host_id, &data.component_id, data.max_instances) =>
        {
            Some(failed(data.problem(), component.as_str(), &data.error))
        }
        _ => None,
    }
}

/// A 1.9 host tells of an update twice: the new image with its instances, then with none (spec §14). The first counts.
fn updated(data: &Data, host: &HostId, component: &ComponentId, image: &str) -> Option<Outcome> {
    let is_it = |told_host: &str, id: &str, told_image: &str| {
        told_host == host.as_str() && id == component.as_str() && told_image == image
    };
    match data {
        Data::ComponentScaled(data) => done(
            data.max_instances > 0 && is_it(&data.host_id, &data.component_id, &data.image_ref),
        ),
        Data::ComponentScaleFailed(data)
            if is_it(&data.host_id, &data.component_id, &data.image_ref) =>
        {
            Some(failed(data.problem(), component.as_str(), &data.error))
        }
        _ => None,
    }
}

fn started(data: &Data, host: &HostId, provider: &ProviderId) -> Option<Outcome> {
    let is_it = |told_host: &str, id: &str| told_host == host.as_str() && id == provider.as_str();
    match data {
        Data::ProviderStarted(data) => done(is_it(&data.host_id, &data.provider_id)),
        Data::ProviderStartFailed(data) if is_it(&data.host_id, &data.provider_id) => {
            Some(failed(data.problem(), provider.as_str(), &data.error))
        }
        _ => None,
    }
}

fn link_set(data: &Data, link: &Link) -> Option<Outcome> {
    match data {
        Data::LinkSet(told) => done(*told == control::Link::from(link)),
        Data::LinkSetFailed(told) if is_same(told, link) => {
            Some(failed(told.problem(), link.source.as_str(), &told.error))
        }
        _ => None,
    }
}

fn is_same(told: &LinkSetFailed, link: &Link) -> bool {
    told.source_id == link.source.as_str()
        && told.target == link.target.as_str()
        && told.name == link.name.as_str()
        && told.wit_namespace == link.package.namespace()
        && told.wit_package == link.package.name()
}

fn is_of(told: &LinkDeleted, key: &LinkKey) -> bool {
    told.source_id == key.source.as_str()
        && told.name == key.name.as_str()
        && told.wit_namespace == key.package.namespace()
        && told.wit_package == key.package.name()
}

#[cfg(test)]
mod tests {
    use weft_protocol::event::{ComponentScaleFailed, ComponentScaled, LabelsChanged};
    use weft_protocol::json;

    use super::*;

    const HOST: &str = "NABC";

    fn event(data: Data) -> Event {
        Event {
            id: "1".to_owned(),
            source: HOST.to_owned(),
            time: None,
            data,
        }
    }

    fn scaled_event(image: &str, count: u32) -> Event {
        event(Data::ComponentScaled(ComponentScaled {
            host_id: HOST.to_owned(),
            component_id: "web".to_owned(),
            image_ref: image.to_owned(),
            max_instances: count,
            ..ComponentScaled::default()
        }))
    }

    fn check(expected: &Expected, event: &Event, outcome: Option<&Outcome>) {
        assert_eq!(expected.outcome(event).as_ref(), outcome, "{event:?}");
    }

    #[test]
    fn a_scale_is_done_when_that_many_run_there() {
        let expected = Expected::ComponentScaled {
            host: HOST.parse().unwrap(),
            component: "web".parse().unwrap(),
            instances_max: 5,
        };
        check(&expected, &scaled_event("a:1", 5), Some(&Outcome::Done));
        check(&expected, &scaled_event("a:1", 4), None);
        let elsewhere = Expected::ComponentScaled {
            host: "NABD".parse().unwrap(),
            component: "web".parse().unwrap(),
            instances_max: 5,
        };
        check(&elsewhere, &scaled_event("a:1", 5), None);
    }

    #[test]
    fn an_update_on_a_1_9_host_is_done_with_the_first_of_its_two_events() {
        let expected = Expected::ComponentUpdated {
            host: HOST.parse().unwrap(),
            component: "web".parse().unwrap(),
            image: "a:2".to_owned(),
        };
        check(&expected, &scaled_event("a:2", 5), Some(&Outcome::Done));
        check(&expected, &scaled_event("a:2", 0), None);
        check(&expected, &scaled_event("a:1", 5), None);
    }

    #[test]
    fn a_failure_is_told_with_its_code_or_that_of_a_refusal() {
        let expected = Expected::ComponentScaled {
            host: HOST.parse().unwrap(),
            component: "bad".parse().unwrap(),
            instances_max: 1,
        };
        let foreign = ComponentScaleFailed {
            host_id: HOST.to_owned(),
            component_id: "bad".to_owned(),
            max_instances: 1,
            error: "Config missing does not exist".to_owned(),
            ..ComponentScaleFailed::default()
        };
        let problem = Problem {
            code: "LAT001".into(),
            subject: "bad".to_owned(),
            message: "Config missing does not exist".to_owned(),
            hints: Vec::new(),
        };
        let told = event(Data::ComponentScaleFailed(foreign.clone()));
        check(&expected, &told, Some(&Outcome::Failed(problem)));
        let own = Problem {
            code: "HST007".into(),
            subject: "missing".to_owned(),
            message: "config missing does not exist".to_owned(),
            hints: vec!["put it".to_owned()],
        };
        let told = event(Data::ComponentScaleFailed(foreign.with_problem(&own)));
        check(&expected, &told, Some(&Outcome::Failed(own)));
    }

    #[test]
    fn a_label_is_set_when_the_host_tells_its_value() {
        let expected = |value: Option<&str>| Expected::Label {
            host: HOST.parse().unwrap(),
            key: "zone".to_owned(),
            value: value.map(str::to_owned),
        };
        let told = |labels: &[(&str, &str)]| {
            let pairs = labels.iter();
            event(Data::LabelsChanged(LabelsChanged {
                host_id: HOST.to_owned(),
                labels: pairs
                    .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            }))
        };
        let east = told(&[("zone", "east")]);
        check(&expected(Some("east")), &east, Some(&Outcome::Done));
        check(&expected(Some("west")), &east, None);
        check(&expected(None), &east, None);
        check(&expected(None), &told(&[]), Some(&Outcome::Done));
    }

    #[test]
    fn links_are_recognised_in_both_outcomes() {
        let told = |kind: &str, extra: &str| {
            let text = format!(
                r#"{{"id":"1","type":"com.wasmcloud.lattice.{kind}","source":"NABC","data":{{"source_id":"web","target":"kv",
                "name":"default","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"],"source_config":[],
                "target_config":[]{extra}}}}}"#
            );
            Event::decode(text.as_bytes()).unwrap()
        };
        let set = told("linkdef_set", "");
        let Data::LinkSet(wire) = &set.data else {
            unreachable!("a link is set")
        };
        let link = Link::try_from(wire).unwrap();
        let expected = Expected::LinkSet(Box::new(link.clone()));
        check(&expected, &set, Some(&Outcome::Done));
        let refused = expected.outcome(&told("linkdef_set_failed", r#","error":"no""#));
        assert!(
            matches!(&refused, Some(Outcome::Failed(problem)) if problem.message == "no"),
            "{refused:?}"
        );
        let gone = told("linkdef_deleted", "");
        check(&expected, &gone, None);
        let deleted = Expected::LinkDeleted(link.key());
        check(&deleted, &gone, Some(&Outcome::Done));
        assert!(json::decode::<serde_json::Value>(&gone.encode()).is_ok());
    }
}
