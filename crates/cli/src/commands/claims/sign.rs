//! `weft claims sign`: claims into a component.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_artifact::claims::{self, ComponentClaims};

use crate::artifacts::{ArtifactError, ClaimsView, read_wasm, write_file};
use crate::context::Context;
use crate::failure::Failure;
use crate::keyring::{Kind, SigningArgs};
use crate::view::{Block, SchemaVersion, View};

/// Sign a component
///
/// Claims that it has are replaced. Sign last: whatever changes a component afterwards, such as stripping it, breaks the
/// hash.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft claims sign web.wasm --name web --version 1.2.0
                                       Sign into web_s.wasm, with keys that are made the first time
  weft claims sign web.wasm --issuer acme --expires 90d --destination web.wasm --force
                                       Sign in place with one's own key, for three months")]
pub(super) struct SignArgs {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// A name for people [default: that of the file]
    #[arg(long, env = "WEFT_NAME", value_name = "NAME", hide_env_values = true)]
    name: Option<String>,

    /// A version for people
    #[arg(
        long,
        env = "WEFT_VERSION",
        value_name = "VERSION",
        hide_env_values = true
    )]
    version: Option<String>,

    /// A number that grows
    #[arg(
        long,
        env = "WEFT_REVISION",
        value_name = "NUMBER",
        hide_env_values = true
    )]
    revision: Option<i32>,

    /// A word about it; may be given several times
    #[arg(long, env = "WEFT_TAG", value_name = "WORD", hide_env_values = true)]
    tag: Vec<String>,

    /// Another name by which it may be called
    #[arg(
        long,
        env = "WEFT_CALL_ALIAS",
        value_name = "NAME",
        hide_env_values = true
    )]
    call_alias: Option<String>,

    /// The signed component [default: the file with `_s` behind its name]
    #[arg(
        long,
        short,
        env = "WEFT_DESTINATION",
        value_name = "FILE",
        hide_env_values = true
    )]
    destination: Option<PathBuf>,

    /// Replace the destination if it is there
    #[arg(long, env = "WEFT_FORCE", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    force: bool,

    #[command(flatten)]
    signing: SigningArgs,
}

/// A component that was signed.
#[derive(Debug, Serialize)]
struct SignView {
    schema_version: SchemaVersion,
    /// The signed component.
    file: PathBuf,
    /// What its claims say.
    claims: ClaimsView,
}

/// Signs the component.
pub(super) fn run(args: &SignArgs, context: &mut Context) -> Result<(), Failure> {
    let path = context.directory.join(&args.file);
    let wasm = read_wasm(&path)?;
    let stem = stem(&path);
    let failed = |source| ArtifactError::Claims {
        path: path.clone(),
        source,
    };
    // What it is known by stays, where it was signed before by somebody.
    let former = claims::read(&wasm).map_err(failed)?;
    let known = former.as_ref().map(|token| token.claims().subject.as_str());
    let key = format!("{stem}_component");
    let signer = args.signing.signer(Kind::Component, &key, known, context)?;
    let said = ComponentClaims {
        name: Some(args.name.clone().unwrap_or_else(|| stem.clone())),
        tags: (!args.tag.is_empty()).then(|| args.tag.clone()),
        revision: args.revision,
        version: args.version.clone(),
        call_alias: args.call_alias.clone(),
        ..ComponentClaims::default()
    };
    let signed = claims::sign(&wasm, &signer.subject, said, signer.times, &signer.issuer);
    let signed = signed.map_err(failed)?;
    let file = match &args.destination {
        Some(path) => context.directory.join(path),
        None => path.with_file_name(format!("{stem}_s.wasm")),
    };
    let claims = ClaimsView::of_component(&signed, SystemTime::now()).map_err(failed)?;
    write_file(&file, args.force, |to| to.write_all(&signed))?;
    if let Some(claims) = claims {
        context.show(&SignView {
            schema_version: SchemaVersion,
            file,
            claims,
        });
    }
    Ok(())
}

/// The name of a file without what it ends in.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

impl View for SignView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let claims = &self.claims;
        vec![
            Block::Line(self.file.display().to_string()),
            Block::Done(format!("signed {} by {}", claims.subject, claims.issuer)),
        ]
    }

    fn names(&self) -> Vec<String> {
        vec![self.file.display().to_string()]
    }
}
