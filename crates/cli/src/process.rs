//! What a command sees of its process: streams, terminal, directories. The only place that reads the environment, beside
//! the arguments, which name their variables.

mod parent_unix;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;

use terminal_size::{Width, terminal_size_of};

use self::parent_unix::parent_id;
use crate::inherited::names::PREFIX;

/// What a command sees of its process. Tests make their own.
pub struct Process {
    /// Where data goes.
    pub output: Box<dyn Write + Send>,
    /// Where everything that is not data goes.
    pub messages: Box<dyn Write + Send>,
    /// Where manifests and answers come from.
    pub input: Box<dyn Read + Send>,
    /// What the streams are connected to.
    pub terminal: Terminal,
    /// The directory that relative paths count from.
    pub directory: PathBuf,
    /// The directory for data of this user, in which `weft` has its own; `None` when it is not known.
    pub data_home: Option<PathBuf>,
    /// Docker's config file of this user; it may not be there.
    pub docker_config: Option<PathBuf>,
    /// The program itself, to start it again in the background.
    pub program: PathBuf,
    /// The arguments that the program was started with, without its name.
    pub arguments: Vec<OsString>,
    /// Whether `weft up --detach` started this process, which is then the one that stays.
    pub is_detached: bool,
    /// The variables of wasmCloud 1.9 hosts that are set.
    pub variables: BTreeMap<String, String>,
}

/// What the streams of a process are connected to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Terminal {
    /// Characters per line of the terminal that shows data; `None` when there is none.
    pub output_width: Option<u16>,
    /// Characters per line of the terminal that shows messages; `None` when there is none.
    pub messages_width: Option<u16>,
    /// Whether somebody can be asked: input and messages are a terminal, and nothing says that nobody is there.
    pub is_attended: bool,
    /// Whether colours are welcome on terminals.
    pub allows_colour: bool,
}

/// The variable that tells a process that `weft up --detach` started it: it holds the id of the process that did, so that
/// processes further down do not take it for theirs.
pub(crate) const DETACHED_VARIABLE: &str = "WEFT_DETACHED_BY";

/// Characters per line of a terminal that does not tell.
const WIDTH_DEFAULT: u16 = 80;

// ===== impl Process =====

impl Process {
    /// The process that runs.
    ///
    /// # Errors
    ///
    /// The operating system does not tell the current directory or the path of the program.
    pub fn current() -> io::Result<Self> {
        let (output, messages, input) = (io::stdout(), io::stderr(), io::stdin());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_unattended = is_set("CI");
        let width = |is_terminal: bool, size: Option<(Width, _)>| {
            (is_terminal && !is_dumb).then(|| size.map_or(WIDTH_DEFAULT, |(Width(width), _)| width))
        };
        let terminal = Terminal {
            output_width: width(output.is_terminal(), terminal_size_of(&output)),
            messages_width: width(
                messages.is_terminal() && !is_unattended,
                terminal_size_of(&messages),
            ),
            is_attended: input.is_terminal() && messages.is_terminal() && !is_unattended,
            allows_colour: !is_set("NO_COLOR") && !is_unattended && !is_dumb,
        };
        Ok(Self {
            output: Box::new(output),
            messages: Box::new(messages),
            input: Box::new(input),
            terminal,
            directory: std::env::current_dir()?,
            data_home: data_home(),
            docker_config: docker_config(),
            program: std::env::current_exe()?,
            arguments: std::env::args_os().skip(1).collect(),
            is_detached: std::env::var(DETACHED_VARIABLE)
                .is_ok_and(|parent| parent == parent_id().to_string()),
            variables: variables(),
        })
    }
}

/// The variables of wasmCloud 1.9 hosts. What is no text is shown as one that has no form that anybody asks for.
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let value = value.to_string_lossy().into_owned();
            name.starts_with(PREFIX).then_some((name, value))
        })
        .collect()
}

/// Whether the variable is there and not empty.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Where Docker keeps its config file.
fn docker_config() -> Option<PathBuf> {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    path("DOCKER_CONFIG")
        .or_else(|| path("HOME").map(|home| home.join(".docker")))
        .filter(|path| path.is_absolute())
        .map(|dir| dir.join("config.json"))
}

/// Where programs keep data of this user, by the XDG base directory rules, which ignore relative paths.
fn data_home() -> Option<PathBuf> {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    path("XDG_DATA_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| path("HOME").map(|home| home.join(".local/share")))
        .filter(|path| path.is_absolute())
}
