//! `/connz`: the clients.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::query::{Query, QueryError};
use super::{Watched, render_time, render_uptime};
use crate::client::Client;

/// Clients on one page, unless the request says otherwise.
const LIMIT_DEFAULT: usize = 1024;
/// Most clients on one page.
const LIMIT_MAX: usize = 65_536;

/// A page of clients.
#[derive(Serialize)]
pub(super) struct Connz<'a> {
    server_id: &'a str,
    now: String,
    num_connections: usize,
    total: usize,
    offset: usize,
    limit: usize,
    connections: Vec<Connection>,
}

/// A client.
#[derive(Serialize)]
struct Connection {
    cid: u64,
    kind: &'static str,
    r#type: &'static str,
    ip: String,
    port: u16,
    start: String,
    /// When it last sent something.
    last_activity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt: Option<String>,
    uptime: String,
    idle: String,
    pending_bytes: usize,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    subscriptions: usize,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    lang: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorized_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscriptions_list: Option<Vec<String>>,
}

/// What a client did, read once, so that sorting compares what is shown.
struct Seen {
    client: Arc<Client>,
    pending_bytes: usize,
    messages_in: u64,
    bytes_in: u64,
    messages_out: u64,
    bytes_out: u64,
    subscriptions: usize,
    active: Instant,
}

// ===== impl Watched =====

impl Watched {
    pub(super) fn connz(&self, query: &Query<'_>) -> Result<Connz<'_>, QueryError> {
        let offset = query.number("offset", 0)?;
        let limit = match query.number("limit", LIMIT_DEFAULT)? {
            0 => LIMIT_DEFAULT,
            limit => limit.min(LIMIT_MAX),
        };
        let cid: u64 = query.number("cid", 0)?;
        let (shows_subjects, shows_users) = (query.flag("subs")?, query.flag("auth")?);
        // Connections that are closed are not remembered.
        if let Some(state) = query.text("state").filter(|&state| state != "open") {
            return Err(QueryError::new("state", state));
        }
        let mut seen: Vec<Seen> = self
            .shared
            .clients()
            .into_iter()
            .filter(|client| cid == 0 || client.id == cid)
            .map(Seen::new)
            .collect();
        sort(&mut seen, query.text("sort").unwrap_or("cid"))?;
        let total = seen.len();
        let connections: Vec<Connection> = seen
            .iter()
            .skip(offset)
            .take(limit)
            .map(|seen| seen.view(shows_subjects, shows_users))
            .collect();
        Ok(Connz {
            server_id: &self.shared.info.server_id,
            now: render_time(SystemTime::now()),
            num_connections: connections.len(),
            total,
            offset,
            limit,
            connections,
        })
    }
}

/// The largest first, but for the number and the age.
fn sort(seen: &mut [Seen], by: &str) -> Result<(), QueryError> {
    // Of equals the older is first.
    seen.sort_by_key(|seen| seen.client.id);
    let descending = |seen: &mut [Seen], key: fn(&Seen) -> u64| {
        seen.sort_by_key(|seen| std::cmp::Reverse(key(seen)));
    };
    match by {
        "cid" | "start" | "uptime" => {}
        "subs" => descending(seen, |seen| seen.subscriptions as u64),
        "pending" => descending(seen, |seen| seen.pending_bytes as u64),
        "msgs_to" => descending(seen, |seen| seen.messages_out),
        "msgs_from" => descending(seen, |seen| seen.messages_in),
        "bytes_to" => descending(seen, |seen| seen.bytes_out),
        "bytes_from" => descending(seen, |seen| seen.bytes_in),
        "last" => seen.sort_by_key(|seen| std::cmp::Reverse(seen.active)),
        "idle" => seen.sort_by_key(|seen| seen.active),
        "rtt" => descending(seen, |seen| {
            let rtt = seen.client.traffic.round_trip().unwrap_or_default();
            u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)
        }),
        other => return Err(QueryError::new("sort", other)),
    }
    Ok(())
}

// ===== impl Seen =====

impl Seen {
    fn new(client: Arc<Client>) -> Self {
        let traffic = &client.traffic;
        let (messages_out, bytes_out) = client.delivered();
        let (messages_in, bytes_in) = (traffic.messages_in.get(), traffic.bytes_in.get());
        let active = traffic.last_active();
        let subscriptions = client.subscriptions().len();
        Self {
            pending_bytes: client.pending_bytes(),
            messages_in,
            bytes_in,
            messages_out,
            bytes_out,
            subscriptions,
            active,
            client,
        }
    }

    fn view(&self, shows_subjects: bool, shows_users: bool) -> Connection {
        let client = &self.client;
        let profile = client.profile.get();
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let (uptime, idle) = (client.traffic.started.elapsed(), self.active.elapsed());
        let now = SystemTime::now();
        let ago = |duration| render_time(now.checked_sub(duration).unwrap_or(now));
        let user = client.identity.get().map(|identity| identity.name.clone());
        Connection {
            cid: client.id,
            kind: "Client",
            r#type: "nats",
            ip: client.address.ip().to_string(),
            port: client.address.port(),
            start: ago(uptime),
            last_activity: ago(idle),
            rtt: client.traffic.round_trip().map(render_round_trip),
            uptime: render_uptime(uptime),
            idle: render_uptime(idle),
            pending_bytes: self.pending_bytes,
            in_msgs: self.messages_in,
            out_msgs: self.messages_out,
            in_bytes: self.bytes_in,
            out_bytes: self.bytes_out,
            subscriptions: self.subscriptions,
            name: text(profile.map(|profile| &profile.name)),
            lang: text(profile.map(|profile| &profile.lang)),
            version: text(profile.map(|profile| &profile.version)),
            tls_version: client.stream.tls_version(),
            authorized_user: user.filter(|_| shows_users),
            account: shows_users.then_some("$G"),
            subscriptions_list: shows_subjects.then(|| subjects(client)),
        }
    }
}

/// The subjects that a client has subscribed to, in their order.
fn subjects(client: &Client) -> Vec<String> {
    let mut subjects: Vec<String> = client
        .subscriptions()
        .values()
        .map(|subscription| String::from_utf8_lossy(&subscription.subject).into_owned())
        .collect();
    subjects.sort();
    subjects
}

fn render_round_trip(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1000 {
        format!("{micros}µs")
    } else {
        format!("{}.{:03}ms", micros / 1000, micros % 1000)
    }
}
