//! Events of a lattice: CloudEvents in structured JSON (spec §2).

mod body;
mod data;
mod time;

pub use body::{
    ArtifactPulling, ComponentClaims, ComponentScaleFailed, ComponentScaled, ConfigChanged,
    HealthCheck, HostStarted, HostStopped, LabelsChanged, LinkDeleted, LinkSetFailed,
    ProviderClaims, ProviderProcess, ProviderStartFailed, ProviderStarted, ProviderStopped,
};
pub use data::Data;
pub use time::{EventTime, ParseTimeError};

use serde::{Deserialize, Serialize};
use weft_model::id::{HostId, LatticeName};

use crate::convert::{ConvertError, parse_field};
use crate::json::{self, DecodeError};
use crate::subject::event_subject;
use crate::wire;

/// Something that happened in a lattice.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Distinguishes the events of a source; see [`render_event_id`].
    pub id: String,
    /// Who says so: the id of a host, as text.
    pub source: String,
    /// When it happened, by the clock of the source.
    pub time: Option<EventTime>,
    /// What happened.
    pub data: Data,
}

/// The attributes of an event that are read before its data.
#[derive(Deserialize)]
struct Head {
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    time: Option<EventTime>,
}

/// An event as it is written, in the order in which 1.9 hosts write it.
#[derive(Serialize)]
struct Written<'a, T> {
    specversion: &'static str,
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    source: &'a str,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<EventTime>,
    data: &'a T,
}

/// The id of an event from 128 bits, as 1.9 hosts make it from a ULID: the form of a UUID, in lower case.
pub fn render_event_id(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

// ===== impl Event =====

impl Event {
    /// What `source` says happened at `time`.
    pub fn new(id: String, source: &HostId, time: EventTime, data: Data) -> Self {
        Self {
            id,
            source: source.to_string(),
            time: Some(time),
            data,
        }
    }

    /// Reads an event. Kinds that are not known are kept whole in [`Data::Unknown`].
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are no event, or the data of a known kind does not have its form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let head: Head = json::decode(bytes)?;
        Ok(Self {
            data: Data::decode(head.kind, bytes)?,
            id: head.id,
            source: head.source,
            time: head.time,
        })
    }

    /// Writes the event.
    pub fn encode(&self) -> Vec<u8> {
        self.data.encode(self)
    }

    /// The subject on which the event is published.
    pub fn subject(&self, lattice: &LatticeName) -> String {
        event_subject(lattice, self.data.name())
    }

    /// The host that says so.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when the source is no id of a host.
    pub fn host(&self) -> Result<HostId, ConvertError> {
        parse_field("source", &self.source)
    }

    fn write<T: Serialize>(&self, kind: &str, data: &T) -> Vec<u8> {
        json::encode(&Written {
            specversion: wire::CLOUDEVENTS_VERSION,
            id: &self.id,
            kind,
            source: &self.source,
            datacontenttype: wire::JSON_CONTENT_TYPE,
            time: self.time,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_form_of_a_uuid() {
        assert_eq!(
            render_event_id(0x01a1_fa94_a682_0d42_8674_a43e_b1f5_b947),
            "01a1fa94-a682-0d42-8674-a43eb1f5b947"
        );
        assert_eq!(render_event_id(0), "00000000-0000-0000-0000-000000000000");
    }

    #[test]
    fn an_unknown_kind_is_kept_whole() {
        let text = r#"{"specversion":"1.0","id":"1","type":"com.acme.thing","source":"x","datacontenttype":"application/json","data":{"a":[1,null]}}"#;
        let event = Event::decode(text.as_bytes()).unwrap();
        assert_eq!(event.data.name(), "com.acme.thing");
        assert_eq!(String::from_utf8(event.encode()).unwrap(), text);
    }

    #[test]
    fn an_event_of_ours_cannot_be_mistaken_for_one_of_the_dialect() {
        let lattice = LatticeName::default();
        let event = Event {
            id: "1".to_owned(),
            source: "x".to_owned(),
            time: None,
            data: Data::ProviderDied(ProviderProcess {
                provider_id: "kv".to_owned(),
                signal: Some(9),
                ..ProviderProcess::default()
            }),
        };
        let text = String::from_utf8(event.encode()).unwrap();
        assert!(
            text.contains(r#""type":"dev.weft.provider_died""#),
            "{text}"
        );
        assert_eq!(
            event.subject(&lattice),
            "wasmbus.evt.default.weft_provider_died"
        );
        assert_eq!(Event::decode(text.as_bytes()).unwrap(), event);
        // Under the prefix of the dialect it is of a kind that nobody knows.
        let foreign = text.replace("dev.weft.", wire::EVENT_TYPE_PREFIX);
        let foreign = Event::decode(foreign.as_bytes()).unwrap();
        assert!(matches!(foreign.data, Data::Unknown { .. }));
    }

    #[test]
    fn data_of_another_form_is_refused() {
        for text in [
            r#"{"id":"1","type":"com.wasmcloud.lattice.config_set","source":"x","data":{}}"#,
            r#"{"id":"1","type":"com.wasmcloud.lattice.config_set","source":"x"}"#,
            r#"{"id":"1","type":"com.wasmcloud.lattice.config_set","source":"x","time":"noon","data":{"config_name":"a"}}"#,
            r#"{"type":"com.wasmcloud.lattice.config_set"}"#,
        ] {
            assert!(
                matches!(Event::decode(text.as_bytes()), Err(DecodeError::Form(_))),
                "{text}"
            );
        }
    }
}
