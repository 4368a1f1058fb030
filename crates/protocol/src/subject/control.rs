//! Subjects of the control interface (spec §1).

use std::fmt;

use weft_model::id::{ConfigName, HostId, LatticeName};

use super::{SubjectError, SubjectPrefix};
use crate::wire;

/// Renders and parses the control subjects of one lattice: `{prefix}.v1.{lattice}.{noun}.{verb}[.{argument}]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ControlSubjects {
    /// Everything before the noun, with a dot at the end.
    base: String,
}

/// An operation of the control interface with the argument that its subject carries.
///
/// Closed: the 1.9 interface is frozen, and a host decides about each of them. Operations that a host does not serve
/// are in it too.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum Operation {
    /// `host.ping`: every host says who it is.
    HostPing,
    /// `host.get.{host}`: what runs on a host.
    HostGet(HostId),
    /// `host.stop.{host}`: stop a host.
    HostStop(HostId),
    /// `component.auction`: which hosts would run a component.
    ComponentAuction,
    /// `component.scale.{host}`: run so many instances of a component; zero stops it.
    ComponentScale(HostId),
    /// `component.update.{host}`: change the image of a running component.
    ComponentUpdate(HostId),
    /// `provider.auction`: which hosts would run a provider.
    ProviderAuction,
    /// `provider.start.{host}`: start a provider.
    ProviderStart(HostId),
    /// `provider.stop.{host}`: stop a provider.
    ProviderStop(HostId),
    /// `label.put.{host}`: set a label of a host.
    LabelPut(HostId),
    /// `label.del.{host}`: remove a label of a host.
    LabelDelete(HostId),
    /// `link.get`: all links.
    LinkGet,
    /// `link.put`: add or replace a link.
    LinkPut,
    /// `link.del`: remove a link.
    LinkDelete,
    /// `claims.get`: all claims.
    ClaimsGet,
    /// `config.get.{name}`: read a config.
    ConfigGet(ConfigName),
    /// `config.put.{name}`: write a config.
    ConfigPut(ConfigName),
    /// `config.del.{name}`: remove a config.
    ConfigDelete(ConfigName),
    /// `registry.put`: credentials for registries, for every host.
    RegistryPut,
}

/// An [`Operation`] without its argument; its text is `{noun}.{verb}`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
#[expect(missing_docs, reason = "each is documented on `Operation`")]
pub enum OperationKind {
    HostPing,
    HostGet,
    HostStop,
    ComponentAuction,
    ComponentScale,
    ComponentUpdate,
    ProviderAuction,
    ProviderStart,
    ProviderStop,
    LabelPut,
    LabelDelete,
    LinkGet,
    LinkPut,
    LinkDelete,
    ClaimsGet,
    ConfigGet,
    ConfigPut,
    ConfigDelete,
    RegistryPut,
}

/// A subject to subscribe to, and the queue group to join.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subscription {
    /// The subject; may have wildcards.
    pub subject: String,
    /// The queue group: one member of it receives each message. `None`: every subscriber does.
    pub queue: Option<String>,
}

/// Which auctions a host takes part in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Auctions {
    /// Whether the host bids for components.
    pub components: bool,
    /// Whether the host bids for providers.
    pub providers: bool,
}

const HOST: &str = "host";
const COMPONENT: &str = "component";
const PROVIDER: &str = "provider";
const LABEL: &str = "label";
const LINK: &str = "link";
const CLAIMS: &str = "claims";
const CONFIG: &str = "config";
const REGISTRY: &str = "registry";

/// Noun and verb of each operation: the only place where they are spelled.
const PATHS: [(OperationKind, &str, &str); 19] = [
    (OperationKind::HostPing, HOST, "ping"),
    (OperationKind::HostGet, HOST, "get"),
    (OperationKind::HostStop, HOST, "stop"),
    (OperationKind::ComponentAuction, COMPONENT, "auction"),
    (OperationKind::ComponentScale, COMPONENT, "scale"),
    (OperationKind::ComponentUpdate, COMPONENT, "update"),
    (OperationKind::ProviderAuction, PROVIDER, "auction"),
    (OperationKind::ProviderStart, PROVIDER, "start"),
    (OperationKind::ProviderStop, PROVIDER, "stop"),
    (OperationKind::LabelPut, LABEL, "put"),
    (OperationKind::LabelDelete, LABEL, "del"),
    (OperationKind::LinkGet, LINK, "get"),
    (OperationKind::LinkPut, LINK, "put"),
    (OperationKind::LinkDelete, LINK, "del"),
    (OperationKind::ClaimsGet, CLAIMS, "get"),
    (OperationKind::ConfigGet, CONFIG, "get"),
    (OperationKind::ConfigPut, CONFIG, "put"),
    (OperationKind::ConfigDelete, CONFIG, "del"),
    (OperationKind::RegistryPut, REGISTRY, "put"),
];

/// The subject on which hosts of `lattice` ask the config service (spec §1.5).
pub fn config_service_subject(lattice: &LatticeName) -> String {
    format!(
        "{}.{lattice}.{}",
        wire::CONFIG_SERVICE_PREFIX,
        wire::CONFIG_SERVICE_VERB
    )
}

// ===== impl ControlSubjects =====

impl ControlSubjects {
    /// Subjects of `lattice` under `prefix`.
    pub fn new(prefix: &SubjectPrefix, lattice: &LatticeName) -> Self {
        Self {
            base: format!("{prefix}.{}.{lattice}.", wire::CONTROL_VERSION),
        }
    }

    /// The subject of `operation`.
    pub fn render(&self, operation: &Operation) -> String {
        let (noun, verb) = operation.kind().path();
        match operation.argument() {
            Some(argument) => format!("{}{noun}.{verb}.{argument}", self.base),
            None => format!("{}{noun}.{verb}", self.base),
        }
    }

    /// The operation that `subject` names.
    ///
    /// # Errors
    ///
    /// [`SubjectError::Foreign`] for subjects of other lattices and families, [`SubjectError::Unsupported`] where noun
    /// and verb or the number of tokens are not those of an operation, [`SubjectError::Argument`] for a bad id.
    pub fn parse(&self, subject: &str) -> Result<Operation, SubjectError> {
        let path = subject
            .strip_prefix(self.base.as_str())
            .ok_or(SubjectError::Foreign)?;
        let mut tokens = path.split('.');
        let (noun, verb, argument) = (tokens.next(), tokens.next(), tokens.next());
        let kind = PATHS
            .iter()
            .find(|&&(_, n, v)| (Some(n), Some(v)) == (noun, verb))
            .map(|&(kind, ..)| kind)
            .filter(|_| tokens.next().is_none())
            .ok_or(SubjectError::Unsupported)?;
        Operation::from_parts(kind, argument)
    }

    /// What a host subscribes to (spec §1.2), in the order in which messages that wait at the same time are to be
    /// taken: what others refer to (configs, links) before what refers to it.
    pub fn subscriptions(&self, host: &HostId, auctions: Auctions) -> Vec<Subscription> {
        let queue = |noun: &str, tail: &str| Subscription {
            subject: format!("{}{noun}.{tail}", self.base),
            queue: Some(format!("{}{noun}", self.base)),
        };
        let addressed = |noun: &str| Subscription {
            subject: format!("{}{noun}.*.{host}", self.base),
            queue: None,
        };
        let every = |operation: &Operation| Subscription {
            subject: self.render(operation),
            queue: None,
        };
        let mut subscriptions = vec![
            every(&Operation::RegistryPut),
            queue(CONFIG, ">"),
            queue(LINK, "*"),
            addressed(LABEL),
            queue(CLAIMS, "get"),
            every(&Operation::HostPing),
        ];
        if auctions.components {
            subscriptions.push(every(&Operation::ComponentAuction));
        }
        if auctions.providers {
            subscriptions.push(every(&Operation::ProviderAuction));
        }
        subscriptions.extend([COMPONENT, PROVIDER, HOST].map(addressed));
        subscriptions
    }
}

// ===== impl Operation =====

impl Operation {
    /// The operation without its argument.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::HostPing => OperationKind::HostPing,
            Self::HostGet(_) => OperationKind::HostGet,
            Self::HostStop(_) => OperationKind::HostStop,
            Self::ComponentAuction => OperationKind::ComponentAuction,
            Self::ComponentScale(_) => OperationKind::ComponentScale,
            Self::ComponentUpdate(_) => OperationKind::ComponentUpdate,
            Self::ProviderAuction => OperationKind::ProviderAuction,
            Self::ProviderStart(_) => OperationKind::ProviderStart,
            Self::ProviderStop(_) => OperationKind::ProviderStop,
            Self::LabelPut(_) => OperationKind::LabelPut,
            Self::LabelDelete(_) => OperationKind::LabelDelete,
            Self::LinkGet => OperationKind::LinkGet,
            Self::LinkPut => OperationKind::LinkPut,
            Self::LinkDelete => OperationKind::LinkDelete,
            Self::ClaimsGet => OperationKind::ClaimsGet,
            Self::ConfigGet(_) => OperationKind::ConfigGet,
            Self::ConfigPut(_) => OperationKind::ConfigPut,
            Self::ConfigDelete(_) => OperationKind::ConfigDelete,
            Self::RegistryPut => OperationKind::RegistryPut,
        }
    }

    /// The host that the operation is addressed to; `None` when any host or every host answers.
    pub fn host(&self) -> Option<&HostId> {
        match self {
            Self::HostGet(host)
            | Self::HostStop(host)
            | Self::ComponentScale(host)
            | Self::ComponentUpdate(host)
            | Self::ProviderStart(host)
            | Self::ProviderStop(host)
            | Self::LabelPut(host)
            | Self::LabelDelete(host) => Some(host),
            _ => None,
        }
    }

    /// The last token of the subject, where there is one.
    fn argument(&self) -> Option<&str> {
        match self {
            Self::ConfigGet(name) | Self::ConfigPut(name) | Self::ConfigDelete(name) => {
                Some(name.as_str())
            }
            _ => self.host().map(HostId::as_str),
        }
    }

    /// Joins `kind` and `argument`; one without the other it needs, or with one it does not have, is unsupported.
    fn from_parts(kind: OperationKind, argument: Option<&str>) -> Result<Self, SubjectError> {
        let host = || Ok::<_, SubjectError>(argument.ok_or(SubjectError::Unsupported)?.parse()?);
        let config = || Ok::<_, SubjectError>(argument.ok_or(SubjectError::Unsupported)?.parse()?);
        let plain = |operation: Self| match argument {
            None => Ok(operation),
            Some(_) => Err(SubjectError::Unsupported),
        };
        match kind {
            OperationKind::HostPing => plain(Self::HostPing),
            OperationKind::HostGet => Ok(Self::HostGet(host()?)),
            OperationKind::HostStop => Ok(Self::HostStop(host()?)),
            OperationKind::ComponentAuction => plain(Self::ComponentAuction),
            OperationKind::ComponentScale => Ok(Self::ComponentScale(host()?)),
            OperationKind::ComponentUpdate => Ok(Self::ComponentUpdate(host()?)),
            OperationKind::ProviderAuction => plain(Self::ProviderAuction),
            OperationKind::ProviderStart => Ok(Self::ProviderStart(host()?)),
            OperationKind::ProviderStop => Ok(Self::ProviderStop(host()?)),
            OperationKind::LabelPut => Ok(Self::LabelPut(host()?)),
            OperationKind::LabelDelete => Ok(Self::LabelDelete(host()?)),
            OperationKind::LinkGet => plain(Self::LinkGet),
            OperationKind::LinkPut => plain(Self::LinkPut),
            OperationKind::LinkDelete => plain(Self::LinkDelete),
            OperationKind::ClaimsGet => plain(Self::ClaimsGet),
            OperationKind::ConfigGet => Ok(Self::ConfigGet(config()?)),
            OperationKind::ConfigPut => Ok(Self::ConfigPut(config()?)),
            OperationKind::ConfigDelete => Ok(Self::ConfigDelete(config()?)),
            OperationKind::RegistryPut => plain(Self::RegistryPut),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind(), f)?;
        match self.argument() {
            Some(argument) => write!(f, ".{argument}"),
            None => Ok(()),
        }
    }
}

// ===== impl OperationKind =====

impl OperationKind {
    /// Every operation, in the order of the specification.
    pub fn all() -> impl Iterator<Item = Self> {
        PATHS.iter().map(|&(kind, ..)| kind)
    }

    /// Whether the operation changes something, and so may carry a lease (architecture D7).
    pub fn is_mutation(self) -> bool {
        !matches!(
            self,
            Self::HostPing
                | Self::HostGet
                | Self::ComponentAuction
                | Self::ProviderAuction
                | Self::LinkGet
                | Self::ClaimsGet
                | Self::ConfigGet
        )
    }

    /// Noun and verb.
    fn path(self) -> (&'static str, &'static str) {
        let (_, noun, verb) = PATHS[self as usize];
        (noun, verb)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, verb) = self.path();
        write!(f, "{noun}.{verb}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> ControlSubjects {
        ControlSubjects::new(&SubjectPrefix::control(), &LatticeName::default())
    }

    #[test]
    fn every_operation_parses_what_it_renders() {
        for (index, kind) in OperationKind::all().enumerate() {
            assert_eq!(kind as usize, index, "{kind} is out of order");
            let operation = Operation::from_parts(kind, None)
                .or_else(|_| Operation::from_parts(kind, Some("NABC")))
                .unwrap();
            assert_eq!(operation.kind(), kind);
            let subject = subjects().render(&operation);
            assert_eq!(subjects().parse(&subject), Ok(operation), "{subject}");
        }
    }

    #[test]
    fn other_subjects_are_unsupported() {
        for tail in [
            "",
            "host",
            "host.foo.NABC",
            "host.ping.NABC",
            "host.get",
            "config.get.a.b",
            "config.get.",
            "link.put.x",
            "nope.get",
        ] {
            let error = subjects()
                .parse(&format!("wasmbus.ctl.v1.default.{tail}"))
                .unwrap_err();
            assert!(
                matches!(error, SubjectError::Unsupported | SubjectError::Argument(_)),
                "{tail}: {error:?}"
            );
        }
        assert_eq!(
            subjects()
                .parse("wasmbus.ctl.v1.default.host.foo.NABC")
                .unwrap_err()
                .to_string(),
            "unsupported subject"
        );
        for foreign in [
            "wasmbus.ctl.v1.other.host.ping",
            "wasmbus.ctl.v2.default.host.ping",
            "x",
        ] {
            assert_eq!(subjects().parse(foreign), Err(SubjectError::Foreign));
        }
    }

    #[test]
    fn a_host_subscribes_to_what_the_specification_lists() {
        let auctions = Auctions {
            components: true,
            providers: false,
        };
        let list: Vec<String> = subjects()
            .subscriptions(&"NABC".parse().unwrap(), auctions)
            .into_iter()
            .map(|subscription| match subscription.queue {
                Some(queue) => format!("{} in {queue}", subscription.subject),
                None => subscription.subject,
            })
            .collect();
        assert_eq!(
            list,
            [
                "wasmbus.ctl.v1.default.registry.put",
                "wasmbus.ctl.v1.default.config.> in wasmbus.ctl.v1.default.config",
                "wasmbus.ctl.v1.default.link.* in wasmbus.ctl.v1.default.link",
                "wasmbus.ctl.v1.default.label.*.NABC",
                "wasmbus.ctl.v1.default.claims.get in wasmbus.ctl.v1.default.claims",
                "wasmbus.ctl.v1.default.host.ping",
                "wasmbus.ctl.v1.default.component.auction",
                "wasmbus.ctl.v1.default.component.*.NABC",
                "wasmbus.ctl.v1.default.provider.*.NABC",
                "wasmbus.ctl.v1.default.host.*.NABC",
            ]
        );
    }
}
