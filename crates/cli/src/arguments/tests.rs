use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory};

use super::*;
use crate::console::{Format, Verbosity};

fn parse(line: &str) -> Result<Cli, ErrorKind> {
    let arguments = std::iter::once("weft").chain(line.split_whitespace());
    Cli::try_parse_from(arguments).map_err(|error| error.kind())
}

/// Every command with those below it.
fn commands(command: &clap::Command, found: &mut Vec<clap::Command>) {
    found.push(command.clone());
    for sub in command.get_subcommands() {
        commands(sub, found);
    }
}

#[test]
fn the_arguments_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_option_has_its_variable_and_a_word_about_it() {
    let mut all = Vec::new();
    let mut root = Cli::command();
    root.build();
    commands(&root, &mut all);
    for command in &all {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            if argument.is_positional() || matches!(name, "help" | "version") {
                continue;
            }
            let variable = argument.get_env().unwrap_or_default().to_str().unwrap();
            let expected = format!("WEFT_{}", name.to_uppercase());
            assert_eq!(variable, expected, "{}: {name}", command.get_name());
            assert!(argument.get_help().is_some(), "{name}");
            assert!(argument.is_hide_env_values_set(), "{name}");
        }
    }
}

#[test]
fn every_command_teaches_by_examples() {
    let mut all = Vec::new();
    commands(&Cli::command(), &mut all);
    for command in &all {
        let after = command.get_after_help().unwrap_or_default().to_string();
        let name = command.get_name();
        assert!(after.starts_with("Examples:\n  "), "{name}: {after}");
    }
}

#[test]
fn variables_of_switches_take_words() {
    let mut all = Vec::new();
    let mut root = Cli::command();
    root.build();
    commands(&root, &mut all);
    for argument in all.iter().flat_map(clap::Command::get_arguments) {
        let is_switch = matches!(argument.get_action(), ArgAction::SetTrue);
        if is_switch && argument.get_env().is_some() {
            // The plain parser of switches takes `true` and `false` alone.
            let parser = format!("{:?}", argument.get_value_parser());
            assert_ne!(parser, "ValueParser::bool", "{}", argument.get_id());
        }
    }
}

#[test]
fn global_options_stand_anywhere() {
    for line in [
        "-o json --timeout 3s -x edge app list",
        "app list -o json --timeout 3s -x edge",
        "app -o json list --lattice edge --timeout 3s",
    ] {
        let global = parse(line).unwrap().global;
        assert_eq!(global.output, Format::Json, "{line}");
        assert_eq!(global.timeout, Some(Duration::from_secs(3)), "{line}");
        assert_eq!(global.lattice.unwrap().as_str(), "edge", "{line}");
    }
    assert_eq!(
        parse("app list -q").unwrap().global.verbosity(),
        Verbosity::Quiet
    );
    assert_eq!(
        parse("-v app list").unwrap().global.verbosity(),
        Verbosity::Verbose
    );
}

#[test]
fn wrong_values_are_refused_before_anything_is_done() {
    let check = |line: &str, expected: ErrorKind| {
        assert_eq!(parse(line).unwrap_err(), expected, "{line}");
    };
    check("app list -o xml", ErrorKind::InvalidValue);
    check("app list --timeout 3", ErrorKind::ValueValidation);
    check("app list --lattice a.b", ErrorKind::ValueValidation);
    check("app status", ErrorKind::MissingRequiredArgument);
    check("app status no.name", ErrorKind::ValueValidation);
    check("up --listen 4222", ErrorKind::ValueValidation);
    check("up --label zone", ErrorKind::ValueValidation);
    check("up --max-instances 0", ErrorKind::ValueValidation);
    check("up --role chef", ErrorKind::InvalidValue);
    check("app list -q -v", ErrorKind::ArgumentConflict);
    check("nope", ErrorKind::InvalidSubcommand);
    check("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    check("app", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    check("--version", ErrorKind::DisplayVersion);
}
