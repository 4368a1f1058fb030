//! Calls of a recording, said again word for word: as the provider that calls a component of ours, and as the one that it
//! calls.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use async_nats::{Client, HeaderMap, Message, Subscriber};
use futures::StreamExt;
use serde_json::Value;
use tokio::task::JoinSet;
use weft_testkit::in_time;

/// The function by which components are handed requests.
const HANDLE: &str = ".wrpc:http/incoming-handler@0.1.0.handle";
/// What stands before the header fields of a response: that it is one, its streams, its status.
const RESPONSE_HEAD_BYTES: usize = 5;

/// How the text begins by which components say what they can be asked.
const USAGE: &[u8] = b"try /";

/// Pieces of parameters or results, each with its path below the root, in the order in which they came.
type Pieces = Vec<(String, Vec<u8>)>;
/// What came on each path, joined.
type Joined = BTreeMap<String, Vec<u8>>;

/// A recorded call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) subject: String,
    headers: BTreeMap<String, String>,
    /// The parameters that came with the call itself.
    first: Vec<u8>,
    params: Pieces,
    results: Pieces,
}

/// Providers that answer as recorded.
pub(crate) struct StandIns {
    tasks: JoinSet<()>,
    left: Arc<Mutex<Vec<Call>>>,
    differences: Arc<Mutex<Vec<String>>>,
}

/// The calls of a recording, in their order.
pub(crate) fn calls(rows: &[Value]) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut roots: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let Some(subject) = row["subject"].as_str() else {
            continue;
        };
        let reply = row["reply"].as_str();
        if subject.contains(".wrpc.0.0.1.") {
            roots.insert(reply.unwrap(), calls.len());
            let headers = serde_json::from_value(row["headers"].clone());
            calls.push(Call {
                subject: subject.to_owned(),
                headers: headers.unwrap_or_default(),
                first: bytes(row),
                params: Pieces::new(),
                results: Pieces::new(),
            });
        } else if let (Some(&call), Some(reply)) = (roots.get(subject), reply) {
            // The callee lets the caller in.
            roots.insert(reply, call);
        } else if let Some((root, path)) = split(subject, ".params") {
            calls[roots[root]].params.push((path, bytes(row)));
        } else if let Some((root, path)) = split(subject, ".results") {
            calls[roots[root]].results.push((path, bytes(row)));
        }
    }
    calls
}

fn split<'a>(subject: &'a str, side: &str) -> Option<(&'a str, String)> {
    let at = subject.find(side)?;
    subject
        .starts_with("_INBOX.")
        .then(|| (&subject[..at], subject[at..].to_owned()))
}

fn bytes(row: &Value) -> Vec<u8> {
    match (row["data"].as_str(), row["hex"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, hex) => {
            let hex = hex.unwrap_or_default();
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect()
        }
    }
}

fn join(pieces: &Pieces) -> Joined {
    let mut joined = Joined::new();
    for (path, piece) in pieces {
        joined.entry(path.clone()).or_default().extend(piece);
    }
    // What holds streams ends too, and says nothing; ends of Weft leave that out.
    joined.retain(|path, bytes| !bytes.is_empty() || !path[1..].contains('.'));
    joined
}

/// Collects what comes below `root`, until all that `expected` has came to its end.
async fn collect(root: &str, subscriber: &mut Subscriber, expected: &Pieces) -> Joined {
    let expected = join(expected);
    let mut came = Joined::new();
    let mut open: Vec<&String> = expected.keys().collect();
    while !open.is_empty() {
        let message = in_time(subscriber.next()).await.unwrap();
        let path = message.subject.strip_prefix(root).unwrap().to_owned();
        if message.payload.is_empty() {
            open.retain(|one| **one != path);
        }
        came.entry(path).or_default().extend(&message.payload);
    }
    came.retain(|path, _| expected.contains_key(path));
    came
}

fn difference(what: &str, recorded: &Joined, came: &Joined) -> Option<String> {
    if recorded == came {
        return None;
    }
    let mut text = format!("{what}:");
    for (name, side) in [("recorded", recorded), ("came", came)] {
        for (path, bytes) in side {
            let _ = write!(text, "\n  {name} `{path}`: {}", bytes.escape_ascii());
        }
    }
    Some(text)
}

// ===== impl Call =====

impl Call {
    /// Who is called.
    pub(crate) fn target(&self) -> &str {
        self.subject.split('.').nth(1).unwrap()
    }

    /// Calls as the recorded caller did. Gives what is different about the answer.
    pub(crate) async fn make(&self, nats: &Client) -> Option<String> {
        let root = nats.new_inbox();
        let mut accepts = nats.subscribe(root.clone()).await.unwrap();
        let mut results = nats.subscribe(format!("{root}.>")).await.unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(name.as_str(), value.as_str());
        }
        let (subject, first) = (self.subject.clone(), self.first.clone());
        nats.publish_with_reply_and_headers(subject, root.clone(), headers, first.into())
            .await
            .unwrap();
        let accept = in_time(accepts.next()).await.unwrap();
        let Some(callee) = accept.reply.filter(|_| accept.status.is_none()) else {
            return Some(format!("{}: {:?}", self.subject, accept.status));
        };
        for (path, piece) in &self.params {
            let to = format!("{callee}{path}");
            nats.publish(to, piece.clone().into()).await.unwrap();
        }
        let mut came = collect(&root, &mut results, &self.results).await;
        let mut recorded = join(&self.results);
        if self.subject.ends_with(HANDLE) {
            // Header fields come last, and are the component's own.
            for side in [&mut recorded, &mut came] {
                let tuple = side.entry(".results".to_owned()).or_default();
                tuple.truncate(RESPONSE_HEAD_BYTES);
            }
            // The guest of today knows more paths.
            let is_usage = |side: &Joined| {
                let body = side.get(".results.0.0").map(Vec::as_slice);
                body.and_then(|body| body.get(1..))
                    .is_some_and(|body| body.starts_with(USAGE))
            };
            if is_usage(&recorded) && is_usage(&came) {
                recorded.remove(".results.0.0");
                came.remove(".results.0.0");
            }
        }
        difference(&self.subject, &recorded, &came)
    }

    /// Answers `message`, which is such a call, as the recorded callee did. Gives what is different about it.
    async fn answer(&self, nats: &Client, message: Message) -> Option<String> {
        let root = nats.new_inbox();
        let mut params = nats.subscribe(format!("{root}.>")).await.unwrap();
        let caller = message.reply.unwrap();
        nats.publish_with_reply(caller.clone(), root.clone(), "".into())
            .await
            .unwrap();
        let came = collect(&root, &mut params, &self.params).await;
        for (path, piece) in &self.results {
            let to = format!("{caller}{path}");
            nats.publish(to, piece.clone().into()).await.unwrap();
        }
        let headers = message.headers.unwrap_or_default();
        for (name, value) in &self.headers {
            let ours = headers.get(name.as_str()).map(|value| value.as_str());
            if ours != Some(value.as_str()) {
                return Some(format!("{}: `{name}` is {ours:?}", self.subject));
            }
        }
        let with_first = |mut joined: Joined, first: &[u8]| {
            let tuple = joined.entry(".params".to_owned()).or_default();
            tuple.splice(0..0, first.iter().copied());
            joined
        };
        let recorded = with_first(join(&self.params), &self.first);
        let came = with_first(came, &message.payload);
        difference(&self.subject, &recorded, &came)
    }
}

// ===== impl StandIns =====

impl StandIns {
    /// Answers those of `calls` that are to one of `targets`, each once.
    pub(crate) async fn start(nats: &Client, calls: &[Call], targets: &[&str]) -> Self {
        let left = calls.iter().filter(|call| targets.contains(&call.target()));
        let mut stand_ins = Self {
            tasks: JoinSet::new(),
            left: Arc::new(Mutex::new(left.cloned().collect())),
            differences: Arc::default(),
        };
        for target in targets {
            let subscriber = nats.subscribe(format!("default.{target}.wrpc.>")).await;
            stand_ins.serve(nats.clone(), subscriber.unwrap());
        }
        nats.flush().await.unwrap();
        stand_ins
    }

    fn serve(&mut self, nats: Client, mut subscriber: Subscriber) {
        let (left, differences) = (Arc::clone(&self.left), Arc::clone(&self.differences));
        self.tasks.spawn(async move {
            while let Some(message) = subscriber.next().await {
                let taken = {
                    let mut left = left.lock().unwrap();
                    let place = left
                        .iter()
                        .position(|call| call.subject == message.subject.as_str());
                    place.map(|place| left.remove(place))
                };
                let difference = match taken {
                    Some(call) => call.answer(&nats, message).await,
                    None => Some(format!("`{}` was not called", message.subject)),
                };
                differences.lock().unwrap().extend(difference);
            }
        });
    }

    /// What was different, and what nobody called.
    pub(crate) fn finish(self) -> Vec<String> {
        let left = self.left.lock().unwrap();
        let left = left
            .iter()
            .map(|call| format!("`{}` is not called", call.subject));
        let mut all: Vec<String> = left.collect();
        all.extend(self.differences.lock().unwrap().drain(..));
        all
    }
}
