//! Addresses that somebody else has.

use std::net::TcpListener;

use crate::guests::{hello, site};
use crate::home::Home;
use crate::http::{free_port, wait_for_page};
use crate::nats::Server;
use crate::running::Up;
use crate::wait::wait_until;

#[test]
fn who_has_the_port_of_nats_is_told() {
    let home = Home::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let check = |address: &str, who: &str, hints: &[&str]| {
        let ran = home.run(&["up", "--listen", address, "--http", "127.0.0.1:0"]);
        ran.exits(4)
            .says(&[
                &format!("error: {address} is in use: {who}"),
                "code: BRK001",
            ])
            .says(hints);
        assert_eq!(home.run_file(), None);
    };
    let elsewhere = "hint: or listen elsewhere: `weft up --listen 127.0.0.1:0`";
    let address = other.local_addr().unwrap().to_string();
    check(&address, "another program answers there", &[elsewhere]);

    let weft_home = Home::new();
    let up = Up::start(&weft_home, &[]);
    let url = up.run_file()["nats_url"].as_str().unwrap().to_owned();
    let join = format!("hint: join it with `weft up --nats-url {url}`");
    let address = url.strip_prefix("nats://").unwrap();
    check(
        address,
        "the broker of another `weft up` answers there",
        &[&join, elsewhere],
    );

    if let Some(server) = Server::start() {
        let join = format!("hint: join it with `weft up --nats-url {}`", server.url());
        check(
            &server.address(),
            "a NATS server (version ",
            &[&join, elsewhere],
        );
    }
    // Nothing was left behind that keeps it from starting.
    let _up = Up::start(&home, &[]);
}

#[test]
fn the_shared_address_for_http_has_to_be_free() {
    let home = Home::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let arguments = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--http",
        &address.to_string(),
    ];
    let texts = [
        &format!("error: cannot serve HTTP at {address}"),
        "caused by: Address already in use",
        "hint: serve it elsewhere: `weft up --http 127.0.0.1:0`",
        &format!("'sport = :{}'", address.port()),
        "code: HTP001",
    ];
    home.run(&arguments).exits(4).says(&texts);
    home.run(&[&arguments[..], &["--detach"]].concat())
        .exits(4)
        .says(&texts);
    assert_eq!(home.run_file(), None);
    drop(other);
    let mut up = Up::spawn(&home, &arguments[1..]).ready();
    home.succeed(&["down"]);
    assert_eq!(up.ended(), Some(0));
}

#[test]
fn an_address_of_a_link_that_is_taken_is_told_until_it_is_free() {
    let home = Home::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let manifest = hello(&home, "shop", port);
    let _up = Up::start(&home, &[]);
    let text = format!("HTP001: cannot listen on 127.0.0.1:{port}");
    home.run(&["app", "deploy", &manifest]).exits(4).says(&[
        &text,
        &format!("hint: see who has the port: `ss -ltnp 'sport = :{port}'`"),
        "hint: give the link another `address` in its source config",
        "code: CLI008",
    ]);
    home.succeed(&["app", "status", "shop"]).prints(&[&text]);
    let status = home.json(&["app", "status", "shop"]);
    assert_eq!(status["problems"][0]["code"], "HTP001", "{status}");
    drop(other);
    wait_for_page(port, "/", "");
    wait_until("the status to be deployed", || {
        let status = home.json(&["app", "status", "shop"]);
        if status["status"] == "deployed" && status["problems"] == serde_json::json!([]) {
            Ok(())
        } else {
            Err(status)
        }
    });
}

#[test]
fn an_address_that_is_corrected_is_not_blamed_for_the_one_before() {
    let home = Home::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().port();
    let _up = Up::start(&home, &[]);
    for _ in 0..3 {
        let manifest = hello(&home, "shop", taken);
        home.run(&["app", "deploy", &manifest])
            .exits(4)
            .says(&["HTP001: "]);
        let free = free_port();
        let manifest = hello(&home, "shop", free);
        home.succeed(&["app", "deploy", &manifest]);
        wait_for_page(free, "/", "");
    }
}

#[test]
fn a_shared_address_that_is_lost_later_is_told() {
    let home = Home::new();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let _up = Up::spawn(&home, &["--listen", "127.0.0.1:0", "--http", &address]).ready();
    let other = TcpListener::bind(&address).unwrap();
    hello(&home, "other", free_port());
    home.write("shop.yaml", site("shop", "file://hello.wasm", None));
    home.run(&["app", "deploy", "shop.yaml"]).exits(4).says(&[
        &format!("HTP001: cannot listen on {address}"),
        "code: CLI008",
    ]);
    let status = home.json(&["app", "status", "shop"]);
    assert_eq!(status["problems"][0]["code"], "HTP001", "{status}");
    drop(other);
    wait_for_page(port, "/", "");
}

#[test]
fn two_applications_with_one_address_are_told() {
    let home = Home::new();
    let port = free_port();
    let first = hello(&home, "first", port);
    let second = hello(&home, "second", port);
    let _up = Up::start(&home, &[&first]);
    wait_for_page(port, "/", "");
    home.run(&["app", "deploy", &second]).exits(4).says(&[
        "HTP002: ",
        "`first-page`",
        "code: CLI008",
    ]);
    wait_for_page(port, "/", "");
}
