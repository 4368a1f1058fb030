//! How long a broker takes to start on much that is stored: `restart [MESSAGES [SUBJECTS]]`.
//!
//! Fills a store in a process that is then killed, and starts on it: first with the journal as the kill left it,
//! then again, each time in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use weft_broker::{Broker, JetStreamOptions, Options};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Starts after the first.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, dir] = &arguments[..]
        && flag == "--serve"
    {
        return serve(Path::new(dir)).await;
    }
    let number = |at: usize, default: u64| match arguments.get(at) {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let (messages, subjects) = (number(0, 1_000_000)?, number(1, 1)?);
    let dir = tempfile::tempdir()?;
    let (mut child, _, url) = start(dir.path())?;
    fill(&url, messages, subjects).await?;
    child.kill()?;
    child.wait()?;
    let mut out = std::io::stdout();
    let mut best = Duration::MAX;
    for round in 0..=ROUNDS {
        let (mut child, took, _) = start(dir.path())?;
        if round == 0 {
            writeln!(out, "after the kill {:8.1} ms", took.as_secs_f64() * 1e3)?;
        } else {
            best = best.min(took);
        }
        child.kill()?;
        child.wait()?;
    }
    writeln!(out, "best           {:8.1} ms", best.as_secs_f64() * 1e3)?;
    Ok(())
}

/// Starts a broker as another process. Returns how long it says it took, and its address.
fn start(dir: &Path) -> Result<(Child, Duration, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--serve")
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("the child has an output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let (micros, url) = line
        .trim()
        .split_once(' ')
        .ok_or("the child says how it is")?;
    Ok((
        child,
        Duration::from_micros(micros.parse()?),
        url.to_owned(),
    ))
}

async fn serve(dir: &Path) -> Result<()> {
    let began = Instant::now();
    let handle = Broker::start(Options {
        listen: vec![([127, 0, 0, 1], 0).into()],
        jetstream: Some(JetStreamOptions::new(dir)),
        ..Options::default()
    })
    .await?;
    let micros = began.elapsed().as_micros();
    writeln!(std::io::stdout(), "{micros} {}", handle.client_url())?;
    std::future::pending().await
}

async fn fill(url: &str, messages: u64, subjects: u64) -> Result<()> {
    let client = async_nats::connect(url).await?;
    let context = jetstream::new(client.clone());
    let config = jetstream::stream::Config {
        name: "S".to_owned(),
        subjects: vec!["s.*".to_owned()],
        ..jetstream::stream::Config::default()
    };
    let mut stream = context.create_stream(config).await?;
    for number in 0..messages {
        let subject = format!("s.{}", number.wrapping_mul(7919) % subjects);
        client.publish(subject, "sixteen bytes...".into()).await?;
    }
    client.flush().await?;
    while stream.info().await?.state.messages < messages {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
