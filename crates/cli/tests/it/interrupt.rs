//! Interrupts, in a process of its own: an interrupt is for all of a process, and so for all tests in it.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use weft_cli::Status;
use weft_lattice::protocol::application::StatusType;

use crate::manager::{Manager, status};
use crate::manifest::SHOP;
use crate::server::{Server, until};
use crate::weft::Weft;

/// The arguments of the command that the process runs.
const COMMAND_VARIABLE: &str = "WEFT_TEST_INTERRUPTED";

#[tokio::test]
async fn an_interrupt_ends_the_waiting_alone() {
    let Some(server) = Server::start().await else {
        return;
    };
    let manager = Manager::start(&server).await;
    let interrupt = async |command: &str| {
        manager.will_tell([status("", StatusType::Reconciling, "")]);
        let before = manager.requests().len();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "interrupt::what_is_interrupted", "--ignored"])
            .arg("--nocapture")
            .env(
                COMMAND_VARIABLE,
                format!(
                    "{command} --nats-url {} --lattice {}",
                    server.url, server.lattice
                ),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The second question comes when it waits.
        until("it waits", || {
            let requests = manager.requests();
            let asked = requests[before..].iter();
            asked.filter(|verb| verb.starts_with("status")).count() >= 3
        })
        .await;
        let pid = Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        until("it ends", || process.try_wait().unwrap().is_some()).await;
        let output = process.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = interrupt("app deploy shop.yaml").await;
    assert!(
        told.contains("Interrupted error: the waiting was interrupted, the work on application `shop` continues"),
        "{told}"
    );
    assert!(told.contains("code: CLI017"), "{told}");
    assert_eq!(manager.deployed("shop").as_deref(), Some("v1"));
    let told = interrupt("app status shop --watch -o name").await;
    assert!(told.contains("ended with Ok"), "{told}");
}

#[tokio::test]
#[ignore = "runs in a process that another test interrupts"]
async fn what_is_interrupted() {
    let command = std::env::var(COMMAND_VARIABLE).unwrap();
    let weft = Weft::new();
    weft.write("shop.yaml", SHOP);
    weft.write("web.wasm", "wasm");
    let ran = weft.run(&command).await;
    assert!(matches!(ran.status, Status::Interrupted | Status::Ok));
    println!("ended with {:?} {}", ran.status, ran.messages);
}
