//! Moving a lattice from the NATS server of one machine to a nats-server.

use crate::guests::{GREETING, GuestBook, SECOND_GREETING};
use crate::home::Home;
use crate::http::{get, wait_for_page};
use crate::nats::Server;
use crate::running::Up;
use crate::wait::wait_until;

/// The row of `stream` in what `weft lattice copy -o json` printed.
fn stream<'a>(copied: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let streams = copied["streams"].as_array().unwrap();
    let found = streams.iter().find(|stream| stream["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {copied}"))
}

#[test]
fn a_lattice_moves_to_a_nats_server_as_the_page_says() {
    let home = Home::new();
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.url();
    let book = GuestBook::copy_to(&home);
    book.name_the_store();
    let mut up = Up::start(&home, &[&book.manifest]);
    wait_for_page(book.port, "/", GREETING);
    up.wait_for("deployed `guestbook` version ");
    assert_eq!(get(book.port, "/hit").unwrap().0, 200);

    // While it runs: most of it is copied, and nothing is interrupted.
    let first = home.json(&["lattice", "copy", "--to", &url]);
    assert!(
        stream(&first, "KV_LATTICEDATA_default")["copied"].as_u64() > Some(0),
        "{first}"
    );
    book.change_greeting();
    home.succeed(&["app", "deploy", &book.manifest]);
    wait_for_page(book.port, "/", SECOND_GREETING);
    let count = wait_for_page(book.port, "/count", "");
    home.succeed(&["down"]);
    assert_eq!(up.ended(), Some(0), "{}", up.messages());

    // The NATS server alone, to which nobody writes: what came since.
    let mut broker = Up::spawn(&home, &["--role", "broker", "--listen", "127.0.0.1:0"]).ready();
    let second = home.json(&["lattice", "copy", "--to", &url]);
    let applications = stream(&second, "KV_WEFT_APPLICATIONS_default");
    assert!(applications["copied"].as_u64() > Some(0), "{second}");
    assert!(applications["kept"].as_u64() > Some(0), "{second}");
    let third = home.json(&["lattice", "copy", "--to", &url]);
    for stream in third["streams"].as_array().unwrap() {
        assert_eq!(
            (&stream["copied"], &stream["removed"]),
            (&0.into(), &0.into()),
            "{third}"
        );
        assert_eq!(stream["kept"], stream["verified"], "{third}");
    }
    home.succeed(&["lattice", "copy", "--to", &url])
        .says(&["verified at nats://127.0.0.1:", ": 0 messages copied"]);
    home.succeed(&["down"]);
    assert_eq!(broker.ended(), Some(0), "{}", broker.messages());

    // The same data directory, the other server.
    let arguments = [
        "--nats-url",
        &url,
        "--role",
        "host,manager",
        "--allow-file-load=components",
        "--http",
        "127.0.0.1:0",
    ];
    let mut up = Up::spawn(&home, &arguments).ready();
    assert_eq!(wait_for_page(book.port, "/count", ""), count);
    wait_for_page(book.port, "/", SECOND_GREETING);
    assert_eq!(home.applications(), ["guestbook"]);
    // Configs, links and revisions are where they are changed now.
    home.succeed(&["app", "undeploy", "guestbook", "--wait"]);
    wait_until("nothing to answer", || match get(book.port, "/count") {
        Err(_) => Ok(()),
        Ok(answer) => Err(answer),
    });
    home.succeed(&["down"]);
    assert_eq!(up.ended(), Some(0), "{}", up.messages());
}

#[test]
fn a_copy_to_the_wrong_place_is_refused() {
    let home = Home::new();
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.url();
    home.run(&["lattice", "copy", "--from", &url, "--to", &url])
        .exits(2)
        .says(&["is the server to copy from", "hint: ", "code: CLI020"]);
    let _up = Up::start(&home, &[]);
    home.run(&["lattice", "copy", "--to", "nats://127.0.0.1:1"])
        .exits(5)
        .says(&["hint: name another server with `--to`\n", "code: NET001"]);
    home.run(&["lattice", "copy", "--to", &url, "--stream", "KV_nope"])
        .exits(3)
        .says(&["the source has no stream `KV_nope`", "code: LAT022"]);
    home.succeed(&["lattice", "info", "--nats-url", &url])
        .prints(&["lattice `default`: 0 hosts", "storage: 0 B in files"]);
    home.succeed(&["lattice", "info"]).prints(&[
        "lattice `default`: 1 host",
        "KV_LATTICEDATA_default",
        "bucket",
    ]);
}
