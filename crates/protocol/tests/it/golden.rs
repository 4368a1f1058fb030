//! Every recorded message of the dialect is read into its type and written back unchanged.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use weft_model::application::Config;
use weft_model::id::LatticeName;
use weft_model::inventory::HostInventory;
use weft_model::link;
use weft_protocol::application::{
    DeleteReply, DeployReply, ErrorReply, GetAllReply, GetReply, ModelSummary, PutReply, Status,
    StatusReply, VersionRequest, VersionsReply,
};
use weft_protocol::control::{
    Ack, ClaimsList, ComponentAuction, ComponentBid, DeleteLabel, DeleteLink, HostSummary,
    Inventory, Link, Links, ProviderAuction, ProviderBid, PutLabel, RegistryCredentials, Reply,
    ScaleComponent, StartProvider, StopHost, StopProvider, UpdateComponent,
};
use weft_protocol::event::{Data, Event};
use weft_protocol::json;
use weft_protocol::provider::{HealthReply, HostData, LinkDefinition, ShutdownRequest};
use weft_protocol::state::{
    ClaimsRecord, ComponentRecord, LatticeKey, config_bucket, lattice_bucket,
};
use weft_protocol::subject::{
    ApplicationOperation, ApplicationSubjects, ControlSubjects, OperationKind, ProviderMessage,
    ProviderSubjects, SubjectPrefix, parse_event_subject, parse_status_subject,
};
use weft_protocol::wire;

use crate::bystanders::Bystanders;
use crate::vectors::{self, Line, Message};

/// Who a request asks; its replies are read accordingly.
#[derive(Clone, Debug)]
enum Asked {
    Control(OperationKind),
    Application(ApplicationOperation),
    Provider(ProviderMessage),
}

/// Reads a recording and counts what it read, by kind.
struct Checker {
    lattice: LatticeName,
    control: ControlSubjects,
    application: ApplicationSubjects,
    provider: ProviderSubjects,
    asked: BTreeMap<String, Asked>,
    bystanders: Bystanders,
    counts: BTreeMap<String, usize>,
}

impl Checker {
    fn new() -> Self {
        let lattice = LatticeName::default();
        Self {
            control: ControlSubjects::new(&SubjectPrefix::control(), &lattice),
            application: ApplicationSubjects::new(&SubjectPrefix::application(), &lattice),
            provider: ProviderSubjects::new(&lattice),
            lattice,
            asked: BTreeMap::new(),
            bystanders: Bystanders::default(),
            counts: BTreeMap::new(),
        }
    }

    fn count(&mut self, kind: impl fmt::Display) {
        *self.counts.entry(kind.to_string()).or_default() += 1;
    }

    fn total(&self) -> usize {
        self.counts.values().sum()
    }

    fn expect_reply(&mut self, message: &Message, asked: Asked) {
        if let Some(reply) = &message.reply {
            self.asked.insert(reply.clone(), asked);
        }
    }

    fn check(&mut self, message: &Message) {
        let subject = message.subject.as_str();
        if let Some(asked) = self.asked.get(subject).cloned() {
            self.check_reply(message, &asked);
        } else if let Ok(operation) = self.control.parse(subject) {
            assert_eq!(self.control.render(&operation), subject);
            self.check_control_request(message, operation.kind());
        } else if let Ok(operation) = self.application.parse(subject) {
            assert_eq!(self.application.render(&operation), subject);
            self.check_application_request(message, operation);
        } else if let Ok((receiver, kind)) = self.provider.parse(subject) {
            assert_eq!(self.provider.render(&receiver, kind), subject);
            self.check_provider_message(message, kind);
        } else if let Ok(name) = parse_event_subject(&self.lattice, subject) {
            self.check_event(message, name);
        } else if parse_status_subject(&self.lattice, subject).is_ok() {
            same::<Status>(message);
            self.count("wadm.status");
        } else {
            if let Some(key) = key_value(message) {
                self.check_key_value(message, &key);
            }
            match self.bystanders.recognise(message) {
                Some(kind) => self.count(kind),
                None => self.check_late_reply(message),
            }
        }
    }

    /// A reply whose request was left out of the recording, as managers repeat theirs.
    fn check_late_reply(&mut self, message: &Message) {
        let subject = message.subject.as_str();
        assert!(
            subject.starts_with("_INBOX.") && message.headers.is_empty(),
            "`{subject}` was not understood"
        );
        let body: BTreeMap<String, Value> = serde_json::from_slice(&message.payload).unwrap();
        if body.contains_key("success") {
            match &body["response"] {
                Value::Array(_) => same::<Reply<Links>>(message),
                _ => same::<Reply<Config>>(message),
            }
        } else if body.contains_key("models") {
            same::<GetAllReply>(message);
        } else {
            same::<StatusReply>(message);
        }
        self.count("late reply");
    }

    fn check_control_request(&mut self, message: &Message, kind: OperationKind) {
        self.expect_reply(message, Asked::Control(kind));
        if message.payload == b"{" {
            assert!(json::decode::<ScaleComponent>(&message.payload).is_err());
            self.count("broken request");
            return;
        }
        match kind {
            OperationKind::HostStop => kept::<StopHost>(message),
            OperationKind::ComponentAuction => kept::<ComponentAuction>(message),
            OperationKind::ComponentScale => kept::<ScaleComponent>(message),
            OperationKind::ComponentUpdate => kept::<UpdateComponent>(message),
            OperationKind::ProviderAuction => kept::<ProviderAuction>(message),
            OperationKind::ProviderStart => kept::<StartProvider>(message),
            OperationKind::ProviderStop => kept::<StopProvider>(message),
            OperationKind::LabelPut => kept::<PutLabel>(message),
            OperationKind::LabelDelete => kept::<DeleteLabel>(message),
            OperationKind::LinkPut => {
                kept::<Link>(message);
                round_trip_link(&json::decode(&message.payload).unwrap());
            }
            OperationKind::LinkDelete => kept::<DeleteLink>(message),
            OperationKind::ConfigPut => kept::<Config>(message),
            OperationKind::RegistryPut => kept::<RegistryCredentials>(message),
            OperationKind::HostPing
            | OperationKind::HostGet
            | OperationKind::LinkGet
            | OperationKind::ClaimsGet
            | OperationKind::ConfigGet
            | OperationKind::ConfigDelete => {
                assert!(message.payload.is_empty(), "{kind} has a body")
            }
        }
        self.count(kind);
    }

    fn check_application_request(&mut self, message: &Message, operation: ApplicationOperation) {
        match operation {
            ApplicationOperation::Get(_)
            | ApplicationOperation::Delete(_)
            | ApplicationOperation::Deploy(_)
            | ApplicationOperation::Undeploy(_)
                if !message.payload.is_empty() =>
            {
                kept::<VersionRequest>(message);
            }
            ApplicationOperation::Put => assert!(!message.payload.is_empty()),
            _ => assert!(message.payload.is_empty(), "{operation} has a body"),
        }
        self.count(format_args!("model.{}", operation.verb()));
        self.expect_reply(message, Asked::Application(operation));
    }

    fn check_provider_message(&mut self, message: &Message, kind: ProviderMessage) {
        match kind {
            ProviderMessage::LinkPut | ProviderMessage::LinkDelete => {
                same::<LinkDefinition>(message)
            }
            ProviderMessage::Health => assert!(message.payload.is_empty()),
            ProviderMessage::Shutdown => same::<ShutdownRequest>(message),
            ProviderMessage::ConfigUpdate => same::<Config>(message),
        }
        self.count(kind);
        self.expect_reply(message, Asked::Provider(kind));
    }

    fn check_reply(&mut self, message: &Message, asked: &Asked) {
        match asked {
            Asked::Control(kind) => {
                check_control_reply(message, *kind);
                self.count(format_args!("reply to {kind}"));
            }
            Asked::Application(operation) => {
                check_application_reply(message, operation);
                self.count(format_args!("reply to model.{}", operation.verb()));
            }
            Asked::Provider(kind) => {
                match kind {
                    ProviderMessage::Health => same::<HealthReply>(message),
                    ProviderMessage::Shutdown => {
                        assert_eq!(message.payload, wire::SHUTDOWN_REPLY.as_bytes());
                    }
                    _ => panic!("{kind} has a reply"),
                }
                self.count(format_args!("reply to {kind}"));
            }
        }
    }

    fn check_event(&mut self, message: &Message, name: &str) {
        let event = Event::decode(&message.payload).unwrap();
        assert_eq!(event.data.name(), name);
        assert!(
            !matches!(event.data, Data::Unknown { .. }),
            "`{name}` is not known"
        );
        assert_eq!(event.subject(&self.lattice), message.subject);
        event.host().unwrap();
        assert_json(&message.payload, &event.encode(), name);
        if let Data::HostHeartbeat(inventory) = &event.data {
            HostInventory::try_from(inventory).unwrap();
        }
        self.count(name);
    }

    fn check_key_value(&mut self, message: &Message, key: &str) {
        if message.payload.is_empty() {
            return;
        }
        let data = format!("{}.", lattice_bucket(&self.lattice));
        let configs = format!("{}.", config_bucket(&self.lattice));
        if let Some(key) = key.strip_prefix(&data) {
            let kind = LatticeKey::parse(key).unwrap();
            assert_eq!(kind.to_string(), key);
            match kind {
                LatticeKey::Component(_) => {
                    let record = ComponentRecord::decode(&message.payload).unwrap();
                    record.links().for_each(round_trip_link);
                    assert_json(&message.payload, &record.encode(), key);
                    self.count("component record");
                }
                LatticeKey::Claims(_) => {
                    let record = ClaimsRecord::decode(&message.payload).unwrap();
                    assert_json(&message.payload, &record.encode(), key);
                    self.count("claims record");
                }
                other => panic!("`{other}` is not known"),
            }
        } else if key.starts_with(&configs) {
            same::<Config>(message);
            self.count("config record");
        }
    }

    /// Asserts that every kind was met at least so often.
    fn assert_counts(&self, expected: &[(&str, usize)]) {
        for &(kind, least) in expected {
            let count = self.counts.get(kind).copied().unwrap_or_default();
            assert!(
                count >= least,
                "{count} of `{kind}`, expected {least}: {:#?}",
                self.counts
            );
        }
    }
}

/// Bucket and key of a message that carries the value of a key: a write, its delivery to a watcher, or a direct read.
fn key_value(message: &Message) -> Option<String> {
    let subject = message
        .headers
        .get("Nats-Subject")
        .unwrap_or(&message.subject);
    subject.strip_prefix("$KV.").map(str::to_owned)
}

fn check_control_reply(message: &Message, kind: OperationKind) {
    let reply: Ack = json::decode(&message.payload).unwrap();
    if !reply.success {
        same::<Ack>(message);
        return;
    }
    match kind {
        OperationKind::HostPing => same::<Reply<HostSummary>>(message),
        OperationKind::HostGet => {
            same::<Reply<Inventory>>(message);
            let reply: Reply<Inventory> = json::decode(&message.payload).unwrap();
            let inventory = HostInventory::try_from(&reply.response.unwrap()).unwrap();
            let wire = Reply::data(Inventory::from(&inventory));
            assert_json(
                &message.payload,
                &json::encode(&wire),
                "inventory from the model",
            );
        }
        OperationKind::ComponentAuction => same::<Reply<ComponentBid>>(message),
        OperationKind::ProviderAuction => same::<Reply<ProviderBid>>(message),
        OperationKind::LinkGet => same::<Reply<Links>>(message),
        OperationKind::ClaimsGet => {
            same::<Reply<ClaimsList>>(message);
            let reply: Reply<ClaimsList> = json::decode(&message.payload).unwrap();
            for entry in reply.response.unwrap() {
                let record = ClaimsRecord::decode(&json::encode(&entry)).unwrap();
                assert_eq!(record.to_entry(), entry);
            }
        }
        OperationKind::ConfigGet => same::<Reply<Config>>(message),
        _ => {
            assert_eq!(reply.response, None);
            same::<Ack>(message);
        }
    }
}

fn check_application_reply(message: &Message, operation: &ApplicationOperation) {
    match operation {
        ApplicationOperation::List => same::<Vec<ModelSummary>>(message),
        ApplicationOperation::GetAll => same::<GetAllReply>(message),
        ApplicationOperation::Get(_) => same::<GetReply>(message),
        ApplicationOperation::Put if message.is_cut => {
            let mut reply: Value = serde_json::from_slice(&message.payload).unwrap();
            reply["result"] = "error".into();
            assert_same::<PutReply>(&serde_json::to_vec(&reply).unwrap(), &message.subject);
        }
        ApplicationOperation::Put => same::<PutReply>(message),
        ApplicationOperation::Delete(_) => same::<DeleteReply>(message),
        ApplicationOperation::Versions(_) => same::<VersionsReply>(message),
        ApplicationOperation::Deploy(_) | ApplicationOperation::Undeploy(_) => {
            same::<DeployReply>(message);
        }
        ApplicationOperation::Status(_) => same::<StatusReply>(message),
        ApplicationOperation::History(_) => same::<ErrorReply>(message),
    }
}

fn round_trip_link(wire: &Link) {
    let link = link::Link::try_from(wire).unwrap();
    assert_eq!(&Link::from(&link), wire);
}

fn assert_json(recorded: &[u8], written: &[u8], what: &str) {
    let recorded: Value = serde_json::from_slice(recorded).unwrap();
    let written: Value = serde_json::from_slice(written).unwrap();
    assert_eq!(recorded, written, "{what}");
}

/// What the real software wrote is written back as the same JSON.
fn same<T: DeserializeOwned + Serialize>(message: &Message) {
    assert_same::<T>(&message.payload, &message.subject);
}

fn assert_same<T: DeserializeOwned + Serialize>(payload: &[u8], what: &str) {
    let value: T = json::decode(payload).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert_json(payload, &json::encode(&value), what);
}

/// What a script wrote, maybe without optional fields, loses none of its fields and reads back as it was.
fn kept<T: DeserializeOwned + Serialize + PartialEq + fmt::Debug>(message: &Message) {
    let value: T = json::decode(&message.payload)
        .unwrap_or_else(|error| panic!("{}: {error:?}", message.subject));
    let written = json::encode(&value);
    assert_eq!(json::decode::<T>(&written).unwrap(), value);
    let recorded: BTreeMap<String, Value> = serde_json::from_slice(&message.payload).unwrap();
    let written: BTreeMap<String, Value> = serde_json::from_slice(&written).unwrap();
    for (field, value) in &recorded {
        assert_eq!(
            written.get(field),
            Some(value),
            "{}: `{field}`",
            message.subject
        );
    }
}

fn check(name: &str, lines: usize, expected: &[(&str, usize)]) {
    let Some(recorded) = vectors::lines(name) else {
        return;
    };
    assert_eq!(recorded.len(), lines, "lines of `{name}`");
    let mut checker = Checker::new();
    for line in &recorded {
        let before = checker.total();
        match line {
            Line::Message(message) => checker.check(message),
            Line::Note => checker.count("note"),
        }
        assert!(checker.total() > before, "a line was passed over");
    }
    checker.assert_counts(expected);
}

#[test]
fn traffic_of_a_host_is_understood() {
    check(
        "host-1.9.2.jsonl",
        254,
        &[
            ("host.ping", 1),
            ("host.get", 2),
            ("host.stop", 1),
            ("label.put", 1),
            ("label.del", 1),
            ("config.put", 2),
            ("config.get", 2),
            ("config.del", 1),
            ("component.auction", 1),
            ("provider.auction", 1),
            ("component.scale", 5),
            ("broken request", 1),
            ("component.update", 1),
            ("provider.start", 1),
            ("provider.stop", 1),
            ("link.put", 3),
            ("link.get", 1),
            ("link.del", 1),
            ("claims.get", 1),
            ("reply to host.ping", 1),
            ("reply to host.get", 2),
            ("reply to component.scale", 6),
            ("reply to component.auction", 1),
            ("reply to provider.auction", 1),
            ("reply to link.get", 1),
            ("reply to link.put", 3),
            ("reply to config.get", 2),
            ("component record", 15),
            ("config record", 5),
            ("component_scaled", 5),
            ("component_scale_failed", 2),
            ("provider_started", 1),
            ("provider_stopped", 1),
            ("linkdef_set", 2),
            ("linkdef_set_failed", 1),
            ("linkdef_deleted", 1),
            ("labels_changed", 2),
            ("config_set", 2),
            ("config_deleted", 1),
            ("host_stopped", 1),
            ("linkdefs.put", 5),
            ("linkdefs.del", 2),
            ("default.shutdown", 1),
            ("reply to default.shutdown", 1),
            ("call", 13),
            ("acceptance of a call", 13),
            ("piece of a tuple", 9),
            ("end of a value", 25),
            ("note", 47),
        ],
    );
}

#[test]
fn traffic_of_providers_is_understood() {
    check(
        "providers-1.9.2.jsonl",
        231,
        &[
            ("claims record", 4),
            ("reply to claims.get", 1),
            ("linkdefs.put", 6),
            ("health", 2),
            ("reply to health", 2),
            ("config.update", 3),
            ("health_check_passed", 2),
            ("provider_started", 2),
            ("call", 9),
            ("acceptance of a call", 9),
            ("piece of a stream or future", 7),
            ("note", 17),
        ],
    );
}

#[test]
fn traffic_of_capabilities_is_understood() {
    check(
        "capabilities-1.9.2.jsonl",
        644,
        &[
            ("component.scale", 4),
            ("provider.start", 5),
            ("host_heartbeat", 1),
            ("claims record", 10),
            ("linkdefs.put", 18),
            ("config.update", 10),
            ("call", 25),
            ("acceptance of a call", 25),
            ("piece of a stream or future", 40),
            ("question to a policy", 10),
            ("decision of a policy", 10),
            ("message of a component", 5),
            ("answer of a component", 2),
            ("note", 36),
        ],
    );
}

#[test]
fn traffic_of_an_application_manager_is_understood() {
    check(
        "wadm-0.21.1.jsonl",
        335,
        &[
            ("model.put", 5),
            ("model.list", 1),
            ("model.get", 3),
            ("model.versions", 2),
            ("model.deploy", 3),
            ("model.undeploy", 1),
            ("model.status", 3),
            ("model.history", 1),
            ("model.del", 1),
            ("reply to model.put", 5),
            ("reply to model.list", 1),
            ("reply to model.get", 3),
            ("reply to model.versions", 2),
            ("reply to model.deploy", 3),
            ("reply to model.undeploy", 1),
            ("reply to model.status", 3),
            ("reply to model.history", 1),
            ("reply to model.del", 1),
            ("wadm.status", 10),
            ("host_heartbeat", 4),
            ("health_check_status", 4),
            ("linkdef_deleted", 12),
            ("what a manager tells itself", 84),
            ("late reply", 16),
            ("note", 17),
        ],
    );
}

#[test]
fn host_data_is_understood() {
    let Some(text) = vectors::load("hostdata-1.9.2.json") else {
        return;
    };
    let recorded: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(recorded.len(), 6);
    for value in recorded {
        let bytes = serde_json::to_vec(&value).unwrap();
        let data: HostData = json::decode(&bytes).unwrap();
        assert_json(&bytes, &json::encode(&data), "host data");
    }
}
