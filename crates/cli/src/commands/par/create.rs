//! `weft par create`: a provider archive of a program.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_artifact::claims::ProviderClaims;
use weft_artifact::par::{Builder, Compression, Target};

use super::binary::{compression, read_binary, target_or_this, write_archive};
use crate::artifacts::{ArtifactError, read_file};
use crate::context::Context;
use crate::failure::Failure;
use crate::keyring::{Kind, SigningArgs};

/// Make a provider archive of a program
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft par create target/release/echo --vendor acme
                                       Make echo.par.gz of a program for this platform
  weft par create echo-arm --target aarch64-linux --name echo --destination echo.par
                                       Make one for another platform, not compressed")]
pub(super) struct CreateArgs {
    /// The program
    #[arg(value_name = "PROGRAM")]
    program: PathBuf,

    /// The platform that it is for: architecture and system [default: this one]
    #[arg(
        long,
        visible_alias = "arch",
        env = "WEFT_TARGET",
        value_name = "TARGET",
        hide_env_values = true
    )]
    target: Option<Target>,

    /// A name for people [default: that of the program]
    #[arg(long, env = "WEFT_NAME", value_name = "NAME", hide_env_values = true)]
    name: Option<String>,

    /// Who makes it
    #[arg(
        long,
        env = "WEFT_VENDOR",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true
    )]
    vendor: String,

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

    /// File with the JSON schema of its config
    #[arg(long, env = "WEFT_SCHEMA", value_name = "FILE", hide_env_values = true)]
    schema: Option<PathBuf>,

    /// The archive [default: the name with `.par.gz`]; compressed where its name ends in `.gz`
    #[arg(
        long,
        short,
        env = "WEFT_DESTINATION",
        value_name = "FILE",
        hide_env_values = true
    )]
    destination: Option<PathBuf>,

    /// Compress it, whatever its name ends in
    #[arg(long, env = "WEFT_COMPRESS", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    compress: bool,

    /// Replace the archive if it is there
    #[arg(long, env = "WEFT_FORCE", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    force: bool,

    #[command(flatten)]
    signing: SigningArgs,
}

/// Makes the archive.
pub(super) fn run(args: &CreateArgs, context: &mut Context) -> Result<(), Failure> {
    let program = context.directory.join(&args.program);
    let bytes = read_binary(&program)?;
    let name = args.name.clone().unwrap_or_else(|| {
        let stem = program.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    });
    let file = match &args.destination {
        Some(path) => context.directory.join(path),
        None => context.directory.join(format!("{name}.par.gz")),
    };
    let claims = ProviderClaims {
        name: Some(name.clone()),
        vendor: args.vendor.clone(),
        revision: args.revision,
        version: args.version.clone(),
        config_schema: match &args.schema {
            Some(path) => Some(read_schema(context.directory.join(path))?),
            None => None,
        },
        ..ProviderClaims::default()
    };
    let key = format!("{}_provider", name.replace(char::is_whitespace, "_"));
    let signer = args.signing.signer(Kind::Provider, &key, None, context)?;
    let builder = Builder::new(claims).executable(target_or_this(args.target.as_ref()), bytes);
    let compression = if args.compress {
        Compression::Gzip
    } else {
        compression(&file)
    };
    let view = write_archive(builder, &signer, file, compression, args.force)?;
    context.show(&view);
    Ok(())
}

fn read_schema(path: PathBuf) -> Result<serde_json::Value, ArtifactError> {
    let bytes = read_file(&path)?;
    serde_json::from_slice(&bytes).map_err(|_| ArtifactError::Content {
        path,
        wanted: "a JSON schema",
    })
}
