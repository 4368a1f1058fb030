//! A provider as a process: this test program, run again.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use tokio::task::spawn_blocking;

use crate::host::{HOST_ID, Host};
use crate::server::within;
use crate::subject::MemoryStore;

/// What a host starts. No test of its own: without a host it fails.
#[test]
#[ignore = "run by other tests, as the process of a provider"]
fn child_of_a_host() {
    assert_eq!(
        weft_provider::main(MemoryStore::default()),
        std::process::ExitCode::SUCCESS
    );
}

fn spawn(line: &str) -> (Child, std::process::ChildStdin) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "process::child_of_a_host",
            "--ignored",
            "--nocapture",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(line.as_bytes()).unwrap();
    (child, input)
}

/// Whether it ended well, and what it said.
async fn ended(child: Child) -> (bool, String) {
    let output = within(spawn_blocking(|| child.wait_with_output())).await;
    let output = output.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_serves_until_its_host_asks_for_the_end() {
    let Some(mut host) = Host::start().await else {
        return;
    };
    host.data["structured_logging"] = true.into();
    let (child, input) = spawn(&host.line());
    // Hosts of 1.9 close the input.
    drop(input);
    host.wait_until_healthy().await;
    let body = serde_json::json!({ "host_id": HOST_ID }).to_string();
    let answer = within(host.request("kv.default.shutdown", &body)).await;
    assert_eq!(answer.unwrap().payload, "shutting down");
    let (is_success, logs) = ended(child).await;
    assert!(is_success, "{logs}");
    let serves = logs.lines().find(|line| line.contains("Provider serves"));
    let record: serde_json::Value = serde_json::from_str(serves.unwrap()).unwrap();
    assert_eq!(record["fields"]["provider.id"], "kv");
    assert!(!logs.contains("t0k"), "{logs}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_ends_when_it_is_told_by_a_signal() {
    let Some(host) = Host::start().await else {
        return;
    };
    // The input stays open, as hosts may let it.
    let (child, _input) = spawn(&host.line());
    host.wait_until_healthy().await;
    let id = child.id().to_string();
    let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(status.success());
    let (is_success, logs) = ended(child).await;
    assert!(is_success, "{logs}");
    assert!(logs.contains("INFO"), "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_started_by_hand_says_what_is_missing() {
    for (line, code) in [
        ("", "SDK001"),
        ("\n", "SDK001"),
        ("{}\n", "SDK002"),
        ("e30=\n", "SDK002"),
    ] {
        let (child, input) = spawn(line);
        drop(input);
        let (is_success, text) = ended(child).await;
        assert!(!is_success && text.contains(&format!("[{code}]")), "{text}");
    }
}
