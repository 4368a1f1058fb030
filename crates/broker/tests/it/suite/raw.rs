//! Words and bytes of the client protocol, with the exact answers.

use serde_json::Value;

use crate::protocol::Raw;
use crate::server::{Server, V2_11, behaviours, until};

behaviours!(
    operations_are_read_as_clients_write_them,
    verbose_clients_get_an_answer_to_each_operation,
    headers_are_for_those_who_asked_for_them,
    sizes_that_are_none_end_the_connection,
    operations_that_are_none_end_the_connection,
    broken_greetings_end_the_connection,
    control_lines_have_a_limit,
    the_largest_message_is_delivered_and_one_byte_more_is_not,
    the_server_tells_what_it_is,
    pings_are_answered_before_and_after_the_greeting,
    the_end_is_announced,
);

/// Sends to a new connection that said hello, and compares everything that comes back.
async fn check(server: &Server, sent: &str, answer: &str) {
    let mut raw = Raw::quiet(server).await;
    raw.send(sent).await;
    raw.expect(answer).await;
    raw.ask("PING\r\n", "PONG\r\n").await;
}

/// Sends to a new connection that said hello, and expects that it is cut after these last words.
async fn check_cut(server: &Server, sent: &str, words: &str) {
    let mut raw = Raw::quiet(server).await;
    raw.try_send(sent.as_bytes()).await;
    raw.expect_last_words(sent, words).await;
}

async fn operations_are_read_as_clients_write_them(server: Server) {
    let delivered = "MSG a 1 1\r\nx\r\nPONG\r\n";
    for sent in [
        "sub a 1\r\npub a 1\r\nx\r\nping\r\n",
        "SUB\ta\t1\r\nPUB\ta\t1\r\nx\r\nPING\r\n",
        "SUB   a   1  \r\nPUB   a    1  \r\nx\r\nPING  \r\n",
        "SUB a 1\nPUB a 1\r\nx\r\nPING\n",
        "PONG\r\n+OK\r\nINFO {}\r\nSUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n",
    ] {
        check(&server, sent, delivered).await;
    }
    // Byte by byte, as the network may bring it.
    let mut raw = Raw::quiet(&server).await;
    for byte in "SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n".bytes() {
        raw.send(&char::from(byte).to_string()).await;
    }
    raw.expect(delivered).await;
}

async fn verbose_clients_get_an_answer_to_each_operation(server: Server) {
    let mut raw = Raw::connect(&server).await;
    // This is how a connection begins.
    raw.ask(
        "SUB a 1\r\nPUB a 1\r\nx\r\n",
        "+OK\r\n+OK\r\nMSG a 1 1\r\nx\r\n",
    )
    .await;
    raw.ask("CONNECT {}\r\n", "+OK\r\n").await;
    raw.ask(
        "UNSUB 1\r\nUNSUB 9\r\nSUB b 1\r\nSUB c 1\r\n",
        &"+OK\r\n".repeat(4),
    )
    .await;
    raw.ask("SUB b..c 2\r\n", "-ERR 'Invalid Subject'\r\n")
        .await;
    raw.ask("PING\r\nPONG\r\nPING\r\n", "PONG\r\nPONG\r\n")
        .await;
    // It is also pedantic: both answers are given.
    raw.ask(
        "PUB x.* 0\r\n\r\n",
        "-ERR 'Invalid Publish Subject'\r\n+OK\r\n",
    )
    .await;
    raw.ask("CONNECT {\"verbose\":false}\r\nPING\r\n", "PONG\r\n")
        .await;
}

async fn headers_are_for_those_who_asked_for_them(server: Server) {
    let mut modern = Raw::quiet(&server).await;
    let mut old = Raw::connect(&server).await;
    old.send("CONNECT {\"verbose\":false}\r\n").await;
    old.ask("SUB a 1\r\nPING\r\n", "PONG\r\n").await;
    modern.send("SUB a 1\r\n").await;
    for (sent, new, plain) in [
        (
            "HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n",
            "HMSG a 1 12 13\r\nNATS/1.0\r\n\r\nx\r\n",
            "MSG a 1 1\r\nx\r\n",
        ),
        (
            "HPUB a r 12 12\r\nNATS/1.0\r\n\r\n\r\n",
            "HMSG a 1 r 12 12\r\nNATS/1.0\r\n\r\n\r\n",
            "MSG a 1 r 0\r\n\r\n",
        ),
        // Nobody looks inside.
        (
            "HPUB a 3 4\r\nabcx\r\n",
            "HMSG a 1 3 4\r\nabcx\r\n",
            "MSG a 1 1\r\nx\r\n",
        ),
        // No headers are no headers.
        (
            "HPUB a 0 1\r\nx\r\n",
            "MSG a 1 1\r\nx\r\n",
            "MSG a 1 1\r\nx\r\n",
        ),
        (
            "PUB a 1\r\nx\r\n",
            "MSG a 1 1\r\nx\r\n",
            "MSG a 1 1\r\nx\r\n",
        ),
    ] {
        modern.ask(sent, new).await;
        old.expect(plain).await;
    }
    // A client that never spoke of headers must not send any.
    old.send("HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n").await;
    old.expect_last_words("headers", "").await;
}

async fn sizes_that_are_none_end_the_connection(server: Server) {
    let too_large = "-ERR 'Maximum Payload Violation'\r\n";
    for (sent, words) in [
        ("PUB a 1048577\r\n", too_large),
        ("PUB a 999999999\r\n", too_large),
        ("PUB a 2147483648\r\n", ""),
        ("PUB a 18446744073709551616\r\n", ""),
        ("PUB a -1\r\n", ""),
        ("PUB a +1\r\n", ""),
        ("PUB a 1a\r\n", ""),
        ("PUB a 0x1\r\n", ""),
        ("PUB a\r\n", ""),
        ("PUB a b 1 2\r\n", ""),
        ("HPUB a 12 1048577\r\n", too_large),
        ("HPUB a 14 13\r\n", ""),
        ("HPUB a -1 1\r\n", ""),
        ("HPUB a 1\r\n", ""),
    ] {
        check_cut(&server, sent, words).await;
    }
}

async fn operations_that_are_none_end_the_connection(server: Server) {
    let unknown = "-ERR 'Unknown Protocol Operation'\r\n";
    for (sent, words) in [
        ("NONSENSE\r\n", unknown),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", unknown),
        ("PX\r\n", unknown),
        ("\u{0}\u{1}\u{2}", unknown),
        ("MSG a 1 1\r\nx\r\n", unknown),
        ("HMSG a 1 1 1\r\nx\r\n", unknown),
        // The payload is longer or shorter than was said.
        ("PUB a 2\r\nxyz\r\n", unknown),
        ("PUB a 1\r\nx\nPING\r\n", unknown),
        ("UNSUB\r\n", unknown),
        ("SUB\r\n", unknown),
        ("PUB\r\n", unknown),
        ("HPUB\r\n", unknown),
        // An error of the client's own is its last word.
        ("-ERR 'x'\r\n", ""),
        ("SUB a\r\n", ""),
        ("SUB a b c d\r\n", ""),
        ("UNSUB 1 2 3\r\n", ""),
    ] {
        check_cut(&server, sent, words).await;
    }
}

async fn broken_greetings_end_the_connection(server: Server) {
    for (sent, words) in [
        ("CONNECT nonsense\r\n", ""),
        ("CONNECT {\"verbose\":\r\n", ""),
        ("CONNECT {\"verbose\":1}\r\n", ""),
        ("CONNECT []\r\n", ""),
        (
            "CONNECT {\"protocol\":2}\r\n",
            "-ERR 'invalid client protocol'\r\n",
        ),
        (
            "CONNECT {\"protocol\":-1}\r\n",
            "-ERR 'invalid client protocol'\r\n",
        ),
        (
            "CONNECT {\"headers\":false,\"no_responders\":true}\r\n",
            "-ERR 'no responders requires headers support'\r\n",
        ),
    ] {
        check_cut(&server, sent, words).await;
    }
    // What is not known is of no interest, and neither are credentials where none are asked for. Nothing says nothing,
    // and the last word counts.
    for sent in [
        "CONNECT {\"verbose\":false,\"zzz\":{\"a\":[1]},\"user\":\"a\",\"pass\":\"b\"}\r\nPING\r\n",
        "CONNECT null\r\nPING\r\n",
        "CONNECT {\"verbose\":true,\"verbose\":false}\r\nPING\r\n",
    ] {
        check(&server, sent, "PONG\r\n").await;
    }
}

async fn control_lines_have_a_limit(server: Server) {
    let words = "-ERR 'maximum control line exceeded'\r\n";
    for sent in [
        format!("SUB {} 1\r\n", "a".repeat(5000)),
        format!("PUB {} 1\r\nx\r\n", "a".repeat(5000)),
        // It need not end for that.
        format!("SUB {}", "a".repeat(4200)),
    ] {
        check_cut(&server, &sent, words).await;
    }
    // The line without its operation may have 4096 bytes.
    let subject = "a".repeat(4090);
    let sent = format!("SUB {subject} 1\r\nPING\r\n");
    check(&server, &sent, "PONG\r\n").await;
}

async fn the_largest_message_is_delivered_and_one_byte_more_is_not(server: Server) {
    let len = 1024 * 1024;
    let payload = "p".repeat(len);
    let mut raw = Raw::quiet(&server).await;
    let mut witness = Raw::quiet(&server).await;
    witness.ask("SUB a 1\r\nPING\r\n", "PONG\r\n").await;
    raw.send(&format!("PUB a {len}\r\n{payload}\r\n")).await;
    witness
        .expect(&format!("MSG a 1 {len}\r\n{payload}\r\n"))
        .await;
    raw.try_send(format!("PUB a {}\r\n{payload}p\r\n", len + 1).as_bytes())
        .await;
    raw.expect_last_words("too large", "-ERR 'Maximum Payload Violation'\r\n")
        .await;
    witness.ask("PING\r\n", "PONG\r\n").await;
}

async fn the_server_tells_what_it_is(server: Server) {
    let info = Raw::greeting(&server).await;
    let expected = [
        "client_id",
        "client_ip",
        "go",
        "headers",
        "host",
        "jetstream",
        "max_payload",
        "port",
        "proto",
        "server_id",
        "server_name",
        "version",
    ];
    for name in expected {
        assert!(!info[name].is_null(), "{name}: {info}");
    }
    // What a release adds. Whatever else there is must be known here.
    let later = ["git_commit", "xkey", "api_lvl", "domain", "feature_flags"];
    for name in info.as_object().unwrap().keys() {
        assert!(
            expected.contains(&name.as_str()) || later.contains(&name.as_str()),
            "{name}: {info}"
        );
    }
    assert_eq!(info["api_lvl"].is_u64(), server.offers(V2_11), "{info}");
    assert_eq!(info["proto"], 1);
    assert_eq!(info["headers"], true);
    assert_eq!(info["max_payload"], 1024 * 1024);
    assert_eq!(info["client_ip"], "127.0.0.1");
    assert_eq!(info["server_name"], info["server_id"]);
    let version: Vec<&str> = info["version"].as_str().unwrap().split('.').collect();
    assert_eq!(version.len(), 3, "{info}");
    // Each connection has a number of its own.
    let other: Value = Raw::greeting(&server).await;
    assert_ne!(other["client_id"], info["client_id"]);
    assert_eq!(other["server_id"], info["server_id"]);
}

async fn pings_are_answered_before_and_after_the_greeting(server: Server) {
    let mut raw = Raw::connect(&server).await;
    raw.ask("PING\r\n", "PONG\r\n").await;
    raw.ask("CONNECT {\"verbose\":false}\r\nPING\r\n", "PONG\r\n")
        .await;
    raw.ask(&"PING\r\n".repeat(100), &"PONG\r\n".repeat(100))
        .await;
}

async fn the_end_is_announced(mut server: Server) {
    let mut raw = Raw::connect(&server).await;
    raw.ask(
        "CONNECT {\"verbose\":false,\"protocol\":1}\r\nSUB a 1\r\nPING\r\n",
        "PONG\r\n",
    )
    .await;
    server.announce_end();
    // Later releases tell more of themselves in between.
    loop {
        let line = raw.rest_of_line().await;
        let info = line.strip_prefix("INFO ").expect("nothing else is said");
        let info: Value = serde_json::from_str(info).unwrap();
        if info["ldm"] == true {
            break;
        }
    }
    // Until the client goes, it is served.
    raw.ask("PUB a 1\r\nx\r\n", "MSG a 1 1\r\nx\r\n").await;
    // Nobody new is let in.
    until("connections are refused", async || {
        tokio::net::TcpStream::connect(server.address())
            .await
            .is_err()
    })
    .await;
}
