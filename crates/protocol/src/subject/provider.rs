//! Subjects between hosts and providers (spec §§5.5–5.8).

use std::fmt;

use weft_model::id::{EntityId, LatticeName};

use super::SubjectError;
use crate::wire;

/// Renders and parses the subjects of one lattice on which providers are told things: `wasmbus.rpc.{lattice}.{receiver}.{message}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderSubjects {
    /// Everything before the receiver, with a dot at the end.
    base: String,
}

/// What a provider is told. Closed, as the 1.9 protocol is frozen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum ProviderMessage {
    /// A link that the receiver is part of. The receiver is the public curve key of one provider process, or, for SDKs
    /// before 1.1, the id of the source or target.
    LinkPut,
    /// A link is gone; the receiver is the id of the source or target.
    LinkDelete,
    /// Asks whether the provider is healthy.
    Health,
    /// Asks the provider to stop.
    Shutdown,
    /// The provider's config changed.
    ConfigUpdate,
}

// ===== impl ProviderSubjects =====

impl ProviderSubjects {
    /// Subjects of `lattice`.
    pub fn new(lattice: &LatticeName) -> Self {
        Self {
            base: format!("{}.{lattice}.", wire::PROVIDER_PREFIX),
        }
    }

    /// The subject on which `receiver` is told `message`. A curve key is an [`EntityId`] here, as it is one token too.
    pub fn render(&self, receiver: &EntityId, message: ProviderMessage) -> String {
        format!("{}{receiver}.{message}", self.base)
    }

    /// The receiver and the message of `subject`.
    ///
    /// # Errors
    ///
    /// As [`ControlSubjects::parse`](super::ControlSubjects::parse).
    pub fn parse(&self, subject: &str) -> Result<(EntityId, ProviderMessage), SubjectError> {
        let path = subject
            .strip_prefix(self.base.as_str())
            .ok_or(SubjectError::Foreign)?;
        let (receiver, tail) = path.split_once('.').ok_or(SubjectError::Unsupported)?;
        let message = ProviderMessage::ALL
            .into_iter()
            .find(|message| message.tail() == tail)
            .ok_or(SubjectError::Unsupported)?;
        Ok((receiver.parse()?, message))
    }
}

// ===== impl ProviderMessage =====

impl ProviderMessage {
    const ALL: [Self; 5] = [
        Self::LinkPut,
        Self::LinkDelete,
        Self::Health,
        Self::Shutdown,
        Self::ConfigUpdate,
    ];

    fn tail(self) -> &'static str {
        match self {
            Self::LinkPut => "linkdefs.put",
            Self::LinkDelete => "linkdefs.del",
            Self::Health => "health",
            Self::Shutdown => "default.shutdown",
            Self::ConfigUpdate => "config.update",
        }
    }
}

impl fmt::Display for ProviderMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_parses_what_it_renders() {
        let subjects = ProviderSubjects::new(&LatticeName::default());
        let receiver: EntityId = "http-server".parse().unwrap();
        for message in ProviderMessage::ALL {
            let subject = subjects.render(&receiver, message);
            assert_eq!(subjects.parse(&subject), Ok((receiver.clone(), message)));
        }
        assert_eq!(
            subjects.render(&receiver, ProviderMessage::Shutdown),
            "wasmbus.rpc.default.http-server.default.shutdown"
        );
        for tail in ["", "x", "x.", "x.nope", "x.linkdefs.put.y"] {
            let subject = format!("wasmbus.rpc.default.{tail}");
            assert_eq!(subjects.parse(&subject), Err(SubjectError::Unsupported));
        }
    }
}
