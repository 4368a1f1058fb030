//! A broker by itself: `serve [ADDRESS [DATA_DIR [SYNCED_STREAMS]]]`.
//!
//! Listens on ADDRESS (127.0.0.1:4222 by default), stores streams in DATA_DIR if one is given, and ends with
//! its standard input. SYNCED_STREAMS is a name of streams, possibly with a final `*`, whose messages are
//! forced to the disk before they are acknowledged. With `none` for ADDRESS there is no broker, which shows
//! what the process takes without one.

use std::io::Write;
use std::time::Duration;

use mimalloc::MiMalloc;
use tokio::io::AsyncReadExt;
use weft_broker::{Broker, JetStreamOptions, Options};

/// The allocator of the shipped program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next();
    let handle = if address.as_deref() == Some("none") {
        writeln!(std::io::stdout(), "none")?;
        None
    } else {
        let mut options = Options::default();
        if let Some(address) = address {
            options.listen = vec![address.parse()?];
        }
        options.jetstream = arguments.next().map(JetStreamOptions::new);
        if let (Some(jetstream), Some(synced)) = (&mut options.jetstream, arguments.next()) {
            jetstream.synced_streams.push(synced);
        }
        let handle = Broker::start(options).await?;
        writeln!(std::io::stdout(), "{}", handle.client_url())?;
        Some(handle)
    };

    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    if let Some(handle) = handle {
        handle.drain(Duration::from_secs(5)).await;
    }
    Ok(())
}
