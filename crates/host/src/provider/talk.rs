//! Talking to the process of a provider over NATS (spec §§5.5–5.8).

use std::time::Duration;

use weft_lattice::{Headers, Lattice, RequestError};
use weft_model::application::Config;
use weft_model::id::{EntityId, HostId};
use weft_protocol::json;
use weft_protocol::provider::{HealthReply, LinkDefinition, ShutdownRequest};
use weft_protocol::subject::{ProviderMessage, ProviderSubjects};
use weft_runtime::field;

use super::supervision::{Probe, StopAnswer};

/// How one provider is talked to. Cheap to clone.
#[derive(Clone)]
pub(super) struct Talk {
    pub(super) lattice: Lattice,
    pub(super) host: HostId,
    /// The provider's id, which all of its processes in the lattice listen on.
    pub(super) provider: EntityId,
}

/// What came of a question for health, and who was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Probed {
    pub(super) probe: Probe,
    /// Whether the process answers on a subject of its own.
    pub(super) is_own: bool,
}

// ===== impl Talk =====

impl Talk {
    /// The subject on which the provider is told `message`.
    pub(super) fn subject(&self, message: ProviderMessage) -> String {
        self.subject_of(&self.provider, message)
    }

    fn subject_of(&self, receiver: &EntityId, message: ProviderMessage) -> String {
        ProviderSubjects::new(self.lattice.name()).render(receiver, message)
    }

    /// Tells the process `receiver` of a link. SDKs before 1.1 listen on the id of the provider, but may not have what is sealed
    /// for one process.
    pub(super) async fn put_link(
        &self,
        receiver: &EntityId,
        definition: &LinkDefinition,
        has_secrets: bool,
    ) -> Result<(), RequestError> {
        let body = json::encode(definition);
        let own = self.subject_of(receiver, ProviderMessage::LinkPut);
        self.publish(&own, body.clone()).await?;
        if !has_secrets {
            let shared = self.subject(ProviderMessage::LinkPut);
            self.publish(&shared, body).await?;
        }
        Ok(())
    }

    /// Tells the process `receiver` that a link is gone, in order with what else it is told of links. Where it does not listen
    /// itself, all processes of the provider in the lattice are told: those that still have the link are told of it again by
    /// their hosts.
    pub(super) async fn delete_link(
        &self,
        receiver: Option<&EntityId>,
        definition: &LinkDefinition,
    ) -> Result<(), RequestError> {
        let bare = LinkDefinition {
            source_config: Config::new(),
            target_config: Config::new(),
            source_secrets: None,
            target_secrets: None,
            ..definition.clone()
        };
        let receiver = receiver.unwrap_or(&self.provider);
        let subject = self.subject_of(receiver, ProviderMessage::LinkDelete);
        self.publish(&subject, json::encode(&bare)).await
    }

    /// Tells the provider its config.
    pub(super) async fn update_config(&self, config: &Config) -> Result<(), RequestError> {
        let subject = self.subject(ProviderMessage::ConfigUpdate);
        self.publish(&subject, json::encode(config)).await
    }

    /// Asks for the health of the process `receiver`. Processes of 1.9 answer on the id of the provider only, where one on another
    /// host may be the first; one that has answered on its own subject is not asked there.
    pub(super) async fn probe(
        self,
        receiver: EntityId,
        has_own_subject: bool,
        limit: Duration,
    ) -> Probed {
        let own = self.ask_health(&receiver, limit).await;
        if has_own_subject || own.is_ok() {
            return Probed {
                is_own: own.is_ok(),
                probe: own.unwrap_or_else(|probe| probe),
            };
        }
        let shared = self.ask_health(&self.provider, limit).await;
        Probed {
            probe: shared.unwrap_or_else(|probe| probe),
            is_own: false,
        }
    }

    async fn ask_health(&self, receiver: &EntityId, limit: Duration) -> Result<Probe, Probe> {
        let subject = self.subject_of(receiver, ProviderMessage::Health);
        let answer = self
            .lattice
            .request_within(limit, &subject, &Headers::new(), Default::default())
            .await;
        match answer.map(|answer| json::decode::<HealthReply>(&answer.payload)) {
            Ok(Ok(HealthReply { healthy: true, .. })) => Ok(Probe::Well),
            Ok(Ok(HealthReply { message, .. })) => {
                tracing::warn!({ field::PROVIDER_ID } = %self.provider, message, "Provider says that it is not well");
                Ok(Probe::Unwell)
            }
            // What is no answer may have come from anybody.
            Ok(Err(_)) | Err(RequestError::NoResponders { .. } | RequestError::TimedOut { .. }) => {
                Err(Probe::Silent)
            }
            Err(_) => Err(Probe::Unknown),
        }
    }

    /// Asks the processes of this host to stop. A provider answers when it has nothing left to do (spec §5.7).
    pub(super) async fn ask_to_stop(self, within: Duration) -> StopAnswer {
        let subject = self.subject(ProviderMessage::Shutdown);
        let body = json::encode(&ShutdownRequest::new(&self.host));
        let answer = self
            .lattice
            .request_within(within, &subject, &Headers::new(), body.into())
            .await;
        match answer {
            Ok(_) => StopAnswer::Leaving,
            Err(error) => {
                tracing::warn!(
                    { field::PROVIDER_ID } = %self.provider,
                    { field::ERROR } = weft_model::problem::render_chain(&error),
                    "Provider does not answer that it stops"
                );
                StopAnswer::None
            }
        }
    }

    async fn publish(&self, subject: &str, body: Vec<u8>) -> Result<(), RequestError> {
        let sent = self
            .lattice
            .publish(subject, &Headers::new(), body.into())
            .await;
        if let Err(error) = &sent {
            tracing::warn!(
                { field::SUBJECT } = subject,
                { field::ERROR } = weft_model::problem::render_chain(error),
                "Cannot tell a provider"
            );
        }
        sent
    }
}
