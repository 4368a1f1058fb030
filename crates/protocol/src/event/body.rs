//! What events of each kind tell (spec §2).

use serde::{Deserialize, Serialize};
use weft_model::id::{ComponentId, HostId, ProviderId};
use weft_model::labels::{Annotations, Labels};
use weft_model::link::LinkKey;
use weft_model::problem::Problem;

use crate::control::{Link, ProblemFields};
use crate::convert::{ConvertError, parse_field};

/// Data of `host_started`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct HostStarted {
    /// A name for people; not unique.
    #[serde(default)]
    pub friendly_name: String,
    /// Labels for placement.
    #[serde(default)]
    pub labels: Labels,
    /// Time since the host started, in seconds.
    #[serde(default)]
    pub uptime_seconds: u64,
    /// The version of the host's software.
    #[serde(default)]
    pub version: String,
}

/// Data of `host_stopped`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct HostStopped {
    /// Labels for placement.
    #[serde(default)]
    pub labels: Labels,
}

/// Data of `labels_changed`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LabelsChanged {
    /// The host.
    pub host_id: String,
    /// All its labels.
    #[serde(default)]
    pub labels: Labels,
}

/// Data of `component_scaled`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ComponentScaled {
    /// The key of a signed component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// The claims of a signed component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<ComponentClaims>,
    /// Annotations of the command.
    #[serde(default)]
    pub annotations: Annotations,
    /// The host.
    pub host_id: String,
    /// The image that runs.
    #[serde(default)]
    pub image_ref: String,
    /// How many instances may run at once now.
    #[serde(default)]
    pub max_instances: u32,
    /// The component.
    pub component_id: String,
}

/// Data of `component_scale_failed`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ComponentScaleFailed {
    /// The key of a signed component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Annotations of the command.
    #[serde(default)]
    pub annotations: Annotations,
    /// The host.
    pub host_id: String,
    /// The image that was to run.
    #[serde(default)]
    pub image_ref: String,
    /// The component.
    pub component_id: String,
    /// How many instances were asked for.
    #[serde(default)]
    pub max_instances: u32,
    /// What failed, with its causes.
    #[serde(default)]
    pub error: String,
    /// Weft: the code of the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_code: Option<String>,
    /// Weft: what the problem is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_subject: Option<String>,
    /// Weft: what to do about the problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_hints: Vec<String>,
}

/// Claims of a component in events. Times are seconds since 1970 in text, or `never`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields of the signed claims, as they are")]
pub struct ComponentClaims {
    pub call_alias: Option<String>,
    pub issuer: String,
    pub tags: Option<Vec<String>>,
    pub name: Option<String>,
    pub version: Option<String>,
    pub revision: Option<i32>,
    pub not_before_human: String,
    pub expires_human: String,
}

/// Claims of a provider in events. Times are seconds since 1970 in text, or `never`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields of the signed claims, as they are")]
pub struct ProviderClaims {
    pub issuer: String,
    pub tags: Option<Vec<String>>,
    pub name: Option<String>,
    pub version: Option<String>,
    pub not_before_human: String,
    pub expires_human: String,
}

/// Data of `provider_started`. The last four fields are there for signed providers alone.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProviderStarted {
    /// The host.
    pub host_id: String,
    /// The image that runs.
    #[serde(default)]
    pub image_ref: String,
    /// The provider.
    pub provider_id: String,
    /// Annotations of the command.
    #[serde(default)]
    pub annotations: Annotations,
    /// The claims of a signed provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<ProviderClaims>,
    /// The provider's id again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The provider's id again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_name: Option<String>,
    /// Weft: what stands in for the backend that the image means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_substitution: Option<String>,
}

/// Data of `provider_start_failed`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProviderStartFailed {
    /// The image that was to run.
    #[serde(default)]
    pub provider_ref: String,
    /// The provider.
    pub provider_id: String,
    /// The host.
    pub host_id: String,
    /// What failed, with its causes.
    #[serde(default)]
    pub error: String,
    /// `default`.
    #[serde(default)]
    pub link_name: String,
    /// Weft: the code of the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_code: Option<String>,
    /// Weft: what the problem is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_subject: Option<String>,
    /// Weft: what to do about the problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_hints: Vec<String>,
}

/// Data of the events about the process of a provider that 1.9 has none for: it died, was started again, dies over and
/// over, does not answer.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProviderProcess {
    /// The host.
    #[serde(default)]
    pub host_id: String,
    /// The provider.
    #[serde(default)]
    pub provider_id: String,
    /// Annotations of the command that started it.
    #[serde(default)]
    pub annotations: Annotations,
    /// What happened, for people.
    #[serde(default)]
    pub reason: String,
    /// The status that the process ended with; absent where a signal ended it, or none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
    /// The number of the signal that ended the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// How often the process was started again.
    #[serde(default)]
    pub restarts: u64,
    /// In how many milliseconds it is started the next time; absent where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_ms: Option<u64>,
}

/// Data of the event that 1.9 has none for: a host fetches an image, and how far it is. Told every now and then.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ArtifactPulling {
    /// The host.
    #[serde(default)]
    pub host_id: String,
    /// The image.
    #[serde(default)]
    pub image_ref: String,
    /// What is done: `resolving`, `waiting`, `downloading`, `retrying` or `done`; others may come.
    #[serde(default)]
    pub step: String,
    /// Bytes that are there, where it is downloaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// All of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
}

/// Data of `provider_stopped`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProviderStopped {
    /// The host.
    pub host_id: String,
    /// The provider.
    pub provider_id: String,
    /// Annotations of the command that started it.
    #[serde(default)]
    pub annotations: Annotations,
    /// Why; `stop` when it was asked for.
    #[serde(default)]
    pub reason: String,
    /// The provider's id again.
    #[serde(default)]
    pub instance_id: String,
    /// The provider's id again.
    #[serde(default)]
    pub public_key: String,
    /// `default`.
    #[serde(default)]
    pub link_name: String,
}

/// Data of the events about health.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The host.
    pub host_id: String,
    /// The provider.
    pub provider_id: String,
}

/// Data of `linkdef_set_failed`: a link and why it was refused.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields of `Link`, and those of other failures"
)]
pub struct LinkSetFailed {
    pub source_id: String,
    pub target: String,
    pub name: String,
    pub wit_namespace: String,
    pub wit_package: String,
    pub interfaces: Vec<String>,
    #[serde(default)]
    pub source_config: Vec<String>,
    #[serde(default)]
    pub target_config: Vec<String>,
    #[serde(default)]
    pub error: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_subject: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_hints: Vec<String>,
}

/// Data of `linkdef_deleted`; the last two fields are there when a link was removed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LinkDeleted {
    /// The id of who called.
    pub source_id: String,
    /// The name of the link.
    pub name: String,
    /// The namespace of the package.
    pub wit_namespace: String,
    /// The package in its namespace.
    pub wit_package: String,
    /// The id of who was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The interfaces of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<Vec<String>>,
}

/// Data of `config_set` and `config_deleted`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ConfigChanged {
    /// The config.
    pub config_name: String,
}

// ===== impl LinkDeleted =====

impl LinkDeleted {
    /// The link `key` is gone, where `removed` was there.
    pub fn new(key: &LinkKey, removed: Option<Link>) -> Self {
        let (target, interfaces) = removed.map(|link| (link.target, link.interfaces)).unzip();
        Self {
            source_id: key.source.to_string(),
            name: key.name.to_string(),
            wit_namespace: key.package.namespace().to_owned(),
            wit_package: key.package.name().to_owned(),
            target,
            interfaces,
        }
    }
}

/// Typed ids of the data of one kind of events.
macro_rules! ids {
    ($($kind:ident: $($field:ident as $method:ident: $id:ident),*;)*) => {
        $(impl $kind {
            $(#[doc = concat!("The field `", stringify!($field), "`.")]
            ///
            /// # Errors
            ///
            /// [`ConvertError`] when it is no id.
            pub fn $method(&self) -> Result<$id, ConvertError> {
                parse_field(stringify!($field), &self.$field)
            })*
        })*
    };
}

ids! {
    LabelsChanged: host_id as host: HostId;
    ComponentScaled: host_id as host: HostId, component_id as component: ComponentId;
    ComponentScaleFailed: host_id as host: HostId, component_id as component: ComponentId;
    ProviderStarted: host_id as host: HostId, provider_id as provider: ProviderId;
    ProviderStartFailed: host_id as host: HostId, provider_id as provider: ProviderId;
    ProviderStopped: host_id as host: HostId, provider_id as provider: ProviderId;
    HealthCheck: host_id as host: HostId, provider_id as provider: ProviderId;
    ProviderProcess: host_id as host: HostId, provider_id as provider: ProviderId;
    ArtifactPulling: host_id as host: HostId;
}

/// Problems of the data of failures.
macro_rules! problems {
    ($($kind:ident),*) => {
        $(impl $kind {
            /// Tells `problem`.
            #[must_use]
            pub fn with_problem(mut self, problem: &Problem) -> Self {
                let fields = ProblemFields::new(problem);
                self.error.clone_from(&problem.message);
                self.weft_code = fields.code;
                self.weft_subject = fields.subject;
                self.weft_hints = fields.hints;
                self
            }

            /// The problem; `None` where the source does not know of codes.
            pub fn problem(&self) -> Option<Problem> {
                ProblemFields {
                    code: self.weft_code.clone(),
                    subject: self.weft_subject.clone(),
                    hints: self.weft_hints.clone(),
                }
                .into_problem(self.error.clone())
            }
        })*
    };
}

problems!(ComponentScaleFailed, ProviderStartFailed, LinkSetFailed);

// ===== impl LinkSetFailed =====

impl From<Link> for LinkSetFailed {
    fn from(link: Link) -> Self {
        Self {
            source_id: link.source_id,
            target: link.target,
            name: link.name,
            wit_namespace: link.wit_namespace,
            wit_package: link.wit_package,
            interfaces: link.interfaces,
            source_config: link.source_config,
            target_config: link.target_config,
            error: String::new(),
            weft_code: None,
            weft_subject: None,
            weft_hints: Vec::new(),
        }
    }
}
