//! The generated part of `docs/cli.md` is what `--help` says.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use weft_cli::Status;

use crate::help::helps;

/// What the generated part begins with.
const BEGIN: &str =
    "<!-- From here on generated: WEFT_UPDATE_DOCS=1 cargo test -p weft-cli reference -->\n";
const GLOBAL: &str = "\nGlobal options:\n";

/// `help` without the options that every command has, and these.
fn split_global(help: &str) -> (String, String) {
    let (before, rest) = help.split_once(GLOBAL).unwrap();
    // What comes after the options, such as examples, is not indented.
    let end = rest
        .match_indices("\n\n")
        .map(|(index, _)| index + 2)
        .find(|&index| !rest[index..].starts_with(' '))
        .unwrap_or(rest.len());
    let own = format!("{before}\n{}", &rest[end..]);
    (own.trim_end().to_owned(), rest[..end].trim_end().to_owned())
}

fn reference() -> String {
    let helps = helps();
    let mut out = String::from("\n## Exit statuses\n\n| status | meaning |\n|---|---|\n");
    for status in Status::ALL {
        writeln!(out, "| {} | {} |", status.code(), status.meaning()).unwrap();
    }
    let (_, global) = split_global(&helps[0].1);
    write!(out, "\n## Global options\n\n```text\n{global}\n```\n").unwrap();
    for (path, help) in &helps {
        let (own, _) = split_global(help);
        write!(out, "\n## `{path}`\n\n```text\n{own}\n```\n").unwrap();
    }
    out
}

#[test]
fn the_reference_is_what_help_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let text = fs::read_to_string(&path).unwrap();
    let (written, generated) = text.split_once(BEGIN).unwrap();
    let expected = reference();
    if std::env::var_os("WEFT_UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{written}{BEGIN}{expected}")).unwrap();
        return;
    }
    assert!(
        generated == expected,
        "docs/cli.md is out of date: WEFT_UPDATE_DOCS=1 cargo test -p weft-cli reference"
    );
}
