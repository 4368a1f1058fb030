//! What `--help` teaches.

use clap::CommandFactory;
use weft_cli::Cli;

/// The help of each command, by the words that lead to it.
pub(crate) fn helps() -> Vec<(String, String)> {
    fn visit(path: &str, command: &mut clap::Command, found: &mut Vec<(String, String)>) {
        let help = command.render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        found.push((path.to_owned(), lines.join("\n")));
        let names: Vec<String> = command
            .get_subcommands()
            .filter(|sub| !sub.is_hide_set())
            .map(|sub| sub.get_name().to_owned())
            .collect();
        for name in names {
            let sub = command.find_subcommand_mut(&name).unwrap();
            visit(&format!("{path} {name}"), sub, found);
        }
    }
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut found = Vec::new();
    visit("weft", &mut root, &mut found);
    found
}

#[test]
fn each_command_explains_itself() {
    for (path, help) in helps() {
        insta::assert_snapshot!(format!("help-{}", path.replace(' ', "-")), help);
    }
}

#[test]
fn help_fits_into_a_terminal() {
    for (path, help) in helps() {
        for line in help.lines() {
            assert!(line.chars().count() <= 120, "{path}: {line}");
        }
    }
}
