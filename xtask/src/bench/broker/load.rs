//! The loads: who sends what to whom, and how it is counted.

use std::io::Write as _;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::line::Line;

/// Bytes of messages that a publisher writes at once.
const CHUNK_LEN: usize = 64 * 1024;

/// Keys of the bucket.
const KEYS: usize = 100;

/// The first part of reply subjects, as long as that of real clients.
const INBOX: &str = "_INBOX.0123456789ABCDEFGHIJKL";

/// What a server is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// One publisher and so many subscribers: counts messages received, by all of them together.
    Publish { subscribers: usize },
    /// A client that asks another: counts answers.
    Request { in_flight: usize },
    /// Writing into a bucket: counts acknowledgements.
    Put { in_flight: usize },
    /// Reading from a bucket: counts answers.
    Get { in_flight: usize },
}

/// What a turn came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) count: f64,
    pub(super) elapsed: Duration,
}

/// Runs a load for about as long as `turn`.
pub(super) fn run(
    address: SocketAddr,
    load: Load,
    payload_len: usize,
    turn: Duration,
) -> Result<Done> {
    match load {
        Load::Publish { subscribers } => publish(address, subscribers, payload_len, turn),
        Load::Request { in_flight } => request(address, in_flight, payload_len, turn),
        Load::Put { in_flight } => {
            make_bucket(address, payload_len)?;
            let value = payload(payload_len);
            let ask = |number: usize, out: &mut Vec<u8>| {
                push_publish(out, &key(number), Some(&reply_subject(number)), &value);
            };
            let is_stored = |body: &[u8], _| memchr::memmem::find(body, b"\"seq\":").is_some();
            exchange(address, in_flight, turn, ask, is_stored)
        }
        Load::Get { in_flight } => {
            make_bucket(address, payload_len)?;
            let ask = |number: usize, out: &mut Vec<u8>| {
                let subject = format!("$JS.API.DIRECT.GET.KV_bench.{}", key(number));
                push_publish(out, &subject, Some(&reply_subject(number)), b"");
            };
            let is_found = |body: &[u8], header_len| header_len > 0 && body.len() == payload_len;
            exchange(address, in_flight, turn, ask, is_found)
        }
    }
}

/// Stores so many messages under so many subjects, as fast as the server takes them, in a stream that is made for them.
pub(super) fn fill(address: SocketAddr, messages: usize, subjects: usize) -> Result<()> {
    const CONFIG: &str =
        r#"{"name":"S","subjects":["s.*"],"retention":"limits","storage":"file","num_replicas":1}"#;
    let mut line = Line::connect(address)?;
    line.subscribe(&format!("{INBOX}.*"))?;
    let reply = reply_subject(0);
    let mut out = Vec::new();
    push_publish(
        &mut out,
        "$JS.API.STREAM.CREATE.S",
        Some(&reply),
        CONFIG.as_bytes(),
    );
    line.send(&out)?;
    await_answers(&mut line, 1, b"\"config\":")?;
    out.clear();
    let value = payload(16);
    for number in 1..messages {
        let subject = format!("s.{}", number.wrapping_mul(7919) % subjects);
        push_publish(&mut out, &subject, None, &value);
        if out.len() >= CHUNK_LEN {
            line.send(&out)?;
            out.clear();
        }
    }
    push_publish(&mut out, "s.last", Some(&reply), &value);
    line.send(&out)?;
    // All before it are stored.
    await_answers(&mut line, 1, format!("\"seq\":{messages}}}").as_bytes())
}

/// Fails unless the stream that was filled still has so many messages.
pub(super) fn check_filled(address: SocketAddr, messages: usize) -> Result<()> {
    let mut line = Line::connect(address)?;
    line.subscribe(&format!("{INBOX}.*"))?;
    let mut out = Vec::new();
    push_publish(
        &mut out,
        "$JS.API.STREAM.INFO.S",
        Some(&reply_subject(0)),
        b"",
    );
    line.send(&out)?;
    await_answers(&mut line, 1, format!("\"messages\":{messages},").as_bytes())
}

/// Subscribes connections of their own to `count` other subjects. They last as long as what is returned.
pub(super) fn subscribe_others(address: SocketAddr, count: usize) -> Result<Vec<Line>> {
    const PER_LINE: usize = 10_000;
    let mut lines = Vec::new();
    for first in (0..count).step_by(PER_LINE) {
        let mut line = Line::connect(address)?;
        let mut text = Vec::new();
        for number in first..count.min(first + PER_LINE) {
            write!(text, "SUB other.{number}.subject {number}\r\n")?;
        }
        line.send(&text)?;
        line.sync()?;
        lines.push(line);
    }
    Ok(lines)
}

fn publish(
    address: SocketAddr,
    subscribers: usize,
    payload_len: usize,
    turn: Duration,
) -> Result<Done> {
    let mut lines = Vec::new();
    for _ in 0..subscribers {
        let mut line = Line::connect(address)?;
        line.send(b"SUB end 2\r\n")?;
        line.subscribe("news")?;
        lines.push(line);
    }
    let mut publisher = Line::connect(address)?;
    let mut one = Vec::new();
    push_publish(&mut one, "news", None, &payload(payload_len));
    let per_chunk = (CHUNK_LEN / one.len()).max(1);
    let chunk = one.repeat(per_chunk);
    let begun = Instant::now();
    thread::scope(|scope| {
        let counting: Vec<_> = lines
            .iter_mut()
            .map(|line| scope.spawn(move || count_news(line, payload_len)))
            .collect();
        let mut sent = 0_u64;
        while begun.elapsed() < turn {
            publisher.send(&chunk)?;
            sent += per_chunk as u64;
        }
        publisher.send(b"PUB end 0\r\n\r\n")?;
        for counting in counting {
            let received = counting.join().map_err(|_| anyhow::anyhow!("panicked"))??;
            ensure!(received == sent, "of {sent} messages {received} arrived");
        }
        Ok(Done {
            count: sent as f64 * subscribers as f64,
            elapsed: begun.elapsed(),
        })
    })
}

/// Counts messages until the end is published. They all look the same, so that a glance at each is enough.
fn count_news(line: &mut Line, payload_len: usize) -> Result<u64> {
    let len = format!("MSG news 1 {payload_len}\r\n").len() + payload_len + 2;
    let mut count = 0;
    loop {
        loop {
            let unread = line.unread();
            match unread {
                [b'M', _, _, _, b'n', ..] if unread.len() >= len => {
                    line.skip(len);
                    count += 1;
                }
                [b'M', _, _, _, b'e', ..] => return Ok(count),
                [b'P', _, _, _, _, b'\n', ..] => {
                    line.skip(6);
                    line.send(b"PONG\r\n")?;
                }
                [b'M' | b'P', ..] | [] => break,
                _ => bail!("the server sent something else than messages"),
            }
        }
        line.fill()?;
    }
}

fn request(
    address: SocketAddr,
    in_flight: usize,
    payload_len: usize,
    turn: Duration,
) -> Result<Done> {
    let mut responder = Line::connect(address)?;
    responder.subscribe("question")?;
    let stop = responder.writer()?;
    let question = payload(payload_len);
    let ask = |number: usize, out: &mut Vec<u8>| {
        push_publish(out, "question", Some(&reply_subject(number)), &question);
    };
    let is_answer = |body: &[u8], _| body.len() == payload_len;
    thread::scope(|scope| {
        // It ends when its connection does.
        scope.spawn(move || answer(responder));
        let done = exchange(address, in_flight, turn, ask, is_answer);
        stop.shutdown(std::net::Shutdown::Both)?;
        done
    })
}

/// Sends every question back to who asked, those that arrived together in one go.
fn answer(mut line: Line) -> Result<()> {
    let mut out = Vec::new();
    loop {
        out.clear();
        while let Some(message) = line.next_message()? {
            let reply = message
                .reply
                .context("a question without a reply subject")?;
            let bytes = line.bytes();
            write_publish(&mut out, &bytes[reply], None, &bytes[message.body]);
        }
        if !out.is_empty() {
            line.send(&out)?;
        }
        line.fill()?;
    }
}

/// Keeps so many questions in flight, and counts the answers.
///
/// `ask` appends a question; `is_answer` looks at a body and the length of its headers.
fn exchange(
    address: SocketAddr,
    in_flight: usize,
    turn: Duration,
    ask: impl Fn(usize, &mut Vec<u8>),
    is_answer: impl Fn(&[u8], usize) -> bool,
) -> Result<Done> {
    let mut line = Line::connect(address)?;
    line.subscribe(&format!("{INBOX}.*"))?;
    let (mut asked, mut answered) = (0, 0);
    let mut out = Vec::new();
    let begun = Instant::now();
    while asked < in_flight {
        ask(asked, &mut out);
        asked += 1;
    }
    line.send(&out)?;
    while answered < asked {
        line.fill()?;
        out.clear();
        let goes_on = begun.elapsed() < turn;
        while let Some(message) = line.next_message()? {
            let body = &line.bytes()[message.body];
            if !is_answer(body, message.header_len) {
                bail!("unexpected answer: {}", String::from_utf8_lossy(body));
            }
            answered += 1;
            if goes_on {
                ask(asked, &mut out);
                asked += 1;
            }
        }
        if !out.is_empty() {
            line.send(&out)?;
        }
    }
    Ok(Done {
        count: answered as f64,
        elapsed: begun.elapsed(),
    })
}

/// Makes the bucket as a client makes one, unless it is there, and fills all of its keys.
fn make_bucket(address: SocketAddr, payload_len: usize) -> Result<()> {
    const CONFIG: &str = r#"{"name":"KV_bench","subjects":["$KV.bench.>"],"retention":"limits","max_consumers":-1,
        "max_msgs":-1,"max_bytes":-1,"max_msgs_per_subject":1,"max_age":0,"max_msg_size":-1,"storage":"file",
        "discard":"new","num_replicas":1,"duplicate_window":120000000000,"allow_rollup_hdrs":true,
        "deny_delete":true,"allow_direct":true}"#;
    let mut line = Line::connect(address)?;
    line.subscribe(&format!("{INBOX}.*"))?;
    let mut out = Vec::new();
    let reply = reply_subject(0);
    push_publish(
        &mut out,
        "$JS.API.STREAM.CREATE.KV_bench",
        Some(&reply),
        CONFIG.as_bytes(),
    );
    line.send(&out)?;
    await_answers(&mut line, 1, b"\"config\":")?;
    out.clear();
    let payload = payload(payload_len);
    for number in 0..KEYS {
        push_publish(&mut out, &key(number), Some(&reply), &payload);
    }
    line.send(&out)?;
    await_answers(&mut line, KEYS, b"\"seq\":")
}

/// Waits for so many answers, each of which must have `part` in it.
fn await_answers(line: &mut Line, count: usize, part: &[u8]) -> Result<()> {
    for _ in 0..count {
        let message = loop {
            match line.next_message()? {
                Some(message) => break message,
                None => line.fill()?,
            }
        };
        let body = &line.bytes()[message.body];
        if memchr::memmem::find(body, part).is_none() {
            bail!("unexpected answer: {}", String::from_utf8_lossy(body));
        }
    }
    Ok(())
}

fn key(number: usize) -> String {
    format!("$KV.bench.key{}", number % KEYS)
}

fn reply_subject(number: usize) -> String {
    format!("{INBOX}.{number:08}")
}

fn payload(len: usize) -> Vec<u8> {
    vec![b'x'; len]
}

fn push_publish(out: &mut Vec<u8>, subject: &str, reply: Option<&str>, payload: &[u8]) {
    write_publish(out, subject.as_bytes(), reply.map(str::as_bytes), payload);
}

fn write_publish(out: &mut Vec<u8>, subject: &[u8], reply: Option<&[u8]>, payload: &[u8]) {
    out.extend_from_slice(b"PUB ");
    out.extend_from_slice(subject);
    out.push(b' ');
    if let Some(reply) = reply {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    // Writing to memory does not fail.
    let _ = write!(out, "{}\r\n", payload.len());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishes_are_written_as_the_protocol_has_them() {
        let mut out = Vec::new();
        push_publish(&mut out, "a.b", Some("r"), b"hello");
        push_publish(&mut out, "a", None, b"");
        assert_eq!(out, b"PUB a.b r 5\r\nhello\r\nPUB a 0\r\n\r\n");
    }
}
