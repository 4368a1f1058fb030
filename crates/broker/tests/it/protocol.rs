//! The protocol, byte by byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Server, on_each_server, until, within};

/// A connection without a client library.
pub(crate) struct Raw {
    stream: TcpStream,
    received: String,
}

impl Raw {
    /// Connects and reads the greeting.
    pub(crate) async fn connect(server: &Server) -> Self {
        Self::greeted(server.address()).await.0
    }

    /// Connects, and returns what the greeting says, too.
    pub(crate) async fn greeted(address: &str) -> (Self, serde_json::Value) {
        let mut raw = Self::silent(address).await;
        let greeting = raw.rest_of_line().await;
        let info = greeting.strip_prefix("INFO ").expect("a greeting");
        (raw, serde_json::from_str(info).unwrap())
    }

    /// Connects and reads nothing.
    pub(crate) async fn silent(address: &str) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            received: String::new(),
        }
    }

    /// Connects with these fields of `CONNECT`.
    pub(crate) async fn with_claim(server: &Server, fields: &str) -> Self {
        let mut raw = Self::connect(server).await;
        raw.send(&format!(
            "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true,{fields}}}\r\nPING\r\n"
        ))
        .await;
        raw
    }

    /// Connects as most clients do: quiet, with headers.
    pub(crate) async fn quiet(server: &Server) -> Self {
        let mut raw = Self::connect(server).await;
        raw.send("CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n")
            .await;
        raw.ask("PING\r\n", "PONG\r\n").await;
        raw
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends bytes, unless the server has hung up.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Sends, and expects exactly this answer.
    pub(crate) async fn ask(&mut self, text: &str, answer: &str) {
        self.send(text).await;
        self.expect(answer).await;
    }

    pub(crate) async fn expect(&mut self, answer: &str) {
        while self.received.len() < answer.len() {
            assert!(self.read().await > 0, "hung up after {:?}", self.received);
        }
        assert_eq!(self.received[..answer.len()], *answer);
        self.received.drain(..answer.len());
    }

    /// Reads on until a line ends.
    pub(crate) async fn rest_of_line(&mut self) -> String {
        loop {
            if let Some(at) = self.received.find("\r\n") {
                let line = self.received.drain(..at + 2).collect::<String>();
                return line.trim_end().to_owned();
            }
            assert!(self.read().await > 0, "hung up after {:?}", self.received);
        }
    }

    /// Expects the status for a request that nobody received. Later servers add headers to it.
    pub(crate) async fn expect_no_responders(&mut self, subject: &str, sid: &str) {
        self.expect(&format!("HMSG {subject} {sid} ")).await;
        self.rest_of_line().await;
        assert_eq!(self.rest_of_line().await, "NATS/1.0 503");
        while !self.rest_of_line().await.is_empty() {}
        self.expect("\r\n").await;
    }

    /// Expects these last words, and then the end.
    pub(crate) async fn expect_end(&mut self, words: &str) {
        while self.read().await > 0 {}
        assert_eq!(self.received, words);
    }

    /// Expects these last words of a connection that sent something that is not allowed, and then the end.
    pub(crate) async fn expect_last_words(&mut self, sent: &str, words: &str) {
        while self.read().await > 0 {}
        let sent: String = sent.chars().take(60).collect();
        assert_eq!(self.received, words, "after {sent:?}");
    }

    /// Reads a message, and returns its first line.
    pub(crate) async fn message(&mut self) -> String {
        let line = self.rest_of_line().await;
        let len = line.rsplit(' ').next().and_then(|len| len.parse().ok());
        let len: usize = len.unwrap_or_else(|| panic!("{line} is no message"));
        while self.received.len() < len + 2 {
            assert!(self.read().await > 0, "hung up within {line}");
        }
        self.received.drain(..len + 2);
        line
    }

    /// Counts the messages that the server has written to this connection so far.
    pub(crate) async fn count_until_pong(&mut self) -> usize {
        self.send("PING\r\n").await;
        let mut count = 0;
        loop {
            while self.received.len() < 4 {
                assert!(self.read().await > 0, "hung up after {:?}", self.received);
            }
            if self.received.starts_with("PONG") {
                self.expect("PONG\r\n").await;
                return count;
            }
            self.message().await;
            count += 1;
        }
    }

    /// What a new connection is told of the server.
    pub(crate) async fn greeting(server: &Server) -> serde_json::Value {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let mut raw = Self {
            stream,
            received: String::new(),
        };
        let greeting = raw.rest_of_line().await;
        serde_json::from_str(greeting.trim_start_matches("INFO ")).unwrap()
    }

    async fn read(&mut self) -> usize {
        let mut buffer = vec![0; 4096];
        // A reset is an end, too.
        let len = within(self.stream.read(&mut buffer)).await.unwrap_or(0);
        self.received
            .push_str(&String::from_utf8_lossy(&buffer[..len]));
        len
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_acknowledged_until_told_otherwise() {
    on_each_server(|server| async move {
        let mut raw = Raw::connect(&server).await;
        raw.ask("SUB a 1\r\n", "+OK\r\n").await;
        raw.ask("PUB a 2\r\nhi\r\n", "+OK\r\nMSG a 1 2\r\nhi\r\n")
            .await;
        raw.ask("CONNECT {\"verbose\":true}\r\n", "+OK\r\n").await;
        raw.ask("UNSUB 1\r\n", "+OK\r\n").await;
        raw.ask("CONNECT {\"verbose\":false}\r\nPING\r\n", "PONG\r\n")
            .await;
        raw.ask("SUB a 1\r\nPUB a 0\r\n\r\n", "MSG a 1 0\r\n\r\n")
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_written_as_the_receiver_takes_them() {
    on_each_server(|server| async move {
        let mut modern = Raw::quiet(&server).await;
        let mut old = Raw::connect(&server).await;
        old.send("CONNECT {\"verbose\":false}\r\n").await;
        old.ask("SUB s.* 9\r\nPING\r\n", "PONG\r\n").await;
        modern.ask("SUB s.> queue 7\r\nPING\r\n", "PONG\r\n").await;
        modern
            .send("HPUB s.a re.ply 12 15\r\nNATS/1.0\r\n\r\nabc\r\n")
            .await;
        modern
            .expect("HMSG s.a 7 re.ply 12 15\r\nNATS/1.0\r\n\r\nabc\r\n")
            .await;
        old.expect("MSG s.a 9 re.ply 3\r\nabc\r\n").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_takes_is_answered_with_a_status() {
    on_each_server(|server| async move {
        let mut raw = Raw::quiet(&server).await;
        raw.send("SUB in.* 3\r\nPUB nobody in.1 2\r\nhi\r\n").await;
        raw.expect_no_responders("in.1", "3").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rules_are_named() {
    on_each_server(|server| async move {
        let mut raw = Raw::quiet(&server).await;
        raw.ask("SUB a..b 1\r\n", "-ERR 'Invalid Subject'\r\n")
            .await;
        raw.ask(
            "CONNECT {\"pedantic\":true}\r\nPUB a.* 0\r\n\r\n",
            "-ERR 'Invalid Publish Subject'\r\n",
        )
        .await;
        raw.ask("PING\r\n", "PONG\r\n").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fatal_errors_end_the_connection_with_their_reason() {
    on_each_server(|server| async move {
        for (sent, words) in [
            ("NONSENSE\r\n", "-ERR 'Unknown Protocol Operation'\r\n"),
            (
                "GET / HTTP/1.1\r\n\r\n",
                "-ERR 'Unknown Protocol Operation'\r\n",
            ),
            (
                "PUB a 2\r\nabc\r\n",
                "-ERR 'Unknown Protocol Operation'\r\n",
            ),
            ("PUB a 1048577\r\n", "-ERR 'Maximum Payload Violation'\r\n"),
            ("PUB a\r\n", ""),
            ("PUB a -5\r\n", ""),
            ("CONNECT nonsense\r\n", ""),
            (
                "CONNECT {\"protocol\":7}\r\n",
                "-ERR 'invalid client protocol'\r\n",
            ),
            (
                "CONNECT {\"headers\":false,\"no_responders\":true}\r\n",
                "-ERR 'no responders requires headers support'\r\n",
            ),
        ] {
            let mut raw = Raw::quiet(&server).await;
            raw.send(sent).await;
            raw.expect_end(words).await;
        }
        let mut raw = Raw::quiet(&server).await;
        raw.send(&format!("SUB {} 1\r\n", "a".repeat(5000))).await;
        raw.expect_end("-ERR 'maximum control line exceeded'\r\n")
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gone_client_leaves_nothing_behind() {
    on_each_server(|server| async move {
        let mut staying = Raw::quiet(&server).await;
        let mut leaving = Raw::quiet(&server).await;
        leaving.ask("SUB gone 1\r\nPING\r\n", "PONG\r\n").await;
        drop(leaving);
        staying.send("SUB in 1\r\n").await;
        let client = server.client().await;
        until("the subscription is gone", || async {
            client.request("gone", "".into()).await.is_err()
        })
        .await;
        staying.send("PUB gone in 0\r\n\r\n").await;
        staying.expect_no_responders("in", "1").await;
    })
    .await;
}
