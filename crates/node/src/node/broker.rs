//! Starting the embedded broker, and telling who is in its place.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nkeys::{KeyPair, KeyPairType};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time;
use weft_broker::{Auth, JetStreamOptions, Permissions, TlsListen, TlsMode, User, UserCredentials};

use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::options::{Broker, Embedded, EmbeddedTls, Options};

/// How long an occupied address may take to say who it is.
const OCCUPANT_TIMEOUT: Duration = Duration::from_millis(500);
/// How much of what it says is looked at.
const OCCUPANT_BYTES_MAX: usize = 4096;
/// Buckets whose entries are on the disk before a write to them is acknowledged.
const SYNCED_STREAMS: [&str; 3] = ["KV_LATTICEDATA_*", "KV_CONFIGDATA_*", "KV_WEFT_*"];

/// The directory of users in the data directory.
const AUTH_DIR: &str = "auth";
/// What the log of the broker calls the connections of this node, those of commands with its key, and its providers.
const OWN_USER: &str = "weft-up";
const PROVIDERS_USER: &str = "weft-up-providers";

/// The broker of the node, and what gives access to it where it asks for credentials.
pub(super) struct Started {
    pub(super) handle: weft_broker::Handle,
    pub(super) access: Option<Access>,
}

/// Access to a broker that asks for credentials. Ends with the broker.
pub(super) struct Access {
    /// The seed of a key that stands in the broker's settings, and nowhere else: of no use once it has stopped.
    pub(super) seed: String,
    /// For providers, which are told of a JWT and its seed alone.
    pub(super) providers: UserCredentials,
}

/// The broker, where it is part of the node.
pub(super) async fn start_broker(
    options: &Options,
    data_dir: &DataDir,
) -> Result<Option<Started>, StartError> {
    let Broker::Embedded(embedded) = &options.broker else {
        return Ok(None);
    };
    let key = embedded.has_auth.then(|| KeyPair::new(KeyPairType::User));
    let handle = listen(embedded, key.as_ref(), data_dir).await?;
    let access = match key {
        Some(key) => Some(access(&key, &handle)?),
        None => None,
    };
    Ok(Some(Started { handle, access }))
}

fn access(key: &KeyPair, handle: &weft_broker::Handle) -> Result<Access, StartError> {
    let seed = key.seed().map_err(|_| StartError::OwnKey)?;
    // It outlives the broker, in the memory of providers alone: cutting them while they run would be worse.
    let providers = handle
        .mint_user(PROVIDERS_USER, &Permissions::default(), None)
        .map_err(|error| StartError::Broker(error.into()))?
        .ok_or(StartError::OwnKey)?;
    Ok(Access { seed, providers })
}

async fn listen(
    embedded: &Embedded,
    key: Option<&KeyPair>,
    data_dir: &DataDir,
) -> Result<weft_broker::Handle, StartError> {
    let jetstream = JetStreamOptions {
        synced_streams: SYNCED_STREAMS.map(str::to_owned).to_vec(),
        ..JetStreamOptions::new(data_dir.path().join("broker"))
    };
    let started = weft_broker::Broker::start(weft_broker::Options {
        listen: vec![
            embedded
                .tls
                .as_ref()
                .map_or(embedded.listen, |tls| tls.listen_plain),
        ],
        listen_tls: embedded
            .tls
            .iter()
            .map(|tls| tls_listen(embedded.listen, tls))
            .collect(),
        auth: key.map(|key| {
            Auth::in_directory(data_dir.path().join(AUTH_DIR))
                .with_user(User::nkey(OWN_USER, key.public_key()))
        }),
        allow_unauthenticated: embedded.allows_strangers,
        monitor: embedded.monitor,
        server_name: Some("weft".to_owned()),
        jetstream: Some(jetstream),
        ..weft_broker::Options::default()
    })
    .await;
    match started {
        Ok(handle) => {
            tracing::info!(address = %handle.client_addr(), "Broker started");
            Ok(handle)
        }
        // Nobody looks for NATS where pages are.
        Err(weft_broker::Error::AddressInUse { address }) if embedded.monitor != Some(address) => {
            Err(StartError::BrokerAddress {
                address,
                occupant: occupant(address).await,
            })
        }
        Err(error) => Err(StartError::Broker(error)),
    }
}

fn tls_listen(address: SocketAddr, tls: &EmbeddedTls) -> TlsListen {
    let mut listen = TlsListen::new(address, &tls.cert_file, &tls.key_file);
    listen.client_ca_file.clone_from(&tls.client_ca_file);
    if tls.is_first {
        listen.mode = TlsMode::First;
    }
    listen
}

/// Who answers at `address`, in words.
async fn occupant(address: SocketAddr) -> String {
    let greeting = time::timeout(OCCUPANT_TIMEOUT, read_greeting(address)).await;
    let Ok(Ok(greeting)) = greeting else {
        return "another program".to_owned();
    };
    // A NATS server begins with `INFO {...}`.
    let info = greeting.strip_prefix("INFO ").and_then(|rest| {
        serde_json::Deserializer::from_str(rest)
            .into_iter::<serde_json::Value>()
            .next()
    });
    match info {
        Some(Ok(info)) => {
            let text = |key: &str| {
                info.get(key)
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let (name, version) = (text("server_name"), text("version"));
            if name == "weft" {
                "the broker of another `weft up`".to_owned()
            } else {
                format!("a NATS server (version {version})")
            }
        }
        _ => "another program".to_owned(),
    }
}

async fn read_greeting(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let mut greeting = vec![0; OCCUPANT_BYTES_MAX];
    let read = stream.read(&mut greeting).await?;
    greeting.truncate(read);
    Ok(String::from_utf8_lossy(&greeting).into_owned())
}
