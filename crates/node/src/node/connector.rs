//! The connections of a node to its lattice.

use std::time::Duration;

use tokio::time;
use weft_lattice::{ConnectError, Credentials, Lattice, Secret, Tls};
use weft_model::id::LatticeName;
use weft_runtime::Tasks;

use super::broker::Started;
use crate::error::StartError;
use crate::options::{Broker, OnUnreachable, Options};

/// The pauses between attempts to reach NATS elsewhere: they grow from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Makes the connections of a node to its lattice.
pub(super) struct Connector<'a> {
    pub(super) urls: Vec<String>,
    credentials: Credentials,
    tls: Tls,
    on_unreachable: Option<OnUnreachable>,
    lattice: LatticeName,
    tasks: &'a Tasks,
}

// ===== impl Connector =====

impl<'a> Connector<'a> {
    pub(super) fn new(options: &Options, broker: Option<&Started>, tasks: &'a Tasks) -> Self {
        let (urls, credentials, tls, on_unreachable) = match &options.broker {
            Broker::Remote {
                urls,
                credentials,
                tls,
                on_unreachable,
            } => (
                urls.clone(),
                credentials.clone(),
                tls.clone(),
                on_unreachable.clone(),
            ),
            Broker::Embedded(embedded) => {
                let url = broker.map_or_else(
                    || format!("nats://{}", embedded.listen),
                    |broker| broker.handle.client_url(),
                );
                let access = broker.and_then(|broker| broker.access.as_ref());
                let credentials = access.map_or(Credentials::Anonymous, |access| {
                    Credentials::Nkey(Secret::new(&access.seed))
                });
                (vec![url], credentials, Tls::default(), None)
            }
        };
        Self {
            urls,
            credentials,
            tls,
            on_unreachable,
            lattice: options.lattice.clone(),
            tasks,
        }
    }

    pub(super) async fn connect(&self, client_name: &str) -> Result<Lattice, StartError> {
        let mut pause = PAUSE_MIN;
        loop {
            let mut options = weft_lattice::Options::default();
            options.urls.clone_from(&self.urls);
            options.credentials = self.credentials.clone();
            options.tls = self.tls.clone();
            options.lattice = self.lattice.clone();
            client_name.clone_into(&mut options.client_name);
            match Lattice::connect(options, self.tasks).await {
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
