//! From `weft up` to `weft down`, and what is there after it.

use rustix::process::Signal;
use serde_json::json;

use crate::guests::{GREETING, GuestBook, SECOND_GREETING, hello};
use crate::home::Home;
use crate::http::{Open, free_port, get, wait_for_page};
use crate::running::Up;
use crate::wait::wait_until;

#[test]
fn what_runs_where_is_told_once_it_is_ready() {
    let home = Home::new();
    let mut up = Up::start(&home, &[]);
    up.wait_for("stop with Ctrl-C or `weft down`");
    let (run, messages) = (up.run_file(), up.messages());
    assert!(
        messages.starts_with("lattice `default` is ready after "),
        "{messages}"
    );
    let data_dir = home.data_dir();
    for text in [
        run["nats_url"].as_str().unwrap(),
        run["host_id"].as_str().unwrap(),
        run["host_name"].as_str().unwrap(),
        &format!("http://{}", run["http"].as_str().unwrap()),
        data_dir.to_str().unwrap(),
        "no application is deployed; deploy one with `weft app deploy FILE`",
    ] {
        assert!(messages.contains(text), "no `{text}`: {messages}");
    }
    // Ports that were left to the operating system are told as they are.
    for field in ["nats_url", "http"] {
        assert!(!run[field].as_str().unwrap().ends_with(":0"), "{run}");
    }
    assert_eq!(up.output(), "", "standard output is for data");
}

#[test]
fn signals_stop_it_as_down_does() {
    let home = Home::new();
    for signal in [Signal::INT, Signal::TERM] {
        let mut up = Up::start(&home, &[]);
        up.signal(signal);
        assert_eq!(up.ended(), Some(0), "{signal:?}: {}", up.messages());
        let messages = up.messages();
        assert!(
            messages.contains("stopping; open requests may end"),
            "{messages}"
        );
        assert!(messages.contains("\nstopped\n"), "{messages}");
        assert_eq!(home.run_file(), None);
    }
    let mut up = Up::start(&home, &[]);
    home.succeed(&["down"])
        .says(&[&format!("stopped lattice `default`, process {}", up.pid())]);
    assert_eq!(up.ended(), Some(0));
    home.run(&["down"])
        .exits(3)
        .says(&["no `weft up` runs", "hint: ", "code: CLI001"]);
}

#[test]
fn a_lattice_in_the_background_is_found_and_stopped() {
    let home = Home::new();
    let ports = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let up = home.json(&[&["up", "--detach"], &ports[..]].concat());
    let down = StopAtEnd(&home);
    let hosts = home.json(&["get", "hosts"]);
    assert_eq!(hosts["hosts"][0]["id"], up["host_id"], "{hosts}");
    let shown = home.succeed(&["get", "hosts"]);
    shown.prints(&["VERSION", up["host_name"].as_str().unwrap()]);
    let stopped = home.json(&["down"]);
    assert_eq!(stopped["pid"], up["pid"], "{stopped}");
    drop(down);
    home.run(&[
        "get",
        "hosts",
        "--nats-url",
        up["nats_url"].as_str().unwrap(),
    ])
    .exits(5);
    let log = std::fs::read_to_string(up["log_file"].as_str().unwrap()).unwrap();
    assert!(log.contains("stopped\n"), "{log}");
}

/// Stops what runs in the background, also when the test fails.
struct StopAtEnd<'a>(&'a Home);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        // Nothing to stop where the test got that far.
        let _ = self.0.command(&["down", "--quiet"]).output();
    }
}

#[test]
fn an_application_is_changed_and_survives_a_kill() {
    let home = Home::new();
    let book = GuestBook::copy_to(&home);
    let mut up = Up::start(&home, &[&book.manifest]);
    wait_for_page(book.port, "/", GREETING);
    up.wait_for("deployed `guestbook` version ");
    up.wait_for(&format!("answers at http://127.0.0.1:{}/", book.port));

    check_formats_of_status(&home, book.port);

    book.change_greeting();
    let deployed = home.succeed(&["app", "deploy", &book.manifest]);
    deployed.says(&["deployed `guestbook` version "]);
    wait_for_page(book.port, "/", SECOND_GREETING);
    home.succeed(&["app", "deploy", &book.manifest])
        .says(&["which was stored already"]);

    for _ in 0..3 {
        assert_eq!(get(book.port, "/hit").unwrap().0, 200);
    }
    let count = wait_for_page(book.port, "/count", "");
    up.signal(Signal::KILL);
    assert_eq!(up.ended(), None);
    home.run(&["down"])
        .exits(3)
        .says(&["ended without stopping", "code: CLI001"]);

    let mut up = Up::start(&home, &[]);
    assert_eq!(wait_for_page(book.port, "/count", ""), count);
    wait_for_page(book.port, "/", SECOND_GREETING);
    up.wait_for("application `guestbook`");
    home.succeed(&["app", "undeploy", "guestbook", "--wait"]);
    wait_until("nothing to answer", || match get(book.port, "/count") {
        Err(_) => Ok(()),
        Ok(answer) => Err(answer),
    });
    let deleted = home.json(&["app", "delete", "guestbook", "--yes"]);
    assert_eq!(deleted["stops"], false, "{deleted}");
    assert_eq!(home.applications(), [""; 0]);
    home.succeed(&["down"]);
    assert_eq!(up.ended(), Some(0), "{}", up.messages());
}

/// Checks that all formats tell the same about the guest book.
fn check_formats_of_status(home: &Home, port: u16) {
    let command = ["app", "status", "guestbook"];
    let status = home.json(&command);
    assert_eq!(status["status"], "deployed", "{status}");
    assert_eq!(status["problems"], json!([]), "{status}");
    assert_eq!(
        status["addresses"][0]["url"],
        format!("http://127.0.0.1:{port}/")
    );
    let yaml = home.succeed(&[&command[..], &["-o", "yaml"]].concat());
    for event in granit_parser::Parser::new_from_str(&yaml.output) {
        event.unwrap_or_else(|error| panic!("{error}: {yaml:#?}"));
    }
    let version = status["version"].as_str().unwrap();
    yaml.prints(&["\nname: guestbook\n", "\nstatus: deployed\n", version]);
    home.succeed(&command)
        .prints(&["guestbook-web", "deployed", version]);
    home.succeed(&[&command[..], &["-o", "name"]].concat())
        .prints(&["guestbook\n"]);
}

#[test]
fn an_open_request_is_answered_before_the_end() {
    let home = Home::new();
    let book = GuestBook::copy_to(&home);
    let mut up = Up::start(&home, &[&book.manifest]);
    wait_for_page(book.stream_port, "/?n=1&pause=1", "");
    let (_, whole) = get(book.stream_port, "/?n=10&pause=1").unwrap();
    let open = Open::begin(book.stream_port, "/?n=10&pause=200").unwrap();
    up.signal(Signal::TERM);
    assert_eq!(open.finish().unwrap(), (200, whole));
    assert_eq!(up.ended(), Some(0), "{}", up.messages());
    assert!(
        !up.messages().contains("had to be cut"),
        "{}",
        up.messages()
    );
}

#[test]
fn two_lattices_run_beside_each_other() {
    let (home, other) = (Home::new(), Home::new());
    let (port, other_port) = (free_port(), free_port());
    let _up = Up::start(&home, &[&hello(&home, "here", port)]);
    let _other_up = Up::start(&other, &[&hello(&other, "there", other_port)]);
    wait_for_page(port, "/", "");
    wait_for_page(other_port, "/", "");
    assert_eq!(home.applications(), ["here"]);
    assert_eq!(other.applications(), ["there"]);
}
