//! Help, completions, and what is said about words that were not understood.

use std::process::Command;

use crate::home::Home;
use crate::running::Up;

/// The commands, with how they are reached.
const COMMANDS: [&[&str]; 56] = [
    &[],
    &["up"],
    &["down"],
    &["app"],
    &["app", "deploy"],
    &["app", "put"],
    &["app", "validate"],
    &["app", "list"],
    &["app", "status"],
    &["app", "get"],
    &["app", "undeploy"],
    &["app", "delete"],
    &["get"],
    &["get", "hosts"],
    &["get", "inventory"],
    &["get", "links"],
    &["get", "config"],
    &["get", "claims"],
    &["push"],
    &["pull"],
    &["inspect"],
    &["par"],
    &["par", "create"],
    &["par", "insert"],
    &["par", "inspect"],
    &["claims"],
    &["claims", "sign"],
    &["claims", "inspect"],
    &["keys"],
    &["keys", "gen"],
    &["keys", "list"],
    &["keys", "get"],
    &["lattice"],
    &["call"],
    &["spy"],
    &["component"],
    &["component", "start"],
    &["component", "scale"],
    &["component", "update"],
    &["component", "stop"],
    &["provider"],
    &["provider", "start"],
    &["provider", "stop"],
    &["link"],
    &["link", "put"],
    &["link", "del"],
    &["link", "list"],
    &["config"],
    &["config", "put"],
    &["config", "get"],
    &["config", "del"],
    &["label"],
    &["host", "drain"],
    &["host", "stop"],
    &["watch"],
    &["explain"],
];

#[test]
fn each_command_has_help_with_examples() {
    let home = Home::new();
    for command in COMMANDS {
        let texts = ["Usage: weft", "Examples:\n", "Options:"];
        for option in ["--help", "-h"] {
            let ran = home.succeed(&[command, &[option]].concat());
            assert_eq!(ran.messages, "", "{ran:?}");
            ran.prints(&texts);
        }
    }
    home.succeed(&["--version"]).prints(&["weft "]);
}

#[test]
fn completions_can_be_loaded() {
    let home = Home::new();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let ran = home.succeed(&["completions", shell]);
        assert_eq!(ran.messages, "", "{ran:?}");
        for word in ["deploy", "inventory", "data-dir", "completions"] {
            assert!(ran.output.contains(word), "{shell} does not know {word}");
        }
        let path = home.write(shell, &ran.output);
        // Shells that are not on this machine are left out.
        if let Ok(output) = Command::new(shell).args([check, &path]).output() {
            assert!(output.status.success(), "{shell}: {output:?}");
        }
    }
    home.run(&["completions", "tcsh"])
        .exits(2)
        .says(&["bash", "zsh", "fish", "code: CLI019"]);
}

#[test]
fn near_words_are_suggested() {
    let home = Home::new();
    let check = |arguments: &[&str], texts: &[&str]| {
        let ran = home.run(arguments).exits(2).says(texts);
        assert_eq!(ran.output, "");
        ran.says(&["error: ", "code: CLI019"]);
    };
    check(&["ap"], &["'app'"]);
    check(&["app", "deply", "shop.yaml"], &["'deploy'"]);
    check(&["app", "list", "--ouput", "json"], &["'--output'"]);
    check(&["get", "hots"], &["'hosts'"]);
    check(&["app", "list", "-o", "jsn"], &["'json'"]);
    check(&["up", "--listen", "here"], &["--listen"]);
    check(&["up", "--listen", "4222"], &["write `127.0.0.1:4222`"]);
    check(&["deploy", "shop.yaml"], &["hint: write `weft app deploy`"]);
    check(&["logs"], &["hint: ", "`weft.log`"]);
    check(&["app", "status"], &["<NAME>", "Usage: weft app status"]);
    check(&["app", "status", "no name"], &["no name"]);
}

#[test]
fn near_names_are_suggested() {
    let home = Home::new();
    let manifest = crate::guests::hello(&home, "guestbook", crate::http::free_port());
    let _up = Up::start(&home, &[]);
    home.succeed(&["app", "put", &manifest]);
    for command in ["status", "get", "deploy", "undeploy"] {
        home.run(&["app", command, "gestbook"]).exits(3).says(&[
            "there is no application `gestbook`",
            "hint: similar: `guestbook`",
            "hint: list what is there with `weft app list`",
            "code: CLI010",
        ]);
    }
    home.run(&["app", "delete", "gestbook", "--yes"])
        .exits(3)
        .says(&["`guestbook`", "code: CLI010"]);
    assert_eq!(home.applications(), ["guestbook"]);
    home.run(&["explain", "HTP01"])
        .exits(3)
        .says(&["code: CLI010"]);
}

#[test]
fn output_that_nobody_reads_is_no_failure() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = home.command(&["explain"]).stdout(writer).output().unwrap();
    assert_eq!(child.status.code(), Some(0), "{child:?}");
}
