//! A broker under load is killed, again and again: what was acknowledged is there, once, and in its place.
//!
//! `WEFT_KILL_ROUNDS` sets how often; `WEFT_SEED` repeats the moments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, kv};
use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;
use weft_broker::{Broker, JetStreamOptions, Options};

use crate::random::Random;
use crate::server::within;

/// Set in the process that is to be killed: the directory of its store.
const CHILD_DIR: &str = "WEFT_BROKER_CHILD_DIR";

/// The streams, the second of which is forced to the disk before each answer.
const STREAMS: [&str; 2] = ["LAZY", "SYNCED"];

const BUCKET: &str = "synced";
const KEY: &str = "counter";
const CONSUMER: &str = "worker";

/// Clients that publish to each stream, and messages that each has on the way.
const PUBLISHERS: usize = 2;
const IN_FLIGHT: usize = 16;

/// Most acknowledgements before a kill.
const ACKNOWLEDGED_MAX: u64 = 1500;

/// What clients know: it outlives the broker.
#[derive(Default)]
struct Ledger {
    /// Sequence of each message that was acknowledged, by stream and id.
    acknowledged: [HashMap<String, u64>; 2],
    /// Ids that were published and not acknowledged, by stream and publisher; they are published again.
    in_doubt: [[Vec<String>; PUBLISHERS]; 2],
    /// Messages published so far, by stream and publisher.
    published: [[u64; PUBLISHERS]; 2],
    /// What was found in the streams so far.
    found: [BTreeMap<u64, String>; 2],
    /// Last value of the counter that was acknowledged, and its revision.
    counter: (u64, u64),
    /// Messages that the consumer acknowledged, and was told that this is noted: before the last kill, and since.
    confirmed: BTreeSet<u64>,
    confirmed_since: BTreeSet<u64>,
}

type Shared = Arc<Mutex<Ledger>>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_process_is_killed() {
    let rounds = std::env::var("WEFT_KILL_ROUNDS").map_or(5, |text| text.parse().unwrap());
    let mut random = Random::from_environment();
    let dir = tempfile::tempdir().unwrap();
    let ledger = Shared::default();
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let began = Instant::now();
        let (child, url) = start(dir.path());
        slowest = slowest.max(began.elapsed());
        let client = async_nats::connect(&url).await.unwrap();
        let context = jetstream::new(client);
        prepare(&context).await;
        check(&context, &ledger).await;
        let load = ACKNOWLEDGED_MAX.min(100 + random.below(ACKNOWLEDGED_MAX));
        let pause = Duration::from_micros(random.below(3000));
        work_until_killed(&url, child, &ledger, load, pause).await;
        if round % 20 == 19 {
            let ledger = lock(&ledger);
            let found: Vec<usize> = ledger.found.iter().map(BTreeMap::len).collect();
            let counter = ledger.counter.0;
            writeln!(
                std::io::stderr(),
                "round {round}: {found:?} messages, counter {counter}, {} confirmed, slowest start {slowest:?}",
                ledger.confirmed.len()
            )
            .unwrap();
        }
    }
    let (mut child, url) = start(dir.path());
    let context = jetstream::new(async_nats::connect(&url).await.unwrap());
    // Everything once more, from the beginning.
    lock(&ledger).found = Default::default();
    check(&context, &ledger).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let ledger = lock(&ledger);
    for (at, stream) in STREAMS.iter().enumerate() {
        assert!(!ledger.acknowledged[at].is_empty(), "{stream} did nothing");
    }
    assert!(ledger.counter.0 > 0 && !ledger.confirmed.is_empty());
}

/// Starts a broker as another process.
fn start(dir: &Path) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::broker_to_be_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let url = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split("url=").nth(1).map(str::to_owned))
        .expect("the broker says where it listens");
    (child, url)
}

async fn prepare(context: &jetstream::Context) {
    for name in STREAMS {
        let config = jetstream::stream::Config {
            name: name.to_owned(),
            subjects: vec![format!("{name}.*")],
            // Longer than all rounds together.
            duplicate_window: Duration::from_secs(3600),
            ..Default::default()
        };
        let stream = context.get_or_create_stream(config).await.unwrap();
        let consumer = pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(2),
            ..Default::default()
        };
        stream
            .get_or_create_consumer(CONSUMER, consumer)
            .await
            .unwrap();
    }
    if context.get_key_value(BUCKET).await.is_err() {
        let config = kv::Config {
            bucket: BUCKET.to_owned(),
            history: 8,
            ..Default::default()
        };
        context.create_key_value(config).await.unwrap();
    }
}

/// Compares what is there with what clients know.
async fn check(context: &jetstream::Context, ledger: &Shared) {
    for (at, name) in STREAMS.iter().enumerate() {
        let mut stream = context.get_stream(name).await.unwrap();
        let state = stream.info().await.unwrap().state.clone();
        assert_eq!(
            state.messages, state.last_sequence,
            "{name}: sequences without holes"
        );
        let known = lock(ledger).found[at].len() as u64;
        assert!(
            state.last_sequence >= known,
            "{name}: messages that were there are gone"
        );
        let new = read(&stream, known + 1, state.last_sequence).await;
        let mut ledger = lock(ledger);
        ledger.found[at].extend(new);
        let mut seqs = HashMap::new();
        for (seq, id) in &ledger.found[at] {
            let twice = seqs.insert(id.as_str(), *seq);
            assert_eq!(twice, None, "{name}: {id} is stored at {seq} as well");
        }
        for (id, seq) in &ledger.acknowledged[at] {
            assert_eq!(
                seqs.get(id.as_str()),
                Some(seq),
                "{name}: {id} was acknowledged"
            );
        }
    }
    check_counter(context, ledger).await;
    check_consumer(context, ledger).await;
}

/// The counter is where it was, or one further: nobody was told of the last step.
async fn check_counter(context: &jetstream::Context, ledger: &Shared) {
    let bucket = context.get_key_value(BUCKET).await.unwrap();
    let mut history: Vec<(u64, u64)> =
        within(bucket.history(KEY).await.unwrap().collect::<Vec<_>>())
            .await
            .into_iter()
            .map(|entry| {
                let entry = entry.unwrap();
                (
                    entry.revision,
                    String::from_utf8_lossy(&entry.value).parse().unwrap(),
                )
            })
            .collect();
    history.sort_unstable();
    for pair in history.windows(2) {
        assert_eq!(
            pair[1].1,
            pair[0].1 + 1,
            "each value follows the one before: {history:?}"
        );
    }
    let mut ledger = lock(ledger);
    let (revision, value) = history.last().copied().unwrap_or_default();
    assert!(
        (ledger.counter.0..=ledger.counter.0 + 1).contains(&value) && revision >= ledger.counter.1,
        "{:?} was acknowledged, {value} is at {revision}",
        ledger.counter
    );
    ledger.counter = (value, revision);
}

/// What was confirmed to the consumer is behind it.
async fn check_consumer(context: &jetstream::Context, ledger: &Shared) {
    let mut stream = context.get_stream(STREAMS[0]).await.unwrap();
    let consumer = stream.consumer_info(CONSUMER).await.unwrap();
    let last = stream.info().await.unwrap().state.last_sequence;
    let mut ledger = lock(ledger);
    let confirmed = std::mem::take(&mut ledger.confirmed_since);
    ledger.confirmed.extend(confirmed);
    let mut expected = 0;
    while ledger.confirmed.contains(&(expected + 1)) {
        expected += 1;
    }
    let floor = consumer.ack_floor.stream_sequence;
    assert!(
        (expected..=last).contains(&floor),
        "all up to {expected} are acknowledged, not {floor}"
    );
}

/// The ids of messages from `first` to `last`, whose content must be what was published.
async fn read(stream: &jetstream::stream::Stream, first: u64, last: u64) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    if first > last {
        return found;
    }
    let config = pull::Config {
        ack_policy: AckPolicy::None,
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: first,
        },
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for expected in first..=last {
        let message = within(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, expected);
        let headers = message.headers.clone().unwrap();
        let id = headers.get("Nats-Msg-Id").unwrap().as_str().to_owned();
        assert_eq!(message.payload, content(&id), "{id}");
        found.insert(expected, id);
    }
    found
}

/// Works with the broker from several clients, and kills it when `load` messages were acknowledged and a `pause`
/// has passed.
async fn work_until_killed(
    url: &str,
    mut child: Child,
    ledger: &Shared,
    load: u64,
    pause: Duration,
) {
    let (kill, killed) = watch::channel(false);
    let done = Arc::new(AtomicU64::new(0));
    let mut work = JoinSet::new();
    for stream in 0..STREAMS.len() {
        for publisher in 0..PUBLISHERS {
            let (url, ledger, done) = (url.to_owned(), Arc::clone(ledger), Arc::clone(&done));
            let task = async move { publish(&url, &ledger, stream, publisher, &done).await };
            work.spawn(until_killed(killed.clone(), task));
        }
    }
    let (to, held) = (url.to_owned(), Arc::clone(ledger));
    work.spawn(until_killed(killed.clone(), async move {
        count(&to, &held).await
    }));
    let (to, held) = (url.to_owned(), Arc::clone(ledger));
    work.spawn(until_killed(
        killed,
        async move { consume(&to, &held).await },
    ));

    let deadline = Instant::now() + Duration::from_secs(60);
    while done.load(Ordering::Relaxed) < load {
        assert!(Instant::now() < deadline, "the broker does not answer");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(pause).await;
    child.kill().unwrap();
    child.wait().unwrap();
    kill.send_replace(true);
    while let Some(result) = work.join_next().await {
        result.unwrap();
    }
}

async fn until_killed(mut killed: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        _ = killed.wait_for(|killed| *killed) => {}
        () = work => {}
    }
}

/// Publishes first what was not acknowledged before the kill, then more.
async fn publish(url: &str, ledger: &Shared, stream: usize, publisher: usize, done: &AtomicU64) {
    let Ok(client) = async_nats::connect(url).await else {
        return;
    };
    let context = jetstream::new(client);
    let subject = format!("{}.{publisher}", STREAMS[stream]);
    loop {
        let ids = {
            let mut ledger = lock(ledger);
            if ledger.in_doubt[stream][publisher].is_empty() {
                for _ in 0..IN_FLIGHT {
                    ledger.published[stream][publisher] += 1;
                    let number = ledger.published[stream][publisher];
                    ledger.in_doubt[stream][publisher].push(format!("{publisher}-{number}"));
                }
            }
            ledger.in_doubt[stream][publisher].clone()
        };
        let mut acks = Vec::new();
        for id in ids {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Msg-Id", id.as_str());
            let published =
                context.publish_with_headers(subject.clone(), headers, content(&id).into());
            let Ok(ack) = published.await else {
                return;
            };
            acks.push(async {
                if let Ok(ack) = ack.await {
                    let mut ledger = lock(ledger);
                    ledger.in_doubt[stream][publisher].retain(|doubted| *doubted != id);
                    let seq = ledger.acknowledged[stream].insert(id, ack.sequence);
                    assert_eq!(seq.unwrap_or(ack.sequence), ack.sequence);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        join_all(acks).await;
    }
}

/// Counts up in the bucket, each time on condition that nobody else did.
async fn count(url: &str, ledger: &Shared) {
    let Ok(client) = async_nats::connect(url).await else {
        return;
    };
    let Ok(bucket) = jetstream::new(client).get_key_value(BUCKET).await else {
        return;
    };
    loop {
        let (value, revision) = lock(ledger).counter;
        let next = (value + 1).to_string();
        let Ok(revision) = bucket.update(KEY, next.into(), revision).await else {
            return;
        };
        lock(ledger).counter = (value + 1, revision);
    }
}

/// Takes messages in order, and waits until each acknowledgement is confirmed.
async fn consume(url: &str, ledger: &Shared) {
    let Ok(client) = async_nats::connect(url).await else {
        return;
    };
    let context = jetstream::new(client);
    let Ok(consumer) = context
        .get_consumer_from_stream::<pull::Config, _, _>(CONSUMER, STREAMS[0])
        .await
    else {
        return;
    };
    let Ok(mut messages) = consumer.messages().await else {
        return;
    };
    while let Some(Ok(message)) = messages.next().await {
        let Ok(seq) = message.info().map(|info| info.stream_sequence) else {
            return;
        };
        if message.double_ack().await.is_err() {
            return;
        }
        let mut ledger = lock(ledger);
        assert!(
            !ledger.confirmed.contains(&seq),
            "{seq} comes again, though its acknowledgement was confirmed before the kill"
        );
        ledger.confirmed_since.insert(seq);
    }
}

fn content(id: &str) -> String {
    format!("{id} {}", "payload ".repeat(id.len()))
}

fn lock(ledger: &Shared) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap()
}

/// Not a test: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test"]
async fn broker_to_be_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let mut jetstream = JetStreamOptions::new(dir);
    jetstream.synced_streams = vec!["SYNCED".to_owned(), format!("KV_{BUCKET}")];
    let handle = Broker::start(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        jetstream: Some(jetstream),
        ..Options::default()
    })
    .await
    .unwrap();
    writeln!(std::io::stdout(), "url={}", handle.client_url()).unwrap();
    std::future::pending::<()>().await;
}
