//! What every command works with: the console, the process around it, and the way to the lattice.

mod access;
mod error;

pub(crate) use access::{AccessArgs, AccessMisfit};
pub use access::{NatsAccess, NatsCredentials, NatsTls};
pub(crate) use error::{ContextError, connect_status};

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use weft_lattice::protocol::subject::SubjectPrefix;
use weft_lattice::{Lattice, Options};
use weft_model::id::LatticeName;
use weft_node::run_file;
use weft_runtime::Tasks;

use crate::arguments::GlobalArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::inherited::Inherited;
use crate::process::Process;
use crate::secret::SecretFile;
use crate::ui::without_user;
use crate::view::View;

/// How long making a connection may take unless the arguments say otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take unless the arguments say otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Where NATS is when nothing says otherwise.
const NATS_URL_DEFAULT: &str = "nats://127.0.0.1:4222";

/// What a command works with.
pub struct Context {
    pub(crate) console: Console,
    pub(crate) global: GlobalArgs,
    /// The directory that relative paths count from.
    pub(crate) directory: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Whether this is the process that `weft up --detach` started.
    pub(crate) is_detached: bool,
    /// What the environment of a wasmCloud 1.9 host says.
    pub(crate) inherited: Inherited,
    data_home: Option<PathBuf>,
    docker_config: Option<PathBuf>,
    tasks: Tasks,
    vantage: Vantage,
}

/// What is known about where the hosts of the lattice are, seen from here.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Vantage {
    /// Whether they are taken to be on this machine: NATS is.
    pub(crate) is_local: bool,
    /// The address for HTTP that components share, where the `weft up` of the data directory is the lattice.
    pub(crate) shared_http: Option<SocketAddr>,
}

/// Where the lattice is.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Target {
    urls: Vec<String>,
    lattice: LatticeName,
    /// The JetStream domain of its state, where it is not that of the servers.
    domain: Option<String>,
    /// The beginning of control subjects, where it is not the usual one.
    prefix: Option<SubjectPrefix>,
    /// What said so.
    origin: String,
    /// The option that names its servers, where that is one of the command.
    option: Option<&'static str>,
    /// The seed of a key that is taken there as long as it runs.
    key_file: Option<PathBuf>,
    vantage: Vantage,
}

// ===== impl Context =====

impl Context {
    /// The context of a command with these global arguments.
    pub(crate) fn new(process: Process, global: GlobalArgs) -> Self {
        let Process {
            output,
            messages,
            input,
            terminal,
            directory,
            data_home,
            docker_config,
            program,
            arguments,
            is_detached,
            variables,
        } = process;
        let mut console = Console::new(output, messages, input, terminal);
        console.configure(global.output, global.verbosity(), !global.no_color);
        Self {
            console,
            global,
            directory,
            program,
            arguments,
            is_detached,
            inherited: Inherited::read(&variables),
            data_home,
            docker_config,
            tasks: Tasks::new(),
            vantage: Vantage::default(),
        }
    }

    /// What is known about where the lattice is, once there is a connection.
    pub(crate) fn vantage(&self) -> Vantage {
        self.vantage
    }

    /// Tells what is known about where the lattice is, for a command that is the lattice.
    pub(crate) fn set_vantage(&mut self, vantage: Vantage) {
        self.vantage = vantage;
    }

    /// Prints a view.
    pub(crate) fn show<V: View>(&mut self, view: &V) {
        self.console.show(view);
    }

    /// What supervises tasks of the command.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// How long the command waits for something to be done, where nothing says otherwise `default`.
    pub(crate) fn timeout_or(&self, default: Duration) -> Duration {
        self.global.timeout.unwrap_or(default)
    }

    /// The data directory, as a whole path.
    ///
    /// # Errors
    ///
    /// [`ContextError::NoDataDir`] when it is neither given nor known.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, ContextError> {
        match (&self.global.data_dir, &self.data_home) {
            (Some(dir), _) => Ok(self.directory.join(dir)),
            (None, Some(home)) => Ok(home.join("weft")),
            (None, None) => Err(ContextError::NoDataDir),
        }
    }

    /// Docker's config file, as the arguments say or of the user, where that is known.
    pub(crate) fn docker_config(&self, given: Option<&Path>) -> Option<PathBuf> {
        match given {
            Some(path) => Some(self.directory.join(path)),
            None => self.docker_config.clone(),
        }
    }

    /// Connects to the lattice, for a command that asks and is answered.
    ///
    /// # Errors
    ///
    /// A failure with status unreachable when there is no connection.
    pub(crate) async fn connect(&mut self) -> Result<Lattice, Failure> {
        let request_timeout = self.timeout_or(REQUEST_TIMEOUT);
        self.connect_with(request_timeout).await
    }

    /// Connects to the lattice, for a command that waits for what it began: `--timeout` bounds the whole.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub(crate) async fn connect_to_wait(&mut self, timeout: Duration) -> Result<Lattice, Failure> {
        self.connect_with(timeout.min(REQUEST_TIMEOUT)).await
    }

    /// Connects to another server than that of the lattice, where `url`, the value of `option`, names one, with the
    /// credentials of a file of its own, where `creds` names one.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub(crate) async fn connect_to(
        &mut self,
        option: &'static str,
        url: Option<&str>,
        creds: Option<&Path>,
        request_timeout: Duration,
    ) -> Result<Lattice, Failure> {
        let target = match url {
            None => self.target()?,
            Some(url) => Target {
                urls: vec![url.to_owned()],
                origin: "as given".to_owned(),
                option: Some(option),
                key_file: None,
                domain: None,
                ..self.told_target().unwrap_or_else(|| self.usual_target())
            },
        };
        let mut access = self.access()?;
        match (creds, url) {
            (Some(creds), _) => {
                access.credentials = NatsCredentials::File(self.directory.join(creds));
            }
            (None, None) => {}
            // Credentials are for the server they were given for.
            (None, Some(_)) => access.credentials = NatsCredentials::None,
        }
        self.connect_target(target, access, request_timeout).await
    }

    /// How the servers of the lattice let somebody in.
    fn access(&self) -> Result<NatsAccess, AccessMisfit> {
        // What is wrong with variables that are about a host is told by `weft up` alone.
        if let (Some(problem), true) = (
            self.inherited.problems.iter().find(|one| one.is_of_nats()),
            self.global.nats_url.is_empty(),
        ) {
            return Err(AccessMisfit::Variable(problem.clone()));
        }
        let inherited = self.inherited.control.as_ref();
        let inherited = inherited.map(|server| &server.credentials);
        NatsAccess::of(&self.global, inherited, &self.directory)
    }

    /// The URLs of the servers, where the arguments or the environment say so.
    pub(crate) fn given_urls(&self) -> Vec<String> {
        let given = &self.global.nats_url;
        let inherited = self.inherited.control.as_ref();
        match inherited.filter(|_| given.is_empty()) {
            Some(server) => vec![server.url.clone()],
            None => given.clone(),
        }
    }

    /// The lattice, where the arguments or the environment say so.
    pub(crate) fn given_lattice(&self) -> Option<LatticeName> {
        let given = self.global.lattice.clone();
        given.or_else(|| self.inherited.lattice.clone())
    }

    /// The JetStream domain, where the arguments or the environment say so.
    pub(crate) fn given_domain(&self) -> Option<String> {
        let given = self.global.js_domain.clone();
        given.or_else(|| self.inherited.js_domain.clone())
    }

    /// The beginning of control subjects, where the arguments or the environment say so.
    pub(crate) fn given_prefix(&self) -> Option<SubjectPrefix> {
        let given = self.global.ctl_topic_prefix.clone();
        given.or_else(|| self.inherited.control_prefix.clone())
    }

    async fn connect_with(&mut self, request_timeout: Duration) -> Result<Lattice, Failure> {
        let target = self.target()?;
        let access = self.access()?;
        self.connect_target(target, access, request_timeout).await
    }

    async fn connect_target(
        &mut self,
        target: Target,
        mut access: NatsAccess,
        request_timeout: Duration,
    ) -> Result<Lattice, Failure> {
        let urls: Vec<String> = target.urls.iter().map(|url| without_user(url)).collect();
        self.console.detail(&format!(
            "lattice `{}` at {} ({})",
            target.lattice,
            urls.join(", "),
            target.origin
        ));
        if let (NatsCredentials::None, Some(path)) = (&access.credentials, target.key_file) {
            access.credentials = NatsCredentials::Nkey(SecretFile::File(path));
        }
        let mut options = Options::default();
        self.vantage = target.vantage;
        options.urls = target.urls;
        options.lattice = target.lattice;
        options.jetstream_domain = target.domain;
        if let Some(prefix) = target.prefix {
            options.control_prefix = prefix;
        }
        options.client_name = "weft-cli".to_owned();
        options.connect_timeout = self.timeout_or(CONNECT_TIMEOUT).min(CONNECT_TIMEOUT);
        options.request_timeout = request_timeout;
        let (credentials, tls) = access.load(&mut self.console).await?;
        options.credentials = credentials;
        options.tls = tls;
        let option = target.option;
        let connected = Lattice::connect(options, &self.tasks).await;
        let lattice = connected.map_err(|source| match option {
            Some(option) => ContextError::Elsewhere { option, source },
            None => ContextError::Connect(source),
        })?;
        Ok(lattice)
    }

    /// Where the lattice is: as the arguments say, or where the `weft up` of the data directory runs, or at the usual
    /// place.
    ///
    /// # Errors
    ///
    /// [`ContextError::NotRunning`] or [`ContextError::NotReady`] where a data directory is named that says nothing: at the
    /// usual place may be another lattice than the one that is meant.
    fn target(&mut self) -> Result<Target, ContextError> {
        if let Some(target) = self.told_target() {
            return Ok(target);
        }
        let Some(dir) = &self.global.data_dir else {
            return Ok(self.usual_target());
        };
        let path = self.directory.join(dir);
        // That it cannot be told was warned of already.
        Err(match run_file::is_locked(&path) {
            Ok(true) => ContextError::NotReady { path },
            Ok(false) | Err(_) => ContextError::NotRunning { path },
        })
    }

    /// Where the lattice is, where the arguments or the data directory say so.
    fn told_target(&mut self) -> Option<Target> {
        let running = match self.data_dir() {
            Ok(dir) => self.running_target(&dir),
            Err(_) => None,
        };
        let given = self.given_urls();
        if given.is_empty() {
            return running;
        }
        let (vantage, key_file) = match running {
            Some(running) if running.urls.iter().all(|url| given.contains(url)) => {
                (running.vantage, running.key_file)
            }
            _ => {
                let vantage = Vantage {
                    is_local: given.iter().all(|url| is_on_this_machine(url)),
                    shared_http: None,
                };
                (vantage, None)
            }
        };
        let origin = if self.global.nats_url.is_empty() {
            "as the environment of a wasmCloud 1.9 host says"
        } else {
            "as given"
        };
        Some(Target {
            urls: given,
            origin: origin.to_owned(),
            key_file,
            vantage,
            ..self.usual_target()
        })
    }

    /// The lattice at the usual place.
    fn usual_target(&self) -> Target {
        Target {
            urls: vec![NATS_URL_DEFAULT.to_owned()],
            lattice: self.given_lattice().unwrap_or_default(),
            domain: self.given_domain(),
            prefix: self.given_prefix(),
            origin: "the usual place".to_owned(),
            option: None,
            key_file: None,
            vantage: Vantage {
                is_local: true,
                shared_http: None,
            },
        }
    }

    /// The lattice that runs with the data directory. One that cannot be told is none: the command may not be about it.
    fn running_target(&mut self, dir: &Path) -> Option<Target> {
        let run = match run_file::is_locked(dir).and_then(|is_locked| {
            if is_locked {
                run_file::read(dir)
            } else {
                Ok(None)
            }
        }) {
            Ok(run) => run?,
            Err(error) => {
                if self.given_urls().is_empty() {
                    self.console.warn(&error.to_string());
                }
                return None;
            }
        };
        let lattice = match self.given_lattice() {
            Some(lattice) => lattice,
            None => run.lattice.parse().ok()?,
        };
        let prefix = run.control_prefix.and_then(|text| text.parse().ok());
        // A lattice elsewhere may have an HTTP address of its own on each host; this is one of them.
        let vantage = Vantage {
            is_local: is_on_this_machine(&run.nats_url),
            shared_http: run.http.and_then(|address| address.parse().ok()),
        };
        Some(Target {
            urls: vec![run.nats_url],
            lattice,
            domain: self.given_domain().or(run.js_domain),
            prefix: self.given_prefix().or(prefix),
            origin: format!("`weft up` runs there, process {}", run.pid),
            option: None,
            key_file: run.key_file,
            vantage,
        })
    }
}

/// Whether `url` names a server at the loopback address.
fn is_on_this_machine(url: &str) -> bool {
    let url = without_user(url);
    let server = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let server = server.split('/').next().unwrap_or_default();
    if let Ok(address) = server.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let host = match server.rsplit_once(':') {
        // More colons stand in an IPv6 address alone.
        Some((host, _)) if !host.contains(':') || host.ends_with(']') => host,
        _ => server,
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine() {
        let check = |url: &str, expected| assert_eq!(is_on_this_machine(url), expected, "{url}");
        check("nats://127.0.0.1:4222", true);
        check("localhost:4222", true);
        check("tls://ada:pw@[::1]:4222/", true);
        check("::1", true);
        check("nats://10.0.0.1:4222", false);
        check("nats://localhost.example:4222", false);
    }
}
