//! The command line in a process that is made up: its streams are kept, its directory is empty.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Parser;
use tempfile::TempDir;
use weft_cli::{Cli, Context, Failure, Process, Status, Terminal, UpOptions, UpRunner};

use crate::server::Server;

/// How to run the command line.
pub(crate) struct Weft {
    /// Arguments that come before those of the test.
    common: Vec<String>,
    home: TempDir,
    input: Vec<u8>,
    terminal: Terminal,
    program: PathBuf,
    is_detached: bool,
    variables: BTreeMap<String, String>,
    output_error: Option<io::ErrorKind>,
    /// How many times data can be written before the reader is gone.
    output_writes_max: usize,
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Status,
    pub(crate) output: String,
    pub(crate) messages: String,
    /// What `weft up` was to start.
    pub(crate) up: Option<UpOptions>,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

/// A stream that is kept until its reader leaves.
struct Left {
    kept: Kept,
    writes_left: usize,
}

/// A stream that cannot be written.
struct Broken(io::ErrorKind);

struct Recorder(Arc<Mutex<Option<UpOptions>>>);

// ===== impl Weft =====

impl Weft {
    /// Without a lattice.
    pub(crate) fn new() -> Self {
        Self {
            common: Vec::new(),
            home: TempDir::new().unwrap(),
            input: Vec::new(),
            terminal: Terminal::default(),
            program: "/nowhere/weft".into(),
            is_detached: false,
            variables: BTreeMap::new(),
            output_error: None,
            output_writes_max: usize::MAX,
        }
    }

    /// In the lattice of `server`.
    pub(crate) fn at(server: &Server) -> Self {
        let mut weft = Self::new();
        weft.common = vec![
            format!("--nats-url={}", server.url),
            format!("--lattice={}", server.lattice),
        ];
        weft
    }

    /// With somebody at a terminal who types `input`.
    pub(crate) fn typing(mut self, input: &str) -> Self {
        self.terminal = Terminal {
            output_width: Some(100),
            messages_width: Some(100),
            is_attended: true,
            allows_colour: false,
        };
        self.reading(input)
    }

    /// With `input` on standard input.
    pub(crate) fn reading(mut self, input: &str) -> Self {
        self.input = input.as_bytes().to_vec();
        self
    }

    /// With standard output that fails so.
    pub(crate) fn with_broken_output(mut self, error: io::ErrorKind) -> Self {
        self.output_error = Some(error);
        self
    }

    /// With a reader of standard output who leaves after so many lines.
    pub(crate) fn reading_lines(mut self, lines: usize) -> Self {
        self.output_writes_max = lines;
        self
    }

    /// Being the process that `weft up --detach` started.
    pub(crate) fn detached(mut self) -> Self {
        self.is_detached = true;
        self
    }

    /// With a variable in the environment.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Being the program at `path`.
    pub(crate) fn with_program(mut self, path: &Path) -> Self {
        self.program = path.to_path_buf();
        self
    }

    /// The current directory.
    pub(crate) fn directory(&self) -> &Path {
        self.home.path()
    }

    /// The data directory where none is named.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.home.path().join("data/weft")
    }

    /// Writes a file into the current directory.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Runs with the arguments in `line`, which white space separates.
    pub(crate) async fn run(&self, line: &str) -> Ran {
        let own: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut arguments = vec!["weft".to_owned()];
        arguments.extend(self.common.iter().cloned());
        arguments.extend(own.iter().cloned());
        let cli = Cli::try_parse_from(arguments).unwrap();
        let (output, messages, up) = (Kept::default(), Kept::default(), Arc::default());
        let process = Process {
            output: match self.output_error {
                None => Box::new(Left {
                    kept: output.clone(),
                    writes_left: self.output_writes_max,
                }),
                Some(error) => Box::new(Broken(error)),
            },
            messages: Box::new(messages.clone()),
            input: Box::new(Cursor::new(self.input.clone())) as Box<dyn Read + Send>,
            terminal: self.terminal,
            directory: self.home.path().to_path_buf(),
            data_home: Some(self.home.path().join("data")),
            docker_config: None,
            program: self.program.clone(),
            arguments: own.iter().map(OsString::from).collect(),
            is_detached: self.is_detached,
            variables: self.variables.clone(),
        };
        let status = weft_cli::run_in(process, cli, Recorder(Arc::clone(&up))).await;
        let up = up.lock().unwrap().take();
        Ran {
            status,
            output: output.text(),
            messages: messages.text(),
            up,
        }
    }
}

// ===== impl Ran =====

impl Ran {
    /// Both streams with times and directories replaced, fit for a snapshot.
    pub(crate) fn transcript(&self, weft: &Weft) -> String {
        let text = format!(
            "status: {:?}\n--- output\n{}--- messages\n{}",
            self.status, self.output, self.messages
        );
        redact(&text, weft)
    }
}

/// `text` with the directory of `weft`, and times that were measured, replaced.
pub(crate) fn redact(text: &str, weft: &Weft) -> String {
    let text = text.replace(&weft.directory().display().to_string(), "[DIR]");
    text.lines().map(|line| redact_times(line) + "\n").collect()
}

/// `line` with each number before ` ms` or ` s`, and after `"elapsed_ms": `, replaced.
fn redact_times(line: &str) -> String {
    const ELAPSED: &str = "elapsed_ms\": ";
    if let Some((before, after)) = line.split_once(ELAPSED) {
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        return format!("{before}{ELAPSED}[MS]{rest}");
    }
    let words: Vec<&str> = line.split(' ').collect();
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let is_unit = |word: &str| matches!(word.trim_end_matches([',', ';']), "ms" | "s");
    let redacted = words
        .iter()
        .enumerate()
        .map(|(index, word)| match words.get(index + 1) {
            Some(next) if is_number(word) && is_unit(next) => "[N]",
            _ => word,
        });
    redacted.collect::<Vec<_>>().join(" ")
}

// ===== impl streams =====

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Left {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes_left = self
            .writes_left
            .checked_sub(1)
            .ok_or(io::ErrorKind::BrokenPipe)?;
        self.kept.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Broken {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

impl UpRunner for Recorder {
    async fn run(self, options: UpOptions, _context: &mut Context) -> Result<(), Failure> {
        *self.0.lock().unwrap() = Some(options);
        Ok(())
    }
}
