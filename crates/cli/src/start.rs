//! Running one command from beginning to end.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::arguments::Cli;
use crate::commands;
use crate::commands::up::{InProcess, UpRunner};
use crate::context::Context;
use crate::failure::Failure;
use crate::process::Process;
use crate::status::Status;

/// The code of mistakes in arguments.
const USAGE_CODE: &str = "CLI019";

/// What `arguments` ask for, of which the first is the name of the program.
///
/// # Errors
///
/// How the process is to exit, where they ask for nothing that [`run`] could do: help or the version was printed, or what is
/// wrong with them was told.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Status> {
    let mut error = match Cli::try_parse_from(arguments) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    let hint = hint(&error);
    if hint.is_some() {
        // What only looks alike would lead elsewhere.
        error.remove(ContextKind::SuggestedSubcommand);
        error.remove(ContextKind::Suggested);
    }
    // Where this cannot be written there is nowhere to say so.
    let _ = error.print();
    if let Some(hint) = hint {
        let _ = writeln!(io::stderr(), "hint: {hint}");
    }
    let (status, code) = outcome(error.kind());
    if let Some(code) = code {
        let _ = writeln!(
            io::stderr(),
            "code: {code} (`weft explain {code}` tells more)"
        );
    }
    Err(status)
}

/// What to write or do in place of a command that there is not here, but that other programs have.
fn hint(error: &clap::Error) -> Option<String> {
    let ContextValue::String(word) = error.get(ContextKind::InvalidSubcommand)? else {
        return None;
    };
    Some(match word.as_str() {
        "deploy" | "undeploy" | "put" | "status" => format!("write `weft app {word}`"),
        "run" => "write `weft up`".to_owned(),
        "logs" => {
            "what components print is in the log of their host: `weft.log` in its data directory"
                .to_owned()
        }
        _ => return None,
    })
}

/// How the process is to exit, and the code of the mistake if it is one.
fn outcome(kind: ErrorKind) -> (Status, Option<&'static str>) {
    match kind {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => (Status::Ok, None),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => (Status::Usage, None),
        _ => (Status::Usage, Some(USAGE_CODE)),
    }
}

/// Runs what `cli` asks for in this process, prints what comes of it, and tells how the process is to exit.
///
/// Within a Tokio runtime. Unless it waits for something, an interrupt ends the process as usual.
pub async fn run(cli: Cli) -> Status {
    match Process::current() {
        Ok(process) => Box::pin(run_in(process, cli, InProcess)).await,
        Err(error) => {
            tell_unforeseen(
                "the operating system does not tell about this process",
                &error,
            );
            Status::Unforeseen
        }
    }
}

/// Tells of a failure before there is anything that could print in another way.
pub fn tell_unforeseen(what: &str, error: &io::Error) {
    // Where this fails there is nowhere to say so.
    let _ = writeln!(io::stderr(), "error: {what}\n  caused by: {error}");
}

/// As [`run`], in `process`, which may be made up; `up` runs what `weft up` asks for.
pub async fn run_in(process: Process, cli: Cli, up: impl UpRunner) -> Status {
    let Cli { command, global } = cli;
    let mut context = Context::new(process, global);
    let result = commands::run(command, &mut context, up).await;
    let result = result.and_then(|()| Ok(context.console.finish()?));
    match result {
        Ok(()) => Status::Ok,
        Err(failure) => tell(&mut context, &failure),
    }
}

fn tell(context: &mut Context, failure: &Failure) -> Status {
    context.console.fail(failure);
    failure.status()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_no_mistake() {
        let check = |line: &str, expected| {
            let arguments = std::iter::once("weft").chain(line.split_whitespace());
            let error = Cli::try_parse_from(arguments).unwrap_err();
            assert_eq!(outcome(error.kind()), expected, "{line}");
        };
        check("--help", (Status::Ok, None));
        check("app deploy -h", (Status::Ok, None));
        check("--version", (Status::Ok, None));
        check("", (Status::Usage, None));
        check("app", (Status::Usage, None));
        check("app lst", (Status::Usage, Some(USAGE_CODE)));
        check("app list --nope", (Status::Usage, Some(USAGE_CODE)));
    }

    #[test]
    fn commands_of_others_are_found() {
        let check = |line: &str, expected: Option<&str>| {
            let arguments = std::iter::once("weft").chain(line.split_whitespace());
            let error = Cli::try_parse_from(arguments).unwrap_err();
            assert_eq!(hint(&error).as_deref(), expected, "{line}");
        };
        for word in ["deploy", "undeploy", "put", "status"] {
            let expected = format!("write `weft app {word}`");
            check(&format!("{word} shop"), Some(&expected));
        }
        check("run", Some("write `weft up`"));
        check("nope", None);
        check("app deploy", None);
        check("app list --nope", None);
    }
}
