//! Guests in the text format of WebAssembly: what a compiler does not make.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::encode::{encode_component, encode_module};

/// The world of the files that hold a core module; files that hold a component carry their own.
const WORLD_FILE: &str = "world.wit";
/// A line that begins so stands for the text of another file.
const INCLUDE: &str = ";;; include ";

/// Builds a component from a file.
pub(crate) fn build(file: &Path, standard_wit: &Path) -> Result<Vec<u8>> {
    let text = expand(file)?;
    let bytes = assemble(&text).with_context(|| format!("cannot assemble {}", file.display()))?;
    if wasmparser::Parser::is_component(&bytes) {
        return encode_component(bytes);
    }
    encode_module(bytes, &file.with_file_name(WORLD_FILE), standard_wit)
        .with_context(|| format!("cannot make a component of {}", file.display()))
}

/// Builds a component from text that names no other files.
pub(crate) fn build_text(text: &str) -> Result<Vec<u8>> {
    encode_component(assemble(text)?)
}

fn assemble(text: &str) -> Result<Vec<u8>> {
    Ok(wat::parse_str(text)?)
}

/// The text of a file with the files that it includes, one level deep.
fn expand(file: &Path) -> Result<String> {
    let read = |path: &PathBuf| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let mut expanded = String::new();
    for line in read(&file.to_owned())?.lines() {
        match line.trim_start().strip_prefix(INCLUDE) {
            Some(name) => expanded.push_str(&read(&file.with_file_name(name.trim()))?),
            None => expanded.push_str(line),
        }
        expanded.push('\n');
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_includes_its_neighbours() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.wat");
        fs::create_dir(directory.path().join("parts")).unwrap();
        fs::write(directory.path().join("parts/b.wat"), "(memory 1)").unwrap();
        fs::write(&file, "(module\n;;; include parts/b.wat\n)").unwrap();
        assert_eq!(expand(&file).unwrap(), "(module\n(memory 1)\n)\n");
        fs::write(&file, ";;; include c.wat").unwrap();
        assert!(expand(&file).unwrap_err().to_string().contains("c.wat"));
    }
}
