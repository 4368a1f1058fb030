//! Other programs: running them, and saying readably what failed.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context as _, Result, bail};

/// How much of a failed program's output its error repeats, in lines.
const SHOWN_LINES_MAX: usize = 40;

/// A program with its arguments, to be run once.
pub(crate) struct Process {
    command: Command,
}

impl Process {
    /// A run of `program` without arguments.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        // What `cargo run` says about this very program. Build scripts look at such variables: passed on, they would make
        // cargo build things anew that a call of cargo by hand has built, and the other way round.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(is_about_this_package) {
                command.env_remove(name);
            }
        }
        Self { command }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Lets the program ask the person something, such as a password.
    pub(crate) fn interactive(mut self) -> Self {
        self.command.stdin(Stdio::inherit());
        self
    }

    /// Runs the program, all that it prints shown as it comes.
    pub(crate) fn run(mut self) -> Result<()> {
        let command_line = self.command_line();
        let status = self
            .command
            .status()
            .with_context(|| format!("cannot run `{command_line}`"))?;
        check(&command_line, status, None)
    }

    /// Runs the program without showing what it prints, unless it fails.
    pub(crate) fn run_quietly(mut self) -> Result<()> {
        let command_line = self.command_line();
        let output = self.output(&command_line)?;
        check(&command_line, output.status, Some(&output))
    }

    /// Runs the program and returns what it wrote to stdout.
    pub(crate) fn read(mut self) -> Result<String> {
        let command_line = self.command_line();
        let output = self.output(&command_line)?;
        check(&command_line, output.status, Some(&output))?;
        String::from_utf8(output.stdout)
            .with_context(|| format!("what `{command_line}` wrote is not UTF-8"))
    }

    /// Runs the program, its stderr shown as it comes, and returns what it wrote to stdout.
    pub(crate) fn read_while_shown(mut self) -> Result<String> {
        let command_line = self.command_line();
        self.command.stderr(Stdio::inherit());
        let output = self.output(&command_line)?;
        check(&command_line, output.status, None)?;
        String::from_utf8(output.stdout)
            .with_context(|| format!("what `{command_line}` wrote is not UTF-8"))
    }

    /// Whether the program can be started and succeeds.
    pub(crate) fn succeeds(mut self) -> bool {
        let status = self
            .command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }

    fn output(&mut self, command_line: &str) -> Result<Output> {
        self.command
            .stdout(Stdio::piped())
            .output()
            .with_context(|| format!("cannot start `{command_line}`"))
    }

    fn command_line(&self) -> String {
        let program = Path::new(self.command.get_program());
        let mut line = program
            .file_name()
            .unwrap_or(program.as_os_str())
            .display()
            .to_string();
        for argument in self.command.get_args() {
            line.push(' ');
            line.push_str(&argument.to_string_lossy());
        }
        line
    }
}

fn is_about_this_package(variable: &str) -> bool {
    [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ]
    .iter()
    .any(|prefix| variable.starts_with(prefix))
}

/// The cargo that runs this program, or the one on the path.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The first file of this name in the directories of `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

fn check(command_line: &str, status: ExitStatus, output: Option<&Output>) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let shown = output
        .map(|output| last_lines(&output.stderr, &output.stdout))
        .unwrap_or_default();
    if shown.is_empty() {
        bail!("`{command_line}` failed: {status}");
    }
    bail!("`{command_line}` failed: {status}\n{shown}");
}

/// The end of what a program had to say: its stderr, or its stdout when it wrote nothing there.
fn last_lines(stderr: &[u8], stdout: &[u8]) -> String {
    let said = if stderr.trim_ascii().is_empty() {
        stdout
    } else {
        stderr
    };
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let skipped = lines.len().saturating_sub(SHOWN_LINES_MAX);
    lines[skipped..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_repeats_what_it_said() {
        let error = Process::new("sh")
            .args(["-c", "echo out; echo why >&2; exit 3"])
            .run_quietly()
            .unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("`sh -c echo out"), "{text}");
        assert!(text.ends_with("why"), "{text}");
        assert!(text.contains("exit status: 3"), "{text}");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let error = Process::new("/nowhere/no-such-program")
            .arg("-x")
            .read()
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program -x`");
    }

    #[test]
    fn only_the_end_of_long_output_is_repeated() {
        let said: String = (0..100).map(|line| format!("{line}\n")).collect();
        let shown = last_lines(said.as_bytes(), b"");
        assert_eq!(shown.lines().count(), SHOWN_LINES_MAX);
        assert!(shown.ends_with("99"));
        assert_eq!(last_lines(b" \n", b"instead"), "instead");
    }
}
