//! Makes the table of the pages of error codes, so that each page written is a page that `weft explain` knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = directory("CARGO_MANIFEST_DIR")?;
    let errors = root.join("../../docs/errors").canonicalize()?;
    tell_cargo(&errors);
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(&errors)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        if let Some(code) = path.file_stem().and_then(|stem| stem.to_str()) {
            pages.insert(code.to_owned(), path);
        }
    }
    let rows: Vec<String> = pages
        .iter()
        .map(|(code, path)| format!("Page {{ code: {code:?}, text: include_str!({path:?}) }}"))
        .collect();
    let table = format!("static PAGES: &[Page] = &[{}];\n", rows.join(", "));
    fs::write(directory("OUT_DIR")?.join("pages.rs"), table)
}

/// The directory that the variable names, which Cargo sets.
fn directory(variable: &str) -> io::Result<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other(format!("Cargo does not set {variable}")))
}

fn tell_cargo(errors: &Path) {
    println!("cargo::rerun-if-changed={}", errors.display());
}
