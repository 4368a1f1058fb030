//! Attacks, and who else notices them: the attacker is cut with the error of nats-server, round trips of another client
//! go on with the right content, and the process gives back what the attack took.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weft_broker::{Broker, Options};

use crate::server::{until, within};

/// Subscriptions that one client may have.
const SUBSCRIPTIONS_MAX: usize = 100_000;

/// Round trips that must complete while an attack goes on.
const ROUND_TRIPS_MIN: u64 = 20;

/// A broker in a process of its own, whose memory can be told from that of the attackers.
struct Victim {
    process: Child,
    address: String,
}

impl Victim {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "attacks::broker_under_attack",
                "--ignored",
                "--nocapture",
            ])
            .env("WEFT_BROKER_VICTIM", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let address = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split("url=nats://").nth(1).map(str::to_owned))
            .expect("the broker says where it listens");
        Self { process, address }
    }

    /// What the process holds in memory, in bytes.
    fn resident(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.process.id()));
        let text = text.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap() * 1024
    }

    /// A connection that said hello.
    async fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream
            .write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n")
            .await
            .unwrap();
        read_until(&mut stream, "PONG\r\n").await;
        stream
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn read_until(stream: &mut TcpStream, end: &str) {
    let mut text = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while !text.ends_with(end.as_bytes()) {
        let len = within(stream.read(&mut buffer)).await.unwrap();
        assert!(
            len > 0,
            "hung up after {:?}",
            String::from_utf8_lossy(&text)
        );
        text.extend_from_slice(&buffer[..len]);
    }
}

/// Expects these last words after anything else, and then the end.
async fn expect_end(stream: &mut TcpStream, words: &str) {
    let mut text = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    // A reset is an end, too.
    while let Ok(len @ 1..) = within(stream.read(&mut buffer)).await {
        text.extend_from_slice(&buffer[..len]);
        let excess = text.len().saturating_sub(1000);
        text.drain(..excess);
    }
    let text = String::from_utf8_lossy(&text);
    assert!(text.ends_with(words), "{text:?}");
}

/// Sends as much as the server takes, and says whether that was all.
async fn try_send(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    matches!(
        tokio::time::timeout(std::time::Duration::from_secs(20), stream.write_all(bytes)).await,
        Ok(Ok(()))
    )
}

/// Two clients that talk to each other for as long as this lives, and check every word.
struct Bystanders {
    round_trips: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    talk: tokio::task::JoinSet<()>,
    /// Ends with this.
    _answers: tokio::task::JoinSet<()>,
}

impl Bystanders {
    async fn start(victim: &Victim) -> Self {
        let url = format!("nats://{}", victim.address);
        let asking = async_nats::connect(&url).await.unwrap();
        let answering = async_nats::connect(&url).await.unwrap();
        let mut questions = answering.subscribe("bystander").await.unwrap();
        crate::server::settled(&answering).await;
        let round_trips = Arc::new(AtomicU64::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let mut talk = tokio::task::JoinSet::new();
        let (count, end) = (Arc::clone(&round_trips), Arc::clone(&ended));
        talk.spawn(async move {
            while !end.load(Ordering::Relaxed) {
                let number = count.load(Ordering::Relaxed);
                let question = format!("{number}:{}", "q".repeat(1 + (number % 1000) as usize));
                let asked = asking.request("bystander", question.clone().into());
                let answer = within(asked).await.unwrap();
                assert_eq!(answer.payload, format!("{question}!"));
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut answers = tokio::task::JoinSet::new();
        answers.spawn(async move {
            while let Some(question) = questions.next().await {
                let answer = [&question.payload[..], b"!"].concat();
                let reply = question.reply.unwrap();
                answering.publish(reply, answer.into()).await.unwrap();
            }
        });
        Self {
            round_trips,
            ended,
            talk,
            _answers: answers,
        }
    }

    /// Waits until enough was said since the count was `before`.
    async fn go_on(&self, before: u64) {
        until("round trips go on", async || {
            self.round_trips.load(Ordering::Relaxed) >= before + ROUND_TRIPS_MIN
        })
        .await;
    }

    fn count(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Ends the talk, and fails if it went wrong.
    async fn finish(mut self) {
        self.ended.store(true, Ordering::Relaxed);
        while let Some(ended) = within(self.talk.join_next()).await {
            ended.unwrap();
        }
    }
}

/// Attacks several times while bystanders talk, and checks that what was taken is given back: at the end no more than
/// `kept_max` bytes beyond what there was before. That is less than one attack takes, and so much less than all of them.
async fn attack(kept_max: u64, once: impl AsyncFn(&Victim)) {
    const ROUNDS: u64 = 4;
    let victim = Victim::start();
    let bystanders = Bystanders::start(&victim).await;
    bystanders.go_on(0).await;
    let before = victim.resident();
    for _ in 0..ROUNDS {
        let count = bystanders.count();
        once(&victim).await;
        bystanders.go_on(count).await;
    }
    let after = victim.resident();
    until(
        &format!("the memory is back: {before} before, {after} after"),
        async || victim.resident() <= before + kept_max,
    )
    .await;
    bystanders.finish().await;
}

const MEBIBYTE: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_subscriptions_come_and_go() {
    come_and_go(|number| format!("many.{number}.*")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_subscriptions_of_one_subject_come_and_go() {
    // One half in one lot, each of the others in a group of its own.
    come_and_go(|number| match number {
        4711 | 99_999 => format!("many.{number}.x"),
        _ if number % 2 == 0 => "crowd".to_owned(),
        _ => format!("crowd group-{number}"),
    })
    .await;
}

/// All subscriptions that a client may have, each to what `filter` gives for its number.
async fn come_and_go(filter: fn(usize) -> String) {
    // A round takes some 70 MiB.
    attack(24 * MEBIBYTE, async |victim| {
        let mut stream = victim.connect().await;
        let mut lines = Vec::new();
        for number in 0..SUBSCRIPTIONS_MAX {
            write!(lines, "SUB {} {number}\r\n", filter(number)).unwrap();
        }
        lines.extend_from_slice(b"PING\r\n");
        assert!(try_send(&mut stream, &lines).await);
        read_until(&mut stream, "PONG\r\n").await;
        // They work, and one more is refused.
        stream
            .write_all(b"SUB one.more 1000000\r\nPUB many.4711.x 1\r\nx\r\n")
            .await
            .unwrap();
        read_until(
            &mut stream,
            "-ERR 'maximum subscriptions exceeded'\r\nMSG many.4711.x 4711 1\r\nx\r\n",
        )
        .await;
        drop(stream);
        // They are gone once a request to one of them has nobody to answer it.
        let url = format!("nats://{}", victim.address);
        let client = async_nats::connect(url).await.unwrap();
        until("the subscriptions are gone", async || {
            let asked = client.request("many.99999.x", "".into());
            let asked = tokio::time::timeout(std::time::Duration::from_millis(200), asked);
            matches!(asked.await, Ok(Err(error)) if error.kind() == async_nats::RequestErrorKind::NoResponders)
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_is_cut() {
    // A round fills the 64 MiB that may wait for one client.
    attack(24 * MEBIBYTE, async |victim| {
        let mut slow = victim.connect().await;
        slow.write_all(b"SUB flood 1\r\nPING\r\n").await.unwrap();
        read_until(&mut slow, "PONG\r\n").await;
        let mut flooding = victim.connect().await;
        let mut message = b"PUB flood 500000\r\n".to_vec();
        message.extend_from_slice(&[b'x'; 500_000]);
        message.extend_from_slice(b"\r\n");
        // More than may wait, and than sockets hold.
        for _ in 0..200 {
            assert!(try_send(&mut flooding, &message).await);
        }
        flooding.write_all(b"PING\r\n").await.unwrap();
        // Who sent it is none the worse.
        read_until(&mut flooding, "PONG\r\n").await;
        drop(flooding);
        expect_end(&mut slow, "").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_line_for_ever_is_cut() {
    attack(4 * MEBIBYTE, async |victim| {
        let mut streams = Vec::new();
        for _ in 0..100 {
            let mut stream = victim.connect().await;
            stream.write_all(b"SUB ").await.unwrap();
            streams.push(stream);
        }
        // They stay as long as they keep within a line, and others are served meanwhile.
        for stream in &mut streams {
            while try_send(stream, &[b'a'; 4096]).await {}
        }
        for mut stream in streams {
            // The words may be lost with what was still on its way.
            expect_end(&mut stream, "").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_of_gibibytes_take_no_memory() {
    attack(4 * MEBIBYTE, async |victim| {
        for (size, words) in [
            ("999999999", "-ERR 'Maximum Payload Violation'\r\n"),
            ("2147483648", ""),
            ("18446744073709551616", ""),
        ] {
            for operation in [format!("PUB a {size}\r\n"), format!("HPUB a 12 {size}\r\n")] {
                let mut stream = victim.connect().await;
                stream.write_all(operation.as_bytes()).await.unwrap();
                expect_end(&mut stream, words).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_rubbish_is_cut() {
    attack(4 * MEBIBYTE, async |victim| {
        // A fixed sequence that looks like nothing in particular.
        let mut state = 1_u32;
        for _ in 0..100 {
            let mut stream = TcpStream::connect(&victim.address).await.unwrap();
            let bytes: Vec<u8> = (0..1000)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            try_send(&mut stream, &bytes).await;
            expect_end(&mut stream, "-ERR 'Unknown Protocol Operation'\r\n").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_small_messages_stops_nobody() {
    attack(16 * MEBIBYTE, async |victim| {
        let mut stream = victim.connect().await;
        let portion = b"PUB flood.of.small.messages 4\r\nabcd\r\n".repeat(10_000);
        for _ in 0..20 {
            assert!(try_send(&mut stream, &portion).await);
        }
        stream.write_all(b"PING\r\n").await.unwrap();
        read_until(&mut stream, "PONG\r\n").await;
    })
    .await;
}

/// Not a test: the process that is attacked. It ends with its standard input.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by other tests"]
async fn broker_under_attack() {
    if std::env::var_os("WEFT_BROKER_VICTIM").is_none() {
        return;
    }
    let handle = Broker::start(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..Options::default()
    })
    .await
    .unwrap();
    writeln!(std::io::stdout(), "url={}", handle.client_url()).unwrap();
    tokio::io::stdin()
        .read_to_end(&mut Vec::new())
        .await
        .unwrap();
}
