//! The connections of a node to its lattice.

use std::time::Duration;

use tokio::time;
use weft_lattice::protocol::subject::SubjectPrefix;
use weft_lattice::{ConnectError, Credentials, Lattice, Secret};
use weft_model::id::LatticeName;
use weft_runtime::Tasks;

use super::broker::Started;
use crate::error::StartError;
use crate::options::{Broker, OnUnreachable, Options, Servers};

/// The pauses between attempts to reach NATS elsewhere: they grow from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Makes the connections of a node to its lattice.
pub(super) struct Connector<'a> {
    control: Servers,
    rpc: Servers,
    on_unreachable: Option<OnUnreachable>,
    lattice: LatticeName,
    jetstream_domain: Option<String>,
    control_prefix: SubjectPrefix,
    rpc_timeout: Duration,
    tasks: &'a Tasks,
}

// ===== impl Connector =====

impl<'a> Connector<'a> {
    pub(super) fn new(options: &Options, broker: Option<&Started>, tasks: &'a Tasks) -> Self {
        let (control, rpc, on_unreachable) = match &options.broker {
            Broker::Remote {
                control,
                rpc,
                on_unreachable,
            } => (control.clone(), rpc.clone(), on_unreachable.clone()),
            Broker::Embedded(embedded) => {
                let url = broker.map_or_else(
                    || format!("nats://{}", embedded.listen),
                    |broker| broker.handle.client_url(),
                );
                let access = broker.and_then(|broker| broker.access.as_ref());
                let credentials = access.map_or(Credentials::Anonymous, |access| {
                    Credentials::Nkey(Secret::new(&access.seed))
                });
                let servers = Servers {
                    credentials,
                    ..Servers::at(vec![url])
                };
                (servers, None, None)
            }
        };
        Self {
            rpc: rpc.unwrap_or_else(|| control.clone()),
            control,
            on_unreachable,
            lattice: options.lattice.clone(),
            jetstream_domain: options.jetstream_domain.clone(),
            control_prefix: options.control_prefix.clone(),
            rpc_timeout: options.rpc_timeout,
            tasks,
        }
    }

    /// The URLs of the servers of control, and of those of calls.
    pub(super) fn urls(&self) -> [&[String]; 2] {
        [&self.control.urls, &self.rpc.urls]
    }

    /// A connection for control, events and state.
    pub(super) async fn connect(&self, client_name: &str) -> Result<Lattice, StartError> {
        let options = self.options(&self.control, client_name);
        self.connect_with(options).await
    }

    /// A connection for calls between hosts and with provider processes.
    pub(super) async fn connect_rpc(&self, client_name: &str) -> Result<Lattice, StartError> {
        let mut options = self.options(&self.rpc, client_name);
        options.request_timeout = self.rpc_timeout;
        self.connect_with(options).await
    }

    fn options(&self, servers: &Servers, client_name: &str) -> weft_lattice::Options {
        let mut options = weft_lattice::Options::default();
        options.urls.clone_from(&servers.urls);
        options.credentials = servers.credentials.clone();
        options.tls = servers.tls.clone();
        options.lattice = self.lattice.clone();
        options.jetstream_domain.clone_from(&self.jetstream_domain);
        options.control_prefix = self.control_prefix.clone();
        client_name.clone_into(&mut options.client_name);
        options
    }

    async fn connect_with(&self, options: weft_lattice::Options) -> Result<Lattice, StartError> {
        let mut pause = PAUSE_MIN;
        loop {
            match Lattice::connect(options.clone(), self.tasks).await {
                Err(error @ ConnectError::Unreachable { .. }) => match &self.on_unreachable {
                    Some(listener) => listener.tell(&error),
                    None => return Err(error.into()),
                },
                result => return Ok(result?),
            }
            time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}
