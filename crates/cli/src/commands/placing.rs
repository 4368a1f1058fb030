//! Where something is to run, and what from: the arguments that starting components and providers share.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use clap::Args;
use weft_lattice::Lattice;
use weft_lattice::control::ControlError;
use weft_model::id::{HostId, LatticeName};
use weft_model::inventory::HostInventory;
use weft_model::labels::Labels;
use weft_model::problem::Coded;
use weft_model::reference::Reference;

use super::get::{GetError, all_hosts, inspect, target_host};
use crate::arguments::{parse_duration, parse_label};
use crate::artifacts::EXTENSIONS;
use crate::context::Context;
use crate::failure::Failure;
use crate::status::Status;

/// How long the first bid may take unless the arguments say otherwise.
const AUCTION_TIMEOUT: Duration = Duration::from_secs(2);
const FILE_SCHEME: &str = "file://";
/// What paths begin with that are written without a scheme.
const PATH_STARTS: [&str; 3] = ["./", "../", "/"];

/// Where something is to run.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlaceArgs {
    /// The host: its id, the beginning of it, or its name [default: the first that bids in an auction]
    #[arg(
        long,
        visible_alias = "host-id",
        env = "WEFT_HOST",
        value_name = "HOST",
        hide_env_values = true
    )]
    pub(crate) host: Option<String>,

    /// Label that a host needs to bid; may be given several times
    #[arg(
        long, env = "WEFT_CONSTRAINT", value_name = "KEY=VALUE", value_parser = parse_label, value_delimiter = ',',
        hide_env_values = true, conflicts_with = "host"
    )]
    pub(crate) constraint: Vec<(String, String)>,

    /// How long hosts may take to bid [default: 2s]
    #[arg(
        long, env = "WEFT_AUCTION_TIMEOUT", value_name = "DURATION", value_parser = parse_duration,
        hide_env_values = true
    )]
    pub(crate) auction_timeout: Option<Duration>,
}

/// Why there is no place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// No host bids.
    #[error("no host of lattice `{lattice}` bids for {what}")]
    NoBid {
        /// What was to be started, such as ``component `web` ``.
        what: String,
        /// The lattice.
        lattice: LatticeName,
        /// How many hosts answer at all.
        hosts: usize,
        /// Whether labels were asked for.
        is_constrained: bool,
    },
    /// The image is none.
    #[error("`{text}` is no image")]
    Image {
        /// What was given.
        text: String,
        /// Why not.
        source: weft_model::reference::ParseReferenceError,
    },
    /// The image is a file, but not written as one.
    #[error("`{text}` is the name of a file, which would be taken for an image in a registry")]
    BareFile {
        /// What was given.
        text: String,
    },
}

/// The image that `text` means: paths of files are made whole.
///
/// # Errors
///
/// [`PlaceError::Image`], [`PlaceError::BareFile`].
pub(crate) fn read_image(context: &Context, text: &str) -> Result<Reference, PlaceError> {
    if is_bare_file(&context.directory, text) {
        return Err(PlaceError::BareFile {
            text: text.to_owned(),
        });
    }
    let whole = whole_image(&context.directory, text);
    whole.parse().map_err(|source| PlaceError::Image {
        text: text.to_owned(),
        source,
    })
}

/// Whether `text` names a file in `directory`, or looks as if it did, without any sign that it is a path.
fn is_bare_file(directory: &Path, text: &str) -> bool {
    let is_signed =
        text.contains([':', '@']) || PATH_STARTS.iter().any(|start| text.starts_with(start));
    let has_extension = || EXTENSIONS.iter().any(|end| text.ends_with(end));
    !is_signed && ((!text.contains('/') && has_extension()) || directory.join(text).is_file())
}

fn whole_image(directory: &Path, text: &str) -> String {
    let is_path = PATH_STARTS.iter().any(|start| text.starts_with(start));
    let path = match text.strip_prefix(FILE_SCHEME) {
        Some(path) => path,
        None if is_path => text,
        None => return text.to_owned(),
    };
    let mut whole = PathBuf::new();
    for part in directory.join(path).components() {
        match part {
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    format!("{FILE_SCHEME}{}", whole.display())
}

/// The host that is named, or the one that `auction` finds for `what`, with what it runs.
///
/// # Errors
///
/// A failure that says why there is none.
pub(crate) async fn place<E>(
    lattice: &Lattice,
    args: &PlaceArgs,
    what: &str,
    auction: impl FnOnce(Labels, Duration) -> E,
) -> Result<HostInventory, Failure>
where
    E: Future<Output = Result<Option<HostId>, ControlError>>,
{
    if let Some(host) = &args.host {
        return Ok(target_host(lattice, host).await?);
    }
    let constraints: Labels = args.constraint.iter().cloned().collect();
    let is_constrained = !constraints.is_empty();
    let window = args.auction_timeout.unwrap_or(AUCTION_TIMEOUT);
    let of = |error: ControlError| GetError::of(error, lattice.name());
    let first = auction(constraints, window).await.map_err(of)?;
    if let Some(host) = first {
        return Ok(inspect(lattice, &host).await?);
    }
    let hosts = all_hosts(&lattice.control(), None).await.map_err(of)?;
    if hosts.is_empty() {
        let lattice = lattice.name().clone();
        return Err(GetError::NoHost { lattice }.into());
    }
    Err(PlaceError::NoBid {
        what: what.to_owned(),
        lattice: lattice.name().clone(),
        hosts: hosts.len(),
        is_constrained,
    }
    .into())
}

// ===== impl PlaceError =====

impl Coded for PlaceError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoBid { .. } => "CTL004",
            Self::Image { .. } | Self::BareFile { .. } => "CTL005",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::NoBid { what, .. } => what.clone(),
            Self::Image { text, .. } | Self::BareFile { text } => text.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoBid {
                is_constrained: true,
                ..
            } => vec![
                "see the labels of hosts with `weft host list -o wide`".to_owned(),
                "hosts that run it already, or drain, do not bid; name one with `--host`"
                    .to_owned(),
            ],
            Self::NoBid { hosts, .. } => vec![format!(
                "of {}, those that run it already, or drain, do not bid; name one with `--host`",
                crate::ui::count(*hosts, "host")
            )],
            Self::Image { .. } => vec![
                "write a reference such as `ghcr.io/shop/web:1.0.0`, or a path such as `./web.wasm`"
                    .to_owned(),
            ],
            Self::BareFile { text } => vec![format!("write `./{text}` for a file")],
        }
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        let status = match error {
            PlaceError::NoBid { .. } => Status::Unreachable,
            PlaceError::Image { .. } | PlaceError::BareFile { .. } => Status::Usage,
        };
        Self::new(status, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_the_current_directory() {
        let check = |text: &str, expected: &str| {
            assert_eq!(whole_image(Path::new("/home/ada"), text), expected);
        };
        check("./web.wasm", "file:///home/ada/web.wasm");
        check("file://web.wasm", "file:///home/ada/web.wasm");
        check("/srv/web.wasm", "file:///srv/web.wasm");
        check("file:///srv/./web.wasm", "file:///srv/web.wasm");
        check("ghcr.io/shop/web:1", "ghcr.io/shop/web:1");
        check(
            "wasmcloud+builtin://http-server",
            "wasmcloud+builtin://http-server",
        );
    }

    #[test]
    fn names_of_files_are_no_images() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("build")).unwrap();
        for name in ["plain", "build/web.wasm", "web:1"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let check = |text: &str, expected: bool| {
            assert_eq!(is_bare_file(dir.path(), text), expected, "{text}");
        };
        for text in ["none.wasm", "kv.par.gz", "plain", "build/web.wasm"] {
            check(text, true);
        }
        for text in [
            "./none.wasm",
            "/srv/web.wasm",
            "file://none.wasm",
            "ghcr.io/shop/web.wasm",
            "web:1",
            "web",
        ] {
            check(text, false);
        }
    }
}
