//! The demo looks at itself: everything that it promises, one line each.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use serde_json::Value;
use tokio::runtime;
use tokio::time::timeout;

use super::Built;
use super::load::Load;
use crate::http::Client;
use crate::node::Node;
use crate::terminal::data;

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The steady load that a second revision is deployed under.
const REQUESTS_PER_SECOND: u32 = 50;
/// How long the load runs before and after the deployment.
const LOAD_AROUND: Duration = Duration::from_secs(2);
const GREETING: &str = "Welcome, {name}! You are visitor number {visits}.";
const SECOND_GREETING: &str = "Nice to see you, {name}! Visitor number {visits}.";

/// The application in a directory of its own, on free ports.
struct Copy {
    manifest: PathBuf,
    components: PathBuf,
    page: String,
}

pub(super) fn run(built: &Built) -> Result<()> {
    let directory = built.directory.join("check");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let copy = Copy::make(built, &directory)?;
    let data_dir = directory.join("data");
    let log = directory.join("log");
    let client = Client::new();

    let node = Node::start(&built.weft, &data_dir, &log)?;
    passed(format_args!(
        "a node is ready in {} ms",
        node.start_up.as_millis()
    ));

    let begun = Instant::now();
    node.deploy(&copy.manifest)?;
    let page = client.wait_for(&copy.page, PATIENCE, |answer| answer.status == 200)?;
    ensure!(
        page.body.contains("Welcome, "),
        "the page does not greet:\n{}",
        page.body
    );
    passed(format_args!(
        "the page answers through web, greeter and key-value, {} ms after the deployment began",
        begun.elapsed().as_millis()
    ));

    see_with_a_plain_client(&node)?;
    passed("a plain NATS client sees ping, inventory and events as the dialect has them");

    let node = survive_a_kill(node, built, &data_dir, &log, &copy, &client)?;
    lose_nothing_under_load(&node, &copy, &client)?;

    node.weft(&["app", "undeploy", "guestbook"])?;
    client.wait_until_gone(&copy.page, PATIENCE)?;
    passed("undeploy stops it");

    let status = node.stop()?;
    ensure!(status.success(), "`weft up` ended with {status}");
    passed("`weft down` stops the node");
    Ok(())
}

fn survive_a_kill(
    mut node: Node,
    built: &Built,
    data_dir: &Path,
    log: &Path,
    copy: &Copy,
    client: &Client,
) -> Result<Node> {
    for _ in 0..5 {
        hit(client, copy)?;
    }
    let before = hit(client, copy)?;
    node.kill();
    let node = Node::start(&built.weft, data_dir, log)?;
    let count = client.wait_for(&format!("{}count", copy.page), PATIENCE, |answer| {
        answer.status == 200
    })?;
    let after: u64 = count.body.trim().parse()?;
    ensure!(
        after == before,
        "the counter was {before} before the kill and is {after} after it"
    );
    passed(format_args!(
        "the counter survives `kill -9` and a restart; ready again in {} ms",
        node.start_up.as_millis()
    ));
    Ok(node)
}

fn lose_nothing_under_load(node: &Node, copy: &Copy, client: &Client) -> Result<()> {
    let load = Load::start(&copy.page, REQUESTS_PER_SECOND);
    std::thread::sleep(LOAD_AROUND);
    copy.make_second_revision()?;
    node.deploy(&copy.manifest)?;
    client.wait_for(&copy.page, PATIENCE, |answer| {
        answer.body.contains("Nice to see you")
    })?;
    std::thread::sleep(LOAD_AROUND);
    let outcome = load.stop()?;
    ensure!(
        outcome.failed == 0,
        "{} of {} requests failed: {:?}",
        outcome.failed,
        outcome.answered + outcome.failed,
        outcome.failures
    );
    ensure!(
        outcome.answered > usize::try_from(REQUESTS_PER_SECOND)?,
        "only {} requests were sent",
        outcome.answered
    );
    passed(format_args!(
        "a second revision under {REQUESTS_PER_SECOND} requests a second loses none of {}",
        outcome.answered
    ));
    Ok(())
}

/// Counts a visit and returns the number.
fn hit(client: &Client, copy: &Copy) -> Result<u64> {
    let answer = client.get(&format!("{}hit", copy.page))?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
    Ok(answer.body.trim().parse()?)
}

/// Looks at the lattice with a NATS client that knows nothing of Weft.
fn see_with_a_plain_client(node: &Node) -> Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = async_nats::connect(&node.nats_url).await?;
        let host = see_ping(&client).await?;
        see_inventory(&client, &host).await?;
        see_event(&client, &host).await
    })
}

/// Returns the id of the host.
async fn see_ping(client: &async_nats::Client) -> Result<String> {
    let ping = ask(client, "wasmbus.ctl.v1.default.host.ping", "").await?;
    let host = text(&ping["response"], "id")?;
    ensure!(
        host.starts_with('N') && host.len() == 56,
        "`{host}` is no host id"
    );
    ensure!(ping["success"] == true && ping["message"] == "", "{ping}");
    for field in ["friendly_name", "lattice", "uptime_human", "version"] {
        text(&ping["response"], field)?;
    }
    ensure!(
        ping["response"]["labels"]["hostcore.os"].is_string(),
        "{ping}"
    );
    Ok(host.to_owned())
}

async fn see_inventory(client: &async_nats::Client, host: &str) -> Result<()> {
    let inventory = ask(
        client,
        &format!("wasmbus.ctl.v1.default.host.get.{host}"),
        "",
    )
    .await?;
    let ids = |list: &str| -> Vec<&str> {
        let entries = inventory["response"][list].as_array();
        let ids = entries.into_iter().flatten();
        ids.filter_map(|entry| entry["id"].as_str()).collect()
    };
    ensure!(
        ids("components") == ["guestbook-greeter", "guestbook-stream", "guestbook-web"]
            && ids("providers") == ["guestbook-http", "guestbook-keyvalue"],
        "{inventory}"
    );
    let links = ask(client, "wasmbus.ctl.v1.default.link.get", "").await?;
    let count = links["response"].as_array().map_or(0, Vec::len);
    ensure!(count == 4, "{count} links: {links}");
    Ok(())
}

async fn see_event(client: &async_nats::Client, host: &str) -> Result<()> {
    let mut events = client
        .subscribe("wasmbus.evt.default.labels_changed")
        .await?;
    client.flush().await?;
    let label = r#"{"key":"checked","value":"yes"}"#;
    let reply = ask(
        client,
        &format!("wasmbus.ctl.v1.default.label.put.{host}"),
        label,
    )
    .await?;
    ensure!(reply["message"] == "successfully put label", "{reply}");
    let event = timeout(PATIENCE, events.next())
        .await?
        .context("the subscription ended")?;
    let event: Value = serde_json::from_slice(&event.payload)?;
    ensure!(
        event["specversion"] == "1.0"
            && event["source"] == host
            && event["type"] == "com.wasmcloud.lattice.labels_changed"
            && event["data"]["labels"]["checked"] == "yes",
        "{event}"
    );
    for field in ["id", "time", "datacontenttype"] {
        text(&event, field)?;
    }
    Ok(())
}

async fn ask(client: &async_nats::Client, subject: &str, body: &'static str) -> Result<Value> {
    let reply = timeout(PATIENCE, client.request(subject.to_owned(), body.into())).await??;
    Ok(serde_json::from_slice(&reply.payload)?)
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    match value[field].as_str() {
        Some(text) if !text.is_empty() => Ok(text),
        _ => bail!("`{field}` is missing in {value}"),
    }
}

fn passed(what: impl std::fmt::Display) {
    data(format_args!("ok  {what}"));
}

// ===== impl Copy =====

impl Copy {
    /// Copies manifest and components, and puts free ports in the place of those of the manifest.
    fn make(built: &Built, directory: &Path) -> Result<Self> {
        let source = built
            .manifest
            .parent()
            .context("the manifest is in no directory")?;
        let components = directory.join("build");
        fs::create_dir_all(&components)?;
        for name in ["web", "greeter", "stream"] {
            let file = format!("{name}.wasm");
            fs::copy(source.join("build").join(&file), components.join(&file))
                .with_context(|| format!("cannot copy the component {name}"))?;
        }
        let (page, stream) = (free_port()?, free_port()?);
        let text = fs::read_to_string(&built.manifest)?;
        let manifest = directory.join("weft.yaml");
        fs::write(
            &manifest,
            text.replace("127.0.0.1:8080", &format!("127.0.0.1:{page}"))
                .replace("127.0.0.1:8081", &format!("127.0.0.1:{stream}")),
        )?;
        Ok(Self {
            manifest,
            components,
            page: format!("http://127.0.0.1:{page}/"),
        })
    }

    /// Changes what a user would: words in the manifest, and a component that was built anew.
    fn make_second_revision(&self) -> Result<()> {
        let text = fs::read_to_string(&self.manifest)?;
        ensure!(text.contains(GREETING), "the manifest has another greeting");
        fs::write(&self.manifest, text.replace(GREETING, SECOND_GREETING))?;
        let path = self.components.join("web.wasm");
        let mut component = fs::read(&path)?;
        // A custom section changes the digest and nothing else: id 0, length, name.
        component.extend_from_slice(b"\0\x07\x06second");
        fs::write(path, component)?;
        Ok(())
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
