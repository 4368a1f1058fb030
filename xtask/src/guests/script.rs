//! Guests in JavaScript and Python: the program and its interpreter in one component. The tools for that come from npm
//! and PyPI, at the versions that the guest's own manifest pins, into a directory outside git.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::install::{ensure_npm_packages, ensure_python_packages};
use crate::process::Process;

use super::discover::Language;
use super::encode::encode_component;
use super::fingerprint::Fingerprint;

/// The program that turns JavaScript into a component. It lies beside the npm packages, where Node.js looks for them.
const COMPONENTIZE: &str = include_str!("componentize.mjs");

/// One build of a guest.
pub(crate) struct Script<'a> {
    /// The language of the guest.
    pub(crate) language: Language,
    /// Its sources.
    pub(crate) directory: &'a Path,
    /// A directory for its tools.
    pub(crate) tools: PathBuf,
    /// The WIT text of WASI 0.2.
    pub(crate) standard_wit: &'a Path,
}

impl Script<'_> {
    /// What of this program goes into a component.
    pub(crate) fn fingerprint(language: Language) -> &'static str {
        match language {
            Language::JavaScript => COMPONENTIZE,
            Language::Python => "componentize-py",
        }
    }

    /// Builds the component.
    pub(crate) fn build(&self) -> Result<Vec<u8>> {
        let output = match self.language {
            Language::JavaScript => self.build_javascript(),
            Language::Python => self.build_python(),
        };
        let output = output.with_context(|| {
            format!(
                "cannot build {}; `--no-scripts` leaves out the guests in JavaScript and Python",
                self.directory.display()
            )
        })?;
        let bytes =
            fs::read(&output).with_context(|| format!("cannot read {}", output.display()))?;
        encode_component(bytes)
    }

    fn build_javascript(&self) -> Result<PathBuf> {
        let manifest = self.directory.join("package.json");
        let version = Fingerprint::new().file(&manifest)?.finish();
        ensure_npm_packages(&self.tools, &manifest, &version)?;
        let wit = self.stage_wit()?;
        let program = self.tools.join("componentize.mjs");
        write(&program, COMPONENTIZE)?;
        let output = self.tools.join("component.wasm");
        Process::new("node")
            .arg(&program)
            .arg(self.directory.join(self.language.main_file()))
            .args([&wit, &output])
            .run_quietly()?;
        Ok(output)
    }

    fn build_python(&self) -> Result<PathBuf> {
        let requirements = self.directory.join("requirements.txt");
        let version = Fingerprint::new().file(&requirements)?.finish();
        let why = "turn Python into components";
        let programs = ensure_python_packages(&self.tools, &requirements, &version, why)?;
        let wit = self.stage_wit()?;
        let output = self.tools.join("component.wasm");
        Process::new(programs.join("componentize-py"))
            .directory(&self.stage_program()?)
            .arg("--wit-path")
            .arg(&wit)
            .args(["--world", "hello", "componentize", "app", "--output"])
            .arg(&output)
            .run_quietly()?;
        Ok(output)
    }

    /// A copy of the program: the interpreter writes compiled files beside it, and the sources stay clean.
    fn stage_program(&self) -> Result<PathBuf> {
        let staged = self.tools.join("program");
        fs::create_dir_all(&staged)
            .with_context(|| format!("cannot create {}", staged.display()))?;
        let name = self.language.main_file();
        write(&staged.join(name), &read(&self.directory.join(name))?)?;
        Ok(staged)
    }

    /// The world of the guest with everything that it refers to, as the tools want it: in one directory. Interpreters
    /// speak one version of WASI 0.2 and no other: the standard text takes the version that the world names.
    fn stage_wit(&self) -> Result<PathBuf> {
        let staged = self.tools.join("wit");
        let dependencies = staged.join("deps");
        if staged.exists() {
            fs::remove_dir_all(&staged)
                .with_context(|| format!("cannot remove {}", staged.display()))?;
        }
        fs::create_dir_all(&dependencies)
            .with_context(|| format!("cannot create {}", dependencies.display()))?;
        let world = read(&self.directory.join("wit/world.wit"))?;
        write(&staged.join("world.wit"), &world)?;
        let wanted = find_wasi_version(&world);
        let standard = self.standard_wit.join("deps");
        let unreadable = || format!("cannot read {}", standard.display());
        for entry in fs::read_dir(&standard).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let text = read(&entry.path())?;
            let text = match (find_wasi_version(&text), wanted) {
                (Some(present), Some(wanted)) => text.replace(present, wanted),
                _ => text,
            };
            write(&dependencies.join(entry.file_name()), &text)?;
        }
        Ok(staged)
    }
}

/// The version of the first standard package that a WIT text names.
fn find_wasi_version(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("wasi:")?;
    let (_, rest) = rest.split_once('@')?;
    let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    Some(&rest[..end])
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_standard_packages_is_read_from_any_wit() {
        let check = |text, version| assert_eq!(find_wasi_version(text), version, "{text}");
        check("package wasi:io@0.2.12;\n", Some("0.2.12"));
        check(
            "package a:b;\nworld c {\n  export wasi:http/types@0.2.10;\n}",
            Some("0.2.10"),
        );
        check("package a:b;", None);
    }
}
