//! The ways to compile Rust to WebAssembly, and which of them this machine has.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::install::{ensure_debian_packages, upgrade_debian_packages};
use crate::process::{Process, cargo, find_program};
use crate::terminal::say;

/// Where Debian puts its compiler.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// The compiler and the sources of its standard library. The packages for building web browsers are the recent ones.
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
/// The oldest minor version of Rust 1 that compiles what guests depend on.
const RUST_MINOR_MIN: u32 = 88;
/// The target that makes components by itself.
const COMPONENT_TARGET: &str = "wasm32-wasip2";
/// The target whose standard library needs nothing but itself to build.
const BARE_TARGET: &str = "wasm32-unknown-unknown";

/// Variables that change what the compiler makes and are meant for the host, or are there because cargo runs us.
const REMOVED_VARIABLES: [&str; 6] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "LD_LIBRARY_PATH",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
];

/// A way to compile Rust to WebAssembly.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Recipe {
    /// The toolchain has the target [`COMPONENT_TARGET`].
    Installed {
        /// What the compiler says of itself.
        version: String,
    },
    /// No toolchain has a WebAssembly target: the standard library is built from its sources, for [`BARE_TARGET`].
    NoTarget {
        /// A compiler that has the sources of its standard library.
        rustc: PathBuf,
        /// A linker for WebAssembly.
        linker: PathBuf,
        /// What the compiler says of itself.
        version: String,
    },
}

/// A compiler and what is installed with it.
#[derive(Clone, Debug)]
struct Toolchain {
    rustc: PathBuf,
    sysroot: PathBuf,
    version: String,
}

impl Recipe {
    /// The best recipe for this machine. Installs what it needs, where that can be had.
    pub(crate) fn ensure() -> Result<Self> {
        let active = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let active = Toolchain::inspect(Path::new(&active))?;
        if active.has_target(COMPONENT_TARGET) {
            return Ok(Self::Installed {
                version: active.version,
            });
        }
        let compiler = match find_with_sources(&active) {
            Some(compiler) => compiler,
            None => install_with_sources()?,
        };
        let linker = match find_linker(&[&active, &compiler]) {
            Some(linker) => linker,
            None => install_linker()?,
        };
        Ok(Self::NoTarget {
            rustc: compiler.rustc,
            linker,
            version: compiler.version,
        })
    }

    /// The target that cargo is given.
    pub(crate) fn target(&self) -> &'static str {
        match self {
            Self::Installed { .. } => COMPONENT_TARGET,
            Self::NoTarget { .. } => BARE_TARGET,
        }
    }

    /// What is going to happen, for the person who waits.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Installed { .. } => format!("compiling for {COMPONENT_TARGET}"),
            Self::NoTarget { rustc, .. } => format!(
                "compiling for {BARE_TARGET} with {}, as the target {COMPONENT_TARGET} is not installed; the standard \
                 library takes a minute the first time",
                rustc.display()
            ),
        }
    }

    /// Everything about the recipe that goes into a component.
    pub(crate) fn fingerprint(&self) -> String {
        let version = match self {
            Self::Installed { version } | Self::NoTarget { version, .. } => version,
        };
        format!("{} {version}", self.target())
    }

    /// The build of some crates of a workspace. Cargo reports what it made as JSON on stdout.
    pub(crate) fn build(&self, workspace: &Path, packages: &[&str], target: &Path) -> Process {
        let mut process = Process::new(cargo())
            .directory(workspace)
            .args(self.arguments(packages))
            .env("CARGO_TARGET_DIR", target);
        for name in REMOVED_VARIABLES {
            process = process.env_remove(name);
        }
        for (name, value) in self.variables() {
            process = process.env(name, value);
        }
        process
    }

    fn arguments(&self, packages: &[&str]) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "build",
            "--release",
            "--locked",
            "--message-format=json-render-diagnostics",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("--target={}", self.target()));
        if let Self::NoTarget { .. } = self {
            arguments.push("-Zbuild-std=std,panic_abort".to_owned());
        }
        arguments.extend(
            packages
                .iter()
                .map(|package| format!("--package={package}")),
        );
        arguments
    }

    fn variables(&self) -> Vec<(&'static str, &OsStr)> {
        match self {
            Self::Installed { .. } => Vec::new(),
            Self::NoTarget { rustc, linker, .. } => vec![
                ("RUSTC", rustc.as_os_str()),
                // Building the standard library is not stable: this lets a stable compiler do it.
                ("RUSTC_BOOTSTRAP", OsStr::new("1")),
                (
                    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
                    linker.as_os_str(),
                ),
            ],
        }
    }
}

// ===== impl Toolchain =====

impl Toolchain {
    fn inspect(rustc: &Path) -> Result<Self> {
        let sysroot = Process::new(rustc).args(["--print", "sysroot"]).read()?;
        let version = Process::new(rustc).arg("-vV").read()?;
        Ok(Self {
            rustc: rustc.to_owned(),
            sysroot: PathBuf::from(sysroot.trim()),
            version,
        })
    }

    fn has_target(&self, target: &str) -> bool {
        self.rustlib().join(target).join("lib").is_dir()
    }

    fn has_sources(&self) -> bool {
        self.rustlib().join("src/rust/library/Cargo.lock").is_file()
    }

    /// Whether it compiles what guests depend on.
    fn is_recent(&self) -> bool {
        let minor = self
            .version
            .strip_prefix("rustc 1.")
            .and_then(|rest| rest.split('.').next());
        minor
            .and_then(|minor| minor.parse().ok())
            .is_some_and(|minor: u32| minor >= RUST_MINOR_MIN)
    }

    /// The linker that comes with toolchains from rustup.
    fn own_linker(&self) -> Option<PathBuf> {
        let host = self
            .version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))?;
        let linker = self.rustlib().join(host).join("bin/rust-lld");
        linker.is_file().then_some(linker)
    }

    fn rustlib(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib")
    }
}

fn find_with_sources(active: &Toolchain) -> Option<Toolchain> {
    if active.has_sources() {
        return Some(active.clone());
    }
    let debian = Path::new(DEBIAN_RUSTC);
    if !debian.is_file() {
        return None;
    }
    Toolchain::inspect(debian)
        .ok()
        .filter(|toolchain| toolchain.has_sources() && toolchain.is_recent())
}

fn install_with_sources() -> Result<Toolchain> {
    say(format_args!(
        "no Rust toolchain here has the target {COMPONENT_TARGET}: `rustup target add {COMPONENT_TARGET}` is the \
         quickest way where rustup can download"
    ));
    let why = "a Rust compiler with the sources of its standard library is needed to build guests without that target";
    ensure_debian_packages(&DEBIAN_PACKAGES, why)?;
    let mut installed = Toolchain::inspect(Path::new(DEBIAN_RUSTC))?;
    if !installed.is_recent() {
        // What package lists of long ago led to, or what was there already: Debian's security updates have a newer one.
        upgrade_debian_packages(&DEBIAN_PACKAGES, why)?;
        installed = Toolchain::inspect(Path::new(DEBIAN_RUSTC))?;
    }
    if !installed.is_recent() {
        bail!(
            "the newest Rust compiler that Debian has here is `{}`, and guests need 1.{RUST_MINOR_MIN}: use a toolchain \
             with the target {COMPONENT_TARGET}",
            installed.version.lines().next().unwrap_or_default()
        );
    }
    if !installed.has_sources() {
        bail!(
            "{DEBIAN_RUSTC} does not find the sources of its standard library below {}",
            installed.sysroot.display()
        );
    }
    Ok(installed)
}

fn find_linker(toolchains: &[&Toolchain]) -> Option<PathBuf> {
    toolchains
        .iter()
        .find_map(|toolchain| toolchain.own_linker())
        .or_else(|| find_program("wasm-ld"))
}

fn install_linker() -> Result<PathBuf> {
    ensure_debian_packages(
        &["lld"],
        "a linker for WebAssembly is needed to build guests",
    )?;
    find_program("wasm-ld").context("the package lld has no wasm-ld")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_target() -> Recipe {
        Recipe::NoTarget {
            rustc: "/usr/bin/rustc".into(),
            linker: "/toolchain/rust-lld".into(),
            version: "rustc 1.96.0".to_owned(),
        }
    }

    fn installed() -> Recipe {
        Recipe::Installed {
            version: "rustc 1.96.0".to_owned(),
        }
    }

    #[test]
    fn the_installed_target_is_used_as_it_is() {
        assert_eq!(
            installed().arguments(&["a", "b"]),
            [
                "build",
                "--release",
                "--locked",
                "--message-format=json-render-diagnostics",
                "--target=wasm32-wasip2",
                "--package=a",
                "--package=b",
            ]
        );
        assert!(installed().variables().is_empty());
    }

    #[test]
    fn without_a_target_the_standard_library_is_built_by_the_compiler_that_has_its_sources() {
        let recipe = no_target();
        let arguments = recipe.arguments(&["a"]);
        assert!(arguments.contains(&"--target=wasm32-unknown-unknown".to_owned()));
        assert!(arguments.contains(&"-Zbuild-std=std,panic_abort".to_owned()));
        let variables = recipe.variables();
        assert!(variables.contains(&("RUSTC", OsStr::new("/usr/bin/rustc"))));
        assert!(variables.contains(&("RUSTC_BOOTSTRAP", OsStr::new("1"))));
        assert!(variables.contains(&(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            OsStr::new("/toolchain/rust-lld")
        )));
    }

    #[test]
    fn the_recipe_is_part_of_the_fingerprint() {
        assert_ne!(no_target().fingerprint(), installed().fingerprint());
    }

    #[test]
    fn a_compiler_that_is_too_old_for_guests_is_known_by_its_version() {
        let recent = |version: &str| {
            let toolchain = Toolchain {
                rustc: "rustc".into(),
                sysroot: PathBuf::new(),
                version: version.to_owned(),
            };
            toolchain.is_recent()
        };
        assert!(recent("rustc 1.96.0 (abc 2026-01-01) (Debian)\nhost: x\n"));
        assert!(recent("rustc 1.88.0"));
        assert!(!recent("rustc 1.85.0 (4d91de4e4 2025-02-17)"));
        assert!(!recent("something else"));
    }

    #[test]
    fn a_toolchain_has_what_its_directory_has() {
        let sysroot = tempfile::tempdir().unwrap();
        let toolchain = Toolchain {
            rustc: "rustc".into(),
            sysroot: sysroot.path().to_owned(),
            version: "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\n".to_owned(),
        };
        assert!(!toolchain.has_target(COMPONENT_TARGET));
        assert!(!toolchain.has_sources());
        assert_eq!(toolchain.own_linker(), None);
        let rustlib = sysroot.path().join("lib/rustlib");
        let linker = rustlib.join("x86_64-unknown-linux-gnu/bin/rust-lld");
        for file in [
            &rustlib.join("wasm32-wasip2/lib/self-contained/libc.a"),
            &rustlib.join("src/rust/library/Cargo.lock"),
            &linker,
        ] {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        assert!(toolchain.has_target(COMPONENT_TARGET));
        assert!(toolchain.has_sources());
        assert_eq!(toolchain.own_linker(), Some(linker));
    }
}
