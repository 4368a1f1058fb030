//! Where a stranger runs commands, and what comes of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::wait::wait_until;

/// Variables that commands are left; everything else is cleared away.
const VARIABLES: [&str; 3] = ["PATH", "TMPDIR", "LANG"];

/// A home directory, in which the data directory is where it is by default.
pub(crate) struct Home {
    dir: TempDir,
    /// Variables that commands are given beside those that they are left.
    variables: Vec<(&'static str, String)>,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    arguments: Vec<String>,
    pub(crate) status: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) output: String,
    /// What it wrote to standard error.
    pub(crate) messages: String,
}

// ===== impl Home =====

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            variables: Vec::new(),
        }
    }

    /// The same, with variables in the environment of commands.
    pub(crate) fn with_variables(mut self, variables: &[(&'static str, String)]) -> Self {
        self.variables.extend_from_slice(variables);
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The data directory where none is named.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path(".local/share/weft")
    }

    /// Writes a file and returns its path as text.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The program with `arguments`, in this directory, with nothing of the environment of the test.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
        command.args(arguments).env_clear();
        for name in VARIABLES {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command
            .envs(variables)
            .env("HOME", self.dir.path())
            .env("RUST_BACKTRACE", "0")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program until it ends.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        // To files, as a pipe would stay open for what runs on in the background.
        let files = TempDir::new().unwrap();
        let path = |name: &str| files.path().join(name);
        let mut child = self
            .command(arguments)
            .stdout(File::create(path("output")).unwrap())
            .stderr(File::create(path("messages")).unwrap())
            .spawn()
            .unwrap();
        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        let status = wait_until(
            &format!("the end of `weft {}`", arguments.join(" ")),
            || {
                child
                    .try_wait()
                    .unwrap()
                    .ok_or_else(|| read("output") + &read("messages"))
            },
        );
        Ran {
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            status: status.code(),
            output: read("output"),
            messages: read("messages"),
        }
    }

    /// Runs the program, which has to succeed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Ran {
        self.run(arguments).exits(0)
    }

    /// What a command prints with `-o json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.succeed(&[arguments, &["-o", "json"]].concat()).json()
    }

    /// The names of the applications that are stored.
    pub(crate) fn applications(&self) -> Vec<String> {
        let ran = self.succeed(&["app", "list", "-o", "name"]);
        ran.output.lines().map(str::to_owned).collect()
    }

    /// What the `weft up` that runs tells of itself, if one is ready.
    pub(crate) fn run_file(&self) -> Option<Value> {
        read_run_file(&self.data_dir())
    }
}

/// The run file in `data_dir`, if there is one.
pub(crate) fn read_run_file(data_dir: &Path) -> Option<Value> {
    let text = fs::read(data_dir.join("run.json")).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

// ===== impl Ran =====

impl Ran {
    /// Asserts the exit status.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        let command = self.arguments.join(" ");
        assert_eq!(self.status, Some(status), "weft {command}: {self:#?}");
        self
    }

    /// Asserts that each of `texts` is among the messages.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.messages.contains(text), "no `{text}`: {self:#?}");
        }
        self
    }

    /// Asserts that each of `texts` is in the output.
    #[track_caller]
    pub(crate) fn prints(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.output.contains(text), "no `{text}`: {self:#?}");
        }
        self
    }

    /// The output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
