//! The kinds of events (spec §2).

use serde::Deserialize;
use serde_json::Value;

use super::Event;
use super::body::{
    ArtifactPulling, ComponentScaleFailed, ComponentScaled, ConfigChanged, HealthCheck,
    HostStarted, HostStopped, LabelsChanged, LinkDeleted, LinkSetFailed, ProviderProcess,
    ProviderStartFailed, ProviderStarted, ProviderStopped,
};
use crate::control::{Inventory, Link};
use crate::json::{self, DecodeError};
use crate::wire;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// A host is ready. Its id is the source of the event.
    HostStarted(HostStarted),
    /// A host tells what it runs, every so often.
    HostHeartbeat(Inventory),
    /// A host stops on request or signal.
    HostStopped(HostStopped),
    /// The labels of a host changed.
    LabelsChanged(LabelsChanged),
    /// The outcome of a scale request; 1.9 hosts may tell it twice.
    ComponentScaled(ComponentScaled),
    /// A scale request failed.
    ComponentScaleFailed(ComponentScaleFailed),
    /// A provider was started; it need not be healthy yet.
    ProviderStarted(ProviderStarted),
    /// A provider could not be started.
    ProviderStartFailed(ProviderStartFailed),
    /// A provider was stopped.
    ProviderStopped(ProviderStopped),
    /// A provider became healthy.
    HealthCheckPassed(HealthCheck),
    /// A provider was healthy and is no more.
    HealthCheckFailed(HealthCheck),
    /// A provider is as it was.
    HealthCheckStatus(HealthCheck),
    /// A link was put.
    LinkSet(Link),
    /// A link was refused.
    LinkSetFailed(LinkSetFailed),
    /// A link was deleted, or was not there.
    LinkDeleted(LinkDeleted),
    /// A config was put over the control interface.
    ConfigSet(ConfigChanged),
    /// A config was deleted over the control interface.
    ConfigDeleted(ConfigChanged),
    /// Weft: the process of a provider ended without being asked to.
    ProviderDied(ProviderProcess),
    /// Weft: the process of a provider that had died runs again.
    ProviderRestarted(ProviderProcess),
    /// Weft: the process of a provider dies soon after each start, and is started ever more seldom.
    ProviderCrashLoop(ProviderProcess),
    /// Weft: the process of a provider does not answer.
    ProviderHangs(ProviderProcess),
    /// Weft: a host fetches an image.
    ArtifactPulling(ArtifactPulling),
    /// An event of another kind, kept as it came.
    Unknown {
        /// Its `type` attribute.
        kind: String,
        /// Its data.
        data: Value,
    },
}

/// The part of an event that has its data.
#[derive(Deserialize)]
struct Holder<T> {
    data: T,
}

/// Joins names and variants of known kinds: the only place where the names are spelled.
macro_rules! kinds {
    ($($name:literal => $variant:ident,)* ours: $($own:literal => $own_variant:ident,)*) => {
        impl Data {
            /// Reads the data of the event in `bytes`, whose `type` is `kind`.
            pub(super) fn decode(kind: String, bytes: &[u8]) -> Result<Self, DecodeError> {
                match kind.strip_prefix(wire::EVENT_TYPE_PREFIX) {
                    $(Some($name) => return json::decode(bytes).map(|Holder { data }| Self::$variant(data)),)*
                    _ => {}
                }
                match kind.strip_prefix(wire::WEFT_EVENT_TYPE_PREFIX) {
                    $(Some($own) => json::decode(bytes).map(|Holder { data }| Self::$own_variant(data)),)*
                    _ => json::decode(bytes).map(|Holder { data }| Self::Unknown { kind, data }),
                }
            }

            /// Writes `event`, whose data this is.
            pub(super) fn encode(&self, event: &Event) -> Vec<u8> {
                let kind = |name: &str| format!("{}{name}", wire::EVENT_TYPE_PREFIX);
                match self {
                    $(Self::$variant(data) => event.write(&kind($name), data),)*
                    $(Self::$own_variant(data) => {
                        event.write(&format!("{}{}", wire::WEFT_EVENT_TYPE_PREFIX, $own), data)
                    })*
                    Self::Unknown { kind, data } => event.write(kind, data),
                }
            }

            /// The name of the kind: the last token of the subject. It begins with `weft_` for the kinds that 1.9 does not
            /// have. For kinds that are not known, the whole `type` attribute.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    $(Self::$own_variant(_) => concat!("weft_", $own),)*
                    Self::Unknown { kind, .. } => {
                        kind.strip_prefix(wire::EVENT_TYPE_PREFIX).unwrap_or(kind)
                    }
                }
            }
        }
    };
}

kinds! {
    "host_started" => HostStarted,
    "host_heartbeat" => HostHeartbeat,
    "host_stopped" => HostStopped,
    "labels_changed" => LabelsChanged,
    "component_scaled" => ComponentScaled,
    "component_scale_failed" => ComponentScaleFailed,
    "provider_started" => ProviderStarted,
    "provider_start_failed" => ProviderStartFailed,
    "provider_stopped" => ProviderStopped,
    "health_check_passed" => HealthCheckPassed,
    "health_check_failed" => HealthCheckFailed,
    "health_check_status" => HealthCheckStatus,
    "linkdef_set" => LinkSet,
    "linkdef_set_failed" => LinkSetFailed,
    "linkdef_deleted" => LinkDeleted,
    "config_set" => ConfigSet,
    "config_deleted" => ConfigDeleted,
    ours:
    "provider_died" => ProviderDied,
    "provider_restarted" => ProviderRestarted,
    "provider_crash_loop" => ProviderCrashLoop,
    "provider_hangs" => ProviderHangs,
    "artifact_pulling" => ArtifactPulling,
}
