//! Streams: what goes where, and what happens when nobody reads.

use std::io::ErrorKind;

use weft_cli::Status;

use crate::weft::Weft;

#[tokio::test]
async fn a_closed_pipe_is_no_error() {
    let weft = Weft::new().with_broken_output(ErrorKind::BrokenPipe);
    for command in ["explain", "explain -o json", "completions bash"] {
        let ran = weft.run(command).await;
        assert_eq!((ran.status, ran.messages.as_str()), (Status::Ok, ""));
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error() {
    let weft = Weft::new().with_broken_output(ErrorKind::StorageFull);
    let ran = weft.run("explain").await;
    assert_eq!(ran.status, Status::Unforeseen);
    assert!(
        ran.messages
            .starts_with("error: cannot write the output\n  caused by: "),
        "{ran:?}"
    );
}

#[tokio::test]
async fn pages_are_explained() {
    let weft = Weft::new();
    let ran = weft.run("explain net001").await;
    assert!(ran.output.starts_with("# NET001: "), "{ran:?}");
    let ran = weft.run("explain -o name").await;
    assert!(ran.output.contains("\nCLI004\n"), "{ran:?}");
    let ran = weft.run("explain CLI04").await;
    assert_eq!(ran.status, Status::NotFound);
    assert!(ran.messages.contains("hint: similar: `CLI004`"), "{ran:?}");
}

#[tokio::test]
async fn completions_are_made_for_every_shell() {
    let weft = Weft::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = weft.run(&format!("completions {shell}")).await;
        assert!(ran.output.contains("weft"), "{shell}");
    }
}

#[tokio::test]
async fn a_terminal_gets_tables_that_fit() {
    let weft = Weft::new().typing("");
    let ran = weft.run("explain").await;
    assert!(ran.output.lines().all(|line| line.chars().count() <= 100));
    assert!(ran.output.starts_with("CODE    MEANING\n"), "{ran:?}");
}
