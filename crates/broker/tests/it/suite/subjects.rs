//! Who receives what: subjects, wildcards, queue groups, limits of subscriptions.

use crate::protocol::Raw;
use crate::server::{Server, behaviours};

behaviours!(
    wildcards_match_whole_tokens,
    filters_that_are_none_are_refused,
    subjects_that_are_none_are_published_all_the_same,
    pedantic_clients_are_told_of_their_subjects,
    one_of_a_queue_group_receives,
    a_queue_group_goes_on_without_a_member,
    subscriptions_end_after_their_last_message,
    a_second_subscription_with_the_same_number_is_ignored,
    requests_without_receivers_are_answered,
    own_messages_come_back_unless_told_otherwise,
    reply_subjects_are_passed_on,
);

/// Whether a subscription to a filter receives what is published to a subject.
const MATCHES: [(&str, &str, bool); 36] = [
    ("a", "a", true),
    ("a", "A", false),
    ("a", "a.b", false),
    ("a.b", "a", false),
    ("*", "a", true),
    ("*", "a.b", false),
    (">", "a", true),
    (">", "a.b.c", true),
    ("a.*", "a", false),
    ("a.*", "a.b", true),
    ("a.*", "a.b.c", false),
    ("a.*.c", "a.b.c", true),
    ("a.*.c", "a.b.d", false),
    ("*.b", "a.b", true),
    ("*.*", "a.b", true),
    ("*.*", "a", false),
    ("a.>", "a", false),
    ("a.>", "a.b", true),
    ("a.>", "a.b.c", true),
    ("a.>", "ab.c", false),
    ("*.>", "a", false),
    ("*.>", "a.b.c", true),
    // Only whole tokens are wildcards.
    ("a*", "a*", true),
    ("a*", "ab", false),
    ("a.*b", "a.*b", true),
    ("a.*b", "a.xb", false),
    ("a.**", "a.b", false),
    (">a", ">a", true),
    (">a", "ba", false),
    ("a.>b", "a.xb", false),
    // Wildcards that are published are matched as text.
    ("a.b", "a.*", false),
    ("a.*", "a.*", true),
    ("a.*", "a.>", true),
    (">", "a.>", true),
    // Anything but white space is part of a name.
    ("ä.\u{1}", "ä.\u{1}", true),
    ("$SYS.x", "$SYS.x", true),
];

async fn wildcards_match_whole_tokens(server: Server) {
    let mut raw = Raw::quiet(&server).await;
    for (filter, subject, matches) in MATCHES {
        let answer = if matches {
            format!("MSG {subject} 1 1\r\nx\r\nPONG\r\n")
        } else {
            "PONG\r\n".to_owned()
        };
        let sent = format!("SUB {filter} 1\r\nPUB {subject} 1\r\nx\r\nUNSUB 1\r\nPING\r\n");
        raw.ask(&sent, &answer).await;
    }
}

async fn filters_that_are_none_are_refused(server: Server) {
    let mut raw = Raw::quiet(&server).await;
    for filter in ["a..b", ".a", "a.", ".", "a.>.b", ">.a"] {
        let sent = format!("SUB {filter} 1\r\nPING\r\n");
        raw.ask(&sent, "-ERR 'Invalid Subject'\r\nPONG\r\n").await;
    }
    // The connection is as good as before.
    raw.ask("SUB a 1\r\nPUB a 1\r\nx\r\n", "MSG a 1 1\r\nx\r\n")
        .await;
}

async fn subjects_that_are_none_are_published_all_the_same(server: Server) {
    let mut raw = Raw::quiet(&server).await;
    raw.send("SUB > 1\r\n").await;
    // Empty tokens match no wildcard.
    for subject in ["a..b", ".a", "a."] {
        raw.ask(&format!("PUB {subject} 1\r\nx\r\nPING\r\n"), "PONG\r\n")
            .await;
    }
    raw.ask("PUB a.> 1\r\nx\r\nPING\r\n", "MSG a.> 1 1\r\nx\r\nPONG\r\n")
        .await;
}

async fn pedantic_clients_are_told_of_their_subjects(server: Server) {
    let mut raw = Raw::quiet(&server).await;
    raw.send("CONNECT {\"verbose\":false,\"pedantic\":true}\r\n")
        .await;
    let error = "-ERR 'Invalid Publish Subject'\r\n";
    for subject in ["a.*", "a.>", "*", ">", "a..b", ".a", "a."] {
        let sent = format!("PUB {subject} 1\r\nx\r\nPING\r\n");
        raw.ask(&sent, &format!("{error}PONG\r\n")).await;
    }
    // They are told, and the message is delivered.
    let answer = format!("{error}MSG a.* 1 1\r\nx\r\n");
    raw.ask("SUB a.> 1\r\nPUB a.* 1\r\nx\r\n", &answer).await;
    // Names with an asterisk in them are no wildcards, and reply subjects are not looked at.
    raw.ask(
        "SUB b.c* 2\r\nPUB b.c* r.* 1\r\nx\r\n",
        "MSG b.c* 2 r.* 1\r\nx\r\n",
    )
    .await;
}

async fn one_of_a_queue_group_receives(server: Server) {
    let mut first = Raw::quiet(&server).await;
    let mut second = Raw::quiet(&server).await;
    let mut plain = Raw::quiet(&server).await;
    let mut publisher = Raw::quiet(&server).await;
    first.ask("SUB q.* g 1\r\nPING\r\n", "PONG\r\n").await;
    second.ask("SUB q.a g 1\r\nPING\r\n", "PONG\r\n").await;
    // The same name is another group for another subject, and plain subscriptions are in none.
    plain
        .ask("SUB q.a 1\r\nSUB q.a other 2\r\nPING\r\n", "PONG\r\n")
        .await;
    let count = 64;
    for _ in 0..count {
        publisher.send("PUB q.a 1\r\nx\r\n").await;
    }
    publisher.ask("PING\r\n", "PONG\r\n").await;
    for _ in 0..count {
        let mut lines = [plain.message().await, plain.message().await];
        lines.sort();
        assert_eq!(lines, ["MSG q.a 1 1", "MSG q.a 2 1"]);
    }
    let (first, second) = (
        first.count_until_pong().await,
        second.count_until_pong().await,
    );
    assert_eq!(first + second, count);
    assert!(first > 0 && second > 0, "{first} and {second}");
}

async fn a_queue_group_goes_on_without_a_member(server: Server) {
    let mut staying = Raw::quiet(&server).await;
    let mut leaving = Raw::quiet(&server).await;
    staying.ask("SUB q g 1\r\nPING\r\n", "PONG\r\n").await;
    leaving.ask("SUB q g 1\r\nPING\r\n", "PONG\r\n").await;
    leaving.ask("UNSUB 1\r\nPING\r\n", "PONG\r\n").await;
    let mut publisher = Raw::quiet(&server).await;
    for _ in 0..10 {
        publisher.send("PUB q 1\r\nx\r\n").await;
    }
    publisher.ask("PING\r\n", "PONG\r\n").await;
    assert_eq!(staying.count_until_pong().await, 10);
    assert_eq!(leaving.count_until_pong().await, 0);
}

async fn subscriptions_end_after_their_last_message(server: Server) {
    let mut raw = Raw::quiet(&server).await;
    let publish = "PUB a 1\r\nx\r\n";
    let message = "MSG a 1 1\r\nx\r\n";
    for (before, limit, after, expected) in [
        // Messages that came before count.
        (1, "3", 4, 3),
        (2, "1", 2, 2),
        (2, "2", 2, 2),
        (0, "1", 3, 1),
        // Not a limit at all: the subscription ends now.
        (1, "0", 2, 1),
        (1, "", 2, 1),
    ] {
        let sent = format!(
            "SUB a 1\r\n{}UNSUB 1 {limit}\r\n{}UNSUB 1\r\nPING\r\n",
            publish.repeat(before),
            publish.repeat(after)
        );
        let answer = format!("{}PONG\r\n", message.repeat(expected));
        raw.ask(&sent, &answer).await;
    }
    // What never was is no error.
    raw.ask("UNSUB 77\r\nUNSUB 77 3\r\nPING\r\n", "PONG\r\n")
        .await;
}

async fn a_second_subscription_with_the_same_number_is_ignored(server: Server) {
    let mut raw = Raw::quiet(&server).await;
    raw.ask(
        "SUB a 1\r\nSUB b 1\r\nPUB b 1\r\ny\r\nPUB a 1\r\nx\r\nPING\r\n",
        "MSG a 1 1\r\nx\r\nPONG\r\n",
    )
    .await;
    // Numbers are names, and each connection has its own.
    raw.ask(
        "SUB c one-two 3\r\nPUB c 0\r\n\r\nSUB d #!\r\nPUB d 0\r\n\r\n",
        "MSG c 3 0\r\n\r\nMSG d #! 0\r\n\r\n",
    )
    .await;
}

async fn requests_without_receivers_are_answered(server: Server) {
    let mut raw = Raw::quiet(&server).await;
    raw.send("SUB in.> 1\r\nPUB nobody in.a 2\r\nhi\r\n").await;
    raw.expect_no_responders("in.a", "1").await;
    raw.send("HPUB nobody in.b 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
        .await;
    raw.expect_no_responders("in.b", "1").await;
    // The answer goes to the client that asked and to nobody else.
    let mut other = Raw::quiet(&server).await;
    other.ask("SUB in.> 1\r\nPING\r\n", "PONG\r\n").await;
    raw.send("PUB nobody in.c 0\r\n\r\n").await;
    raw.expect_no_responders("in.c", "1").await;
    other.ask("PING\r\n", "PONG\r\n").await;
    // A client that did not ask for such answers gets none, nor does a message without a reply subject.
    raw.ask("PUB nobody 0\r\n\r\nPING\r\n", "PONG\r\n").await;
    raw.send("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":false}\r\n")
        .await;
    raw.ask("PUB nobody in.d 0\r\n\r\nPING\r\n", "PONG\r\n")
        .await;
}

async fn own_messages_come_back_unless_told_otherwise(server: Server) {
    let mut raw = Raw::connect(&server).await;
    raw.ask("CONNECT {\"verbose\":false,\"echo\":false,\"headers\":true,\"no_responders\":true}\r\nPING\r\n", "PONG\r\n")
        .await;
    raw.ask("SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n", "PONG\r\n")
        .await;
    // Nobody else is there, so nobody received it.
    raw.send("SUB in 2\r\nPUB a in 1\r\nx\r\n").await;
    raw.expect_no_responders("in", "2").await;
    let mut other = Raw::quiet(&server).await;
    other
        .ask("SUB a 7\r\nPUB a in 1\r\ny\r\n", "MSG a 7 in 1\r\ny\r\n")
        .await;
    raw.expect("MSG a 1 in 1\r\ny\r\n").await;
}

async fn reply_subjects_are_passed_on(server: Server) {
    let mut raw = Raw::quiet(&server).await;
    raw.send("SUB a 1\r\nSUB r.* 2\r\n").await;
    for reply in ["r.1", "r.*", "x..y", "_INBOX.abc.def"] {
        raw.ask(
            &format!("PUB a {reply} 1\r\nx\r\n"),
            &format!("MSG a 1 {reply} 1\r\nx\r\n"),
        )
        .await;
    }
    raw.ask("PUB r.1 2\r\nok\r\n", "MSG r.1 2 2\r\nok\r\n")
        .await;
}
