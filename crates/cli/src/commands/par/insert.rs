//! `weft par insert`: one more program into a provider archive.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use weft_artifact::par::{Builder, Compression, Limits, Target};

use super::binary::{read_binary, target_or_this, write_archive};
use crate::artifacts::{ArtifactError, open_archive};
use crate::context::Context;
use crate::failure::Failure;
use crate::keyring::{Kind, SigningArgs};

/// Put the program for a platform into a provider archive, in the place of one for the same platform
///
/// The archive is signed anew, for the same subject unless another one is named.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft par insert echo.par.gz build/echo-arm --target aarch64-linux
                                       Put the program for another platform in
  weft par insert echo.par.gz target/release/echo --issuer acme
                                       Replace the one for this platform, signed with one's key")]
pub(super) struct InsertArgs {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    archive: PathBuf,

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

    #[command(flatten)]
    signing: SigningArgs,
}

/// Puts the program in.
pub(super) fn run(args: &InsertArgs, context: &mut Context) -> Result<(), Failure> {
    let archive = context.directory.join(&args.archive);
    let program = read_binary(&context.directory.join(&args.program))?;
    let compression = compression_of(&archive)?;
    let read = Builder::from_archive(
        open_archive(&archive)?,
        &Limits::default(),
        SystemTime::now(),
    );
    let (builder, former) = read.map_err(|source| ArtifactError::Archive {
        path: archive.clone(),
        source,
    })?;
    let known = Some(former.subject.as_str());
    let signer = args
        .signing
        .signer(Kind::Provider, "provider", known, context)?;
    let builder = builder.executable(target_or_this(args.target.as_ref()), program);
    let view = write_archive(builder, &signer, archive, compression, true)?;
    context.show(&view);
    Ok(())
}

/// How the archive is compressed now.
fn compression_of(path: &Path) -> Result<Compression, ArtifactError> {
    let mut magic = [0; 2];
    let file: fs::File = open_archive(path)?;
    let is_compressed = file.take(2).read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    Ok(if is_compressed {
        Compression::Gzip
    } else {
        Compression::None
    })
}
