//! An end for `cargo xtask bench rpc`: serves echoes, or calls them and prints what it measured as one line of JSON.
//!
//! ```text
//! bench_peer serve URL
//! bench_peer call URL raw|single|plain BYTES CONCURRENCY MILLISECONDS
//! bench_peer send URL raw|stream MEGABYTES
//! ```

use std::io::Write as _;
use std::time::{Duration, Instant};

use async_nats::Client;
use bytes::Bytes;
use futures::StreamExt as _;
use weft_runtime::Tasks;
use weft_wrpc::encode::Stream;
use weft_wrpc::stream::stream;
use weft_wrpc::{CallOptions, Dialect, Endpoint, Export, Function, Options, Prefix, ServeOptions};

/// The allocator that `weft` has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const INSTANCE: &str = "bench:peer/echo@0.1.0";
const RAW_ECHO: &str = "bench.raw.echo";
const RAW_SINK: &str = "bench.raw.sink";
/// What is sent at once, raw and in a stream.
const PART_BYTES: usize = 128 * 1024;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    runtime.block_on(async {
        match arguments.as_slice() {
            ["serve", url] => serve(url).await,
            ["call", url, form, bytes, concurrency, time] => {
                let time = Duration::from_millis(time.parse()?);
                call(url, form, bytes.parse()?, concurrency.parse()?, time).await
            }
            ["send", url, form, megabytes] => send(url, form, megabytes.parse()?).await,
            _ => Err("see the top of the example".into()),
        }
    })
}

fn prefix() -> Outcome<Prefix> {
    Ok(Prefix::new("default", "bench")?)
}

async fn connect(url: &str, dialect: Dialect) -> Outcome<Endpoint> {
    let nats = async_nats::connect(url).await?;
    let options = Options {
        dialect,
        ..Options::default()
    };
    Ok(Endpoint::new(nats, &Tasks::new(), options).await?)
}

async fn serve(url: &str) -> Outcome<()> {
    // Connections of their own, as the callers have.
    let raw = async_nats::connect(url).await?;
    let echo = serve_raw_echo(raw.clone());
    let sink = serve_raw_sink(async_nats::connect(url).await?);
    let exports = vec![
        Export::typed::<(Bytes,), (Bytes,)>(INSTANCE, "echo")?,
        Export::typed::<(Stream<u8>,), (u64,)>(INSTANCE, "sink")?,
    ];
    let endpoint = connect(url, Dialect::Weft).await?;
    let mut calls = endpoint
        .serve(&prefix()?, exports, ServeOptions::default())
        .await?;
    let wrpc = async move {
        while let Some(mut call) = calls.accept().await {
            if call.function() == "echo" {
                let params: (Bytes,) = call.decode().await?;
                call.answer(&params).await?;
            } else {
                let (mut stream,): (Stream<u8>,) = call.decode().await?;
                let mut count = 0;
                while let Some(part) = stream.reader.next_bytes().await? {
                    count += part.len() as u64;
                }
                call.answer(&(count,)).await?;
            }
        }
        Ok(())
    };
    // On the threads that the connections are on, as hosts do.
    let (echo, sink, wrpc) = (spawn(echo), spawn(sink), spawn(wrpc));
    writeln!(std::io::stdout(), "ready")?;
    let (echo, sink, wrpc) = tokio::try_join!(echo, sink, wrpc)?;
    echo.and(sink).and(wrpc)
}

async fn serve_raw_echo(client: Client) -> Outcome<()> {
    // In a group, as functions are served that several hosts share.
    let group = "bench".to_owned();
    let mut requests = client.queue_subscribe(RAW_ECHO, group).await?;
    while let Some(request) = requests.next().await {
        if let Some(reply) = request.reply {
            client.publish(reply, request.payload).await?;
        }
    }
    Ok(())
}

async fn serve_raw_sink(client: Client) -> Outcome<()> {
    let mut messages = client.subscribe(RAW_SINK).await?;
    let mut count = 0;
    while let Some(message) = messages.next().await {
        count += message.payload.len();
        if let Some(reply) = message.reply {
            client.publish(reply, count.to_string().into()).await?;
            count = 0;
        }
    }
    Ok(())
}

async fn call(
    url: &str,
    form: &str,
    bytes: usize,
    concurrency: usize,
    time: Duration,
) -> Outcome<()> {
    let payload = Bytes::from(vec![7; bytes]);
    let dialect = if form == "plain" {
        Dialect::Plain
    } else {
        Dialect::Weft
    };
    let raw = async_nats::connect(url).await?;
    let endpoint = connect(url, dialect).await?;
    let function = Function::typed::<(Bytes,), (Bytes,)>(&prefix()?, INSTANCE, "echo")?;
    let end = Instant::now() + time;
    let is_raw = form == "raw";
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let (raw, endpoint, function) = (raw.clone(), endpoint.clone(), function.clone());
            let payload = payload.clone();
            let task = async move {
                let (mut times, mut options) = (Vec::new(), CallOptions::default());
                options.context.source_id = Some("bench".to_owned());
                options.context.link_name = Some("default".to_owned());
                while Instant::now() < end {
                    let start = Instant::now();
                    let length = if is_raw {
                        raw.request(RAW_ECHO, payload.clone()).await?.payload.len()
                    } else {
                        let params = (&payload,);
                        let (answer,): (Bytes,) =
                            endpoint.call(&function, &params, &options).await?;
                        answer.len()
                    };
                    if length != payload.len() {
                        return Outcome::Err("the echo is not what was sent".into());
                    }
                    times.push(start.elapsed());
                }
                Ok(times)
            };
            spawn(task)
        })
        .collect();
    let start = Instant::now();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: f64| {
        let index = (times.len() as f64 * part) as usize;
        times
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    let (rate, middle, tail) = (times.len() as f64 / seconds, at(0.5), at(0.99));
    writeln!(
        std::io::stdout(),
        r#"{{"per_second":{rate:.0},"p50_us":{middle:.1},"p99_us":{tail:.1}}}"#
    )?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own has nobody to supervise its tasks"
)]
fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}

async fn send(url: &str, form: &str, megabytes: usize) -> Outcome<()> {
    let part = Bytes::from(vec![7; PART_BYTES]);
    let parts = megabytes * 1_000_000 / PART_BYTES;
    let raw = async_nats::connect(url).await?;
    let endpoint = connect(url, Dialect::Weft).await?;
    let function = Function::typed::<(Stream<u8>,), (u64,)>(&prefix()?, INSTANCE, "sink")?;
    let options = CallOptions {
        timeout: Duration::from_secs(300),
        ..CallOptions::default()
    };
    let start = Instant::now();
    let received = if form == "raw" {
        for _ in 0..parts {
            raw.publish(RAW_SINK, part.clone()).await?;
        }
        let answer = raw.request(RAW_SINK, Bytes::new()).await?;
        String::from_utf8(answer.payload.to_vec())?.parse::<usize>()?
    } else {
        let (mut writer, outgoing) = stream();
        let params = (outgoing,);
        let call = endpoint.call::<_, (u64,)>(&function, &params, &options);
        let write = async {
            for _ in 0..parts {
                writer.write_bytes(part.clone()).await?;
            }
            writer.finish().await?;
            Outcome::Ok(())
        };
        let (answer, written) = tokio::join!(call, write);
        written?;
        usize::try_from(answer?.0)?
    };
    if received != parts * PART_BYTES {
        return Err(format!("{received} bytes came of {}", parts * PART_BYTES).into());
    }
    let rate = received as f64 / start.elapsed().as_secs_f64();
    let peak = peak_memory().map_or_else(|| "null".to_owned(), |bytes| bytes.to_string());
    writeln!(
        std::io::stdout(),
        r#"{{"bytes_per_second":{rate:.0},"peak_bytes":{peak}}}"#
    )?;
    Ok(())
}

/// The most memory that this process had, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
