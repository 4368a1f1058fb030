//! Images that are files: where they are, whether they are there, and what is in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weft_artifact::FetchError;
use weft_manifest::{Code, Diagnostic, Document, Image, Severity};
use weft_model::digest::Digest;
use weft_model::problem::{Coded, render_chain};

const FILE_SCHEME: &str = "file://";
/// What paths begin with that are written without a scheme.
const PATH_STARTS: [&str; 3] = ["./", "../", "/"];

/// Makes the paths of files among `images` absolute, counted from `base`, and records their digests. What cannot be used
/// is told, and left as it is.
pub(super) fn prepare_images(
    document: &mut Document,
    images: &[Image],
    base: &Path,
) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    // One file may be the image of several components.
    let mut files: BTreeMap<PathBuf, Result<Digest, FetchError>> = BTreeMap::new();
    let mut rewritten: BTreeMap<&str, String> = BTreeMap::new();
    for image in images {
        let text = image.reference.as_str();
        let Some(path) = file_path(text).map(|path| absolute(base, path)) else {
            continue;
        };
        let Some(path_text) = path.to_str() else {
            let message = format!("the path `{}` is not UTF-8", path.display());
            diagnostics.push(error(image, message, Vec::new()));
            continue;
        };
        match files.entry(path.clone()).or_insert_with(|| hash(&path)) {
            Ok(digest) => {
                rewritten.insert(text, format!("{FILE_SCHEME}{path_text}"));
                if !document.set_digest(&image.component, digest) {
                    diagnostics.push(without_digest(image));
                }
            }
            Err(cause) => {
                let cause: &FetchError = cause;
                let hints = match cause {
                    FetchError::Missing { .. } => {
                        vec!["build it, or correct the path".to_owned()]
                    }
                    _ => cause.hints(),
                };
                diagnostics.push(error(image, render_chain(cause), hints));
            }
        }
    }
    document.map_images(|text| rewritten.get(text.trim()).cloned());
    diagnostics
}

/// The path in `image`, as it was written; `None` when it is not a file.
fn file_path(image: &str) -> Option<&str> {
    image.strip_prefix(FILE_SCHEME).or_else(|| {
        PATH_STARTS
            .iter()
            .any(|start| image.starts_with(start))
            .then_some(image)
    })
}

/// `path` counted from `base`, without parts that lead nowhere.
fn absolute(base: &Path, path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in base.join(path).components() {
        match part {
            std::path::Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

fn hash(path: &Path) -> Result<Digest, FetchError> {
    let bytes_max = weft_artifact::Options::default().artifact_bytes_max;
    weft_artifact::read_file(path, bytes_max).map(|bytes| weft_artifact::digest(&bytes))
}

fn error(image: &Image, message: String, hints: Vec<String>) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: Code::ImageFile,
        subject: format!("spec.components[{}].properties.image", image.component),
        message,
        span: image.span,
        hints,
    }
}

fn without_digest(image: &Image) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        code: Code::DigestAnnotation,
        message: format!(
            "the digest of this file is not recorded, as `{}` cannot stand in the key of an annotation: \
             another file under the same path is no new version",
            image.component
        ),
        ..error(
            image,
            String::new(),
            vec!["use letters, digits, `-`, `_` and `.` in the name of the component".to_owned()],
        )
    }
}
