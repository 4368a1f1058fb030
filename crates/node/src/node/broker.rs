//! Starting the embedded broker, and telling who is in its place.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time;
use weft_broker::JetStreamOptions;

use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::options::{Broker, Options};

/// How long an occupied address may take to say who it is.
const OCCUPANT_TIMEOUT: Duration = Duration::from_millis(500);
/// How much of what it says is looked at.
const OCCUPANT_BYTES_MAX: usize = 4096;
/// Buckets whose entries are on the disk before a write to them is acknowledged.
const SYNCED_STREAMS: [&str; 3] = ["KV_LATTICEDATA_*", "KV_CONFIGDATA_*", "KV_WEFT_*"];

/// The broker, where it is part of the node.
pub(super) async fn start_broker(
    options: &Options,
    data_dir: &DataDir,
) -> Result<Option<weft_broker::Handle>, StartError> {
    let Broker::Embedded { listen } = options.broker else {
        return Ok(None);
    };
    let jetstream = JetStreamOptions {
        synced_streams: SYNCED_STREAMS.map(str::to_owned).to_vec(),
        ..JetStreamOptions::new(data_dir.path().join("broker"))
    };
    let started = weft_broker::Broker::start(weft_broker::Options {
        listen: vec![listen],
        server_name: Some("weft".to_owned()),
        jetstream: Some(jetstream),
        ..weft_broker::Options::default()
    })
    .await;
    match started {
        Ok(handle) => {
            tracing::info!(address = %handle.client_addr(), "Broker started");
            Ok(Some(handle))
        }
        Err(weft_broker::Error::AddressInUse { address }) => Err(StartError::BrokerAddress {
            address,
            occupant: occupant(address).await,
        }),
        Err(error) => Err(StartError::Broker(error)),
    }
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
