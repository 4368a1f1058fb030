//! `weft down`: what runs is asked to stop and waited for.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use weft_cli::Status;
use weft_node::run_file::{self, LOCK_NAME, RunFile};

use crate::weft::Weft;

/// Something that holds the lock of the data directory like a `weft up`.
struct Running(Child);

impl Running {
    /// A process that runs `script` while it holds the lock.
    fn start(weft: &Weft, script: &str) -> Self {
        let dir = weft.data_dir();
        fs::create_dir_all(&dir).unwrap();
        let lock = File::create(dir.join(LOCK_NAME)).unwrap();
        lock.lock().unwrap();
        // The lock belongs to the open file, which the process inherits, and ends with it.
        let child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::from(lock))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits until the process has said something.
    fn wait_for_word(&mut self) {
        use std::io::Read;
        let mut word = [0];
        self.0
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut word)
            .unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn write_run_file(weft: &Weft, pid: u32) {
    let run = RunFile {
        pid,
        nats_url: "nats://127.0.0.1:4222".to_owned(),
        nats_tls_url: None,
        is_auth_required: false,
        key_file: None,
        monitor: None,
        http_admin: None,
        js_domain: None,
        control_prefix: None,
        lattice: "default".to_owned(),
        host_id: None,
        host_name: None,
        http: None,
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        version: "0.1.0".to_owned(),
    };
    run_file::write(&weft.data_dir(), &run).unwrap();
}

#[tokio::test]
async fn what_runs_is_stopped() {
    let weft = Weft::new();
    let mut running = Running::start(
        &weft,
        "trap 'exit 0' TERM; echo x; while :; do sleep 0.01; done",
    );
    running.wait_for_word();
    let pid = running.0.id();
    write_run_file(&weft, pid);
    let ran = weft.run("down").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert!(
        ran.messages
            .starts_with(&format!("stopped lattice `default`, process {pid}, in ")),
        "{ran:?}"
    );
    assert!(running.0.wait().unwrap().success());
    let ran = weft.run("down").await;
    assert_eq!(ran.status, Status::NotFound, "{ran:?}");
    assert!(
        ran.messages
            .contains(&format!("process {pid} ended without stopping")),
        "{ran:?}"
    );
}

#[tokio::test]
async fn what_takes_longer_goes_on_stopping() {
    let weft = Weft::new();
    let mut running = Running::start(&weft, "trap '' TERM; echo x; while :; do sleep 0.01; done");
    running.wait_for_word();
    write_run_file(&weft, running.0.id());
    let ran = weft.run("down --timeout 100ms").await;
    assert_eq!(ran.status, Status::Deadline, "{ran:?}");
    assert!(ran.messages.contains("it goes on stopping"), "{ran:?}");
}

#[tokio::test]
async fn nothing_is_stopped_where_nothing_runs() {
    let weft = Weft::new();
    let ran = weft.run("down").await;
    assert_eq!(ran.status, Status::NotFound);
    insta::assert_snapshot!("down-nothing", ran.transcript(&weft));
}

#[tokio::test]
async fn a_process_of_another_is_not_touched() {
    let weft = Weft::new();
    let mut bystander = Command::new("/bin/sh")
        .args(["-c", "read x"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    fs::create_dir_all(weft.data_dir()).unwrap();
    fs::write(weft.data_dir().join(LOCK_NAME), "").unwrap();
    // A run file that was left over, whose process id somebody else has now.
    write_run_file(&weft, bystander.id());
    let ran = weft.run("down").await;
    assert_eq!(ran.status, Status::NotFound, "{ran:?}");
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn what_is_only_starting_is_left_alone() {
    let weft = Weft::new();
    let mut running = Running::start(&weft, "echo x; while :; do sleep 0.01; done");
    running.wait_for_word();
    let ran = weft.run("down").await;
    assert_eq!(ran.status, Status::Rejected, "{ran:?}");
    assert!(ran.messages.contains("code: CLI003"), "{ran:?}");
    // Nor is another lattice taken for its own where it is named.
    let ran = weft.run("app list --data-dir data/weft").await;
    assert_eq!(ran.status, Status::Rejected, "{ran:?}");
    assert!(ran.messages.contains("code: CLI003"), "{ran:?}");
    assert!(running.0.try_wait().unwrap().is_none());
}

#[tokio::test]
async fn a_data_directory_where_nothing_runs_is_no_other_lattice() {
    let weft = Weft::new();
    let check = async |command: &str, status: Status, code: &str| {
        let ran = weft.run(&format!("{command} --data-dir nope")).await;
        assert_eq!(ran.status, status, "{command}: {ran:?}");
        assert!(ran.messages.contains(code), "{command}: {ran:?}");
    };
    for command in ["app list", "lattice copy --to nats://127.0.0.1:1"] {
        check(command, Status::NotFound, "code: CLI001").await;
    }
    // What says where the lattice is counts more.
    for command in [
        "app list --nats-url nats://127.0.0.1:1",
        "lattice copy --from nats://127.0.0.1:1 --to nats://127.0.0.1:1",
    ] {
        check(command, Status::Unreachable, "code: NET001").await;
    }
    let inherited = Weft::new()
        .with_variable("WASMCLOUD_CTL_HOST", "127.0.0.1")
        .with_variable("WASMCLOUD_CTL_PORT", "1");
    let ran = inherited.run("app list --data-dir nope").await;
    assert_eq!(ran.status, Status::Unreachable, "{ran:?}");
}

#[tokio::test]
async fn other_commands_find_what_runs() {
    let Some(server) = crate::server::Server::start().await else {
        return;
    };
    let _manager = crate::manager::Manager::start(&server).await;
    let weft = Weft::new();
    let mut running = Running::start(&weft, "echo x; while :; do sleep 0.01; done");
    running.wait_for_word();
    let run = RunFile {
        pid: running.0.id(),
        nats_url: server.url.clone(),
        nats_tls_url: None,
        is_auth_required: false,
        key_file: None,
        monitor: None,
        http_admin: None,
        js_domain: None,
        control_prefix: None,
        lattice: server.lattice.clone(),
        host_id: None,
        host_name: None,
        http: None,
        started_at: String::new(),
        version: String::new(),
    };
    run_file::write(&weft.data_dir(), &run).unwrap();
    let ran = weft.run("app list -v").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert!(
        ran.messages.starts_with(&format!(
            "lattice `{}` at {} (`weft up` runs there, process {})\n",
            server.lattice, server.url, run.pid
        )),
        "{ran:?}"
    );
}
