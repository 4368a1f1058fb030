//! Asking hosts over the control interface (spec §1).

mod auction;
mod error;
mod expected;
mod outcomes;
mod ping;

pub use error::ControlError;
pub use expected::{Expected, Outcome};
pub use outcomes::{Heard, Outcomes};
pub use ping::Pings;

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use weft_model::application::Config;
use weft_model::id::{ConfigName, HostId, ProviderId};
use weft_model::inventory::HostInventory;
use weft_model::labels::Labels;
use weft_model::link::{Link, LinkKey};
use weft_protocol::ConvertError;
use weft_protocol::control::{
    Ack, ClaimsList, DeleteLabel, DeleteLink, HostSummary, Inventory, Lease, Links, NoData,
    PutLabel, RegistryCredentials, Reply, ScaleComponent, StartProvider, StopHost, StopProvider,
    UpdateComponent,
};
use weft_protocol::json;
use weft_protocol::subject::Operation;
use weft_protocol::wire;

use crate::lattice::Lattice;
use crate::message::{Headers, Message};

/// The label of a host that gives its work to others and takes no new; any value but `false` means so.
pub const DRAINING_LABEL: &str = "weft.draining";

/// Whether a host with `labels` gives its work to others and takes no new.
pub fn is_draining(labels: &Labels) -> bool {
    let value = labels.get(DRAINING_LABEL);
    value.is_some_and(|value| value != "false")
}

/// Asks the hosts of a lattice. Cheap to clone.
///
/// An acknowledgement means that a host accepted the request; what came of it is told by events, and by the buckets
/// (architecture D13).
#[derive(Clone, Debug)]
pub struct Client {
    lattice: Lattice,
    lease: Option<Lease>,
    /// How long a request may take.
    timeout: Duration,
}

/// A value without the parts that are not valid, and why those are missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Partial<T> {
    /// The value.
    pub value: T,
    /// Why parts are missing; empty when none is.
    pub skipped: Vec<ConvertError>,
}

// ===== impl Client =====

impl Client {
    pub(crate) fn new(lattice: Lattice) -> Self {
        Self {
            timeout: lattice.request_timeout(),
            lattice,
            lease: None,
        }
    }

    /// This client, whose requests may take `timeout` instead of the request timeout of the connection: some are answered
    /// only when they are done, such as that to stop a provider.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// This client, whose mutations say that they are made under `lease` (architecture D7).
    #[must_use]
    pub fn with_lease(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The hosts that answer within `window`, in the order of their answers. Answers that are no host's are left out.
    ///
    /// # Errors
    ///
    /// [`ControlError`] when the request cannot be sent. No hosts are no error.
    pub async fn ping(&self, window: Duration) -> Result<Vec<HostSummary>, ControlError> {
        self.gather(&Operation::HostPing, Bytes::new(), window, None)
            .await
    }

    /// As [`Self::ping`], but returns as soon as `expected` hosts have answered.
    ///
    /// # Errors
    ///
    /// As [`Self::ping`].
    pub async fn ping_expecting(
        &self,
        expected: usize,
        window: Duration,
    ) -> Result<Vec<HostSummary>, ControlError> {
        self.gather(&Operation::HostPing, Bytes::new(), window, Some(expected))
            .await
    }

    /// What runs on `host`.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn inventory(&self, host: &HostId) -> Result<Partial<HostInventory>, ControlError> {
        let operation = Operation::HostGet(host.clone());
        let inventory: Inventory = self.ask_data(&operation, Vec::new()).await?;
        let (value, skipped) = inventory
            .to_model_lossy()
            .map_err(|source| ControlError::Convert { operation, source })?;
        Ok(Partial { value, skipped })
    }

    /// Asks `host` to stop, with `timeout` for cleaning up, or the host's own.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn stop_host(
        &self,
        host: &HostId,
        timeout: Option<Duration>,
    ) -> Result<(), ControlError> {
        let operation = Operation::HostStop(host.clone());
        self.tell(&operation, &StopHost::new(host, timeout)).await
    }

    /// Sets a label of `host`.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn put_label(
        &self,
        host: &HostId,
        key: &str,
        value: &str,
    ) -> Result<(), ControlError> {
        let label = PutLabel {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        self.tell(&Operation::LabelPut(host.clone()), &label).await
    }

    /// Removes a label of `host`, if it is there.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn delete_label(&self, host: &HostId, key: &str) -> Result<(), ControlError> {
        let label = DeleteLabel {
            key: key.to_owned(),
        };
        self.tell(&Operation::LabelDelete(host.clone()), &label)
            .await
    }

    /// Asks `host` to run so many instances of a component; zero stops it. Gives the host's text, which may be a warning.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn scale_component(
        &self,
        host: &HostId,
        scale: &ScaleComponent,
    ) -> Result<String, ControlError> {
        let operation = Operation::ComponentScale(host.clone());
        let reply: Ack = self.ask(&operation, json::encode(scale)).await?;
        Ok(reply.message)
    }

    /// Asks `host` to change the image of a running component. Gives the host's text.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn update_component(
        &self,
        host: &HostId,
        update: &UpdateComponent,
    ) -> Result<String, ControlError> {
        let operation = Operation::ComponentUpdate(host.clone());
        let reply: Ack = self.ask(&operation, json::encode(update)).await?;
        Ok(reply.message)
    }

    /// Asks `host` to start a provider.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn start_provider(
        &self,
        host: &HostId,
        start: &StartProvider,
    ) -> Result<(), ControlError> {
        self.tell(&Operation::ProviderStart(host.clone()), start)
            .await
    }

    /// Asks `host` to stop a provider.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn stop_provider(
        &self,
        host: &HostId,
        provider: &ProviderId,
    ) -> Result<(), ControlError> {
        let stop = StopProvider::new(host, provider);
        self.tell(&Operation::ProviderStop(host.clone()), &stop)
            .await
    }

    /// All links of the lattice, as the host that answers knows them.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn links(&self) -> Result<Partial<Vec<Link>>, ControlError> {
        let links: Links = self.ask_data(&Operation::LinkGet, Vec::new()).await?;
        let mut partial = Partial {
            value: Vec::with_capacity(links.len()),
            skipped: Vec::new(),
        };
        for link in &links {
            match link.try_into() {
                Ok(link) => partial.value.push(link),
                Err(error) => partial.skipped.push(error),
            }
        }
        Ok(partial)
    }

    /// Adds or replaces a link.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn put_link(&self, link: &Link) -> Result<(), ControlError> {
        let link = weft_protocol::control::Link::from(link);
        self.tell(&Operation::LinkPut, &link).await
    }

    /// Removes a link, if it is there.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn delete_link(&self, key: &LinkKey) -> Result<(), ControlError> {
        self.tell(&Operation::LinkDelete, &DeleteLink::from(key))
            .await
    }

    /// The config `name`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn config(&self, name: &ConfigName) -> Result<Option<Config>, ControlError> {
        let operation = Operation::ConfigGet(name.clone());
        let reply: Reply<Config> = self.ask(&operation, Vec::new()).await?;
        Ok(reply.response)
    }

    /// Writes the config `name`.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn put_config(&self, name: &ConfigName, config: &Config) -> Result<(), ControlError> {
        self.tell(&Operation::ConfigPut(name.clone()), config).await
    }

    /// Removes the config `name`, if it is there.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn delete_config(&self, name: &ConfigName) -> Result<(), ControlError> {
        let operation = Operation::ConfigDelete(name.clone());
        let _: Ack = self.ask(&operation, Vec::new()).await?;
        Ok(())
    }

    /// All claims of the lattice, as the host that answers knows them.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn claims(&self) -> Result<ClaimsList, ControlError> {
        self.ask_data(&Operation::ClaimsGet, Vec::new()).await
    }

    /// Gives all hosts credentials for registries. Hosts do not have to answer, so nothing is known of what came of it.
    ///
    /// # Errors
    ///
    /// [`ControlError`] when the message cannot be sent.
    pub async fn put_registries(
        &self,
        credentials: &RegistryCredentials,
    ) -> Result<(), ControlError> {
        let operation = Operation::RegistryPut;
        let subject = self.lattice.control_subjects().render(&operation);
        let body = json::encode(credentials).into();
        self.lattice
            .publish(&subject, &self.headers(&operation), body)
            .await
            .map_err(|source| ControlError::Request { operation, source })
    }

    /// Sends a request whose reply has no data.
    async fn tell<B: Serialize>(
        &self,
        operation: &Operation,
        body: &B,
    ) -> Result<(), ControlError> {
        let _: Reply<NoData> = self.ask(operation, json::encode(body)).await?;
        Ok(())
    }

    /// Sends a request whose reply has data.
    async fn ask_data<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        body: Vec<u8>,
    ) -> Result<T, ControlError> {
        let reply: Reply<T> = self.ask(operation, body).await?;
        reply.response.ok_or_else(|| ControlError::NoData {
            operation: operation.clone(),
        })
    }

    /// Sends a request and reads its reply, which is a success.
    async fn ask<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        body: Vec<u8>,
    ) -> Result<Reply<T>, ControlError> {
        let subject = self.lattice.control_subjects().render(operation);
        let message = self
            .lattice
            .request_within(
                self.timeout,
                &subject,
                &self.headers(operation),
                body.into(),
            )
            .await
            .map_err(|source| ControlError::Request {
                operation: operation.clone(),
                source,
            })?;
        read_reply(operation, &message)
    }

    /// Sends a request that several hosts answer, and gives the data of those answers that have some.
    async fn gather<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        body: Bytes,
        window: Duration,
        expected: Option<usize>,
    ) -> Result<Vec<T>, ControlError> {
        let subject = self.lattice.control_subjects().render(operation);
        let messages = self
            .lattice
            .gather(&subject, body, window, expected)
            .await
            .map_err(|source| ControlError::Request {
                operation: operation.clone(),
                source,
            })?;
        let replies = messages
            .iter()
            .filter_map(|message| read_reply::<T>(operation, message).ok());
        Ok(replies.filter_map(|reply| reply.response).collect())
    }

    fn headers(&self, operation: &Operation) -> Headers {
        match &self.lease {
            Some(lease) if operation.kind().is_mutation() => {
                Headers::from([(wire::header::LEASE.to_owned(), lease.to_string())])
            }
            _ => Headers::new(),
        }
    }
}

fn read_reply<T: DeserializeOwned>(
    operation: &Operation,
    message: &Message,
) -> Result<Reply<T>, ControlError> {
    let reply: Reply<T> =
        json::decode(&message.payload).map_err(|source| ControlError::Decode {
            operation: operation.clone(),
            source,
        })?;
    if reply.success {
        return Ok(reply);
    }
    Err(ControlError::Refused {
        operation: operation.clone(),
        problem: reply.problem().map(Box::new),
        message: reply.message,
    })
}
