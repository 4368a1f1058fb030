//! Artifacts for commands: opened as the arguments say, and shown while they come.

mod archive;
mod claims;
mod error;
mod examine;
mod output;
mod source;
mod watch;
mod wit;

pub(crate) use archive::ParEntry;
pub(crate) use claims::ClaimsView;
pub(crate) use error::ArtifactError;
pub(crate) use examine::{Content, Examined, Wit, examine, open_archive, read_archive};
pub(crate) use output::write_file;
pub(crate) use source::{EXTENSIONS, read_file, read_wasm, registry_reference};
pub(crate) use watch::watch;

use std::path::PathBuf;

use weft_artifact::registry::{self, Credential, Image, Secret};
use weft_artifact::{Artifacts, Options};
use weft_model::reference::{Location, Reference};
use weft_node::{ARTIFACTS_DIR, DataDir};

use crate::arguments::{LoginArgs, RegistryArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::secret::SecretFile;

/// What options about registries mean; no file was read.
pub(crate) fn registry_options(args: &RegistryArgs, context: &Context) -> registry::Options {
    let insecure = args.allowed_insecure.iter();
    let ca_files = args.tls_ca_path.iter();
    registry::Options {
        allows_latest: args.allow_latest,
        insecure: insecure
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect(),
        ca_files: ca_files.map(|path| context.directory.join(path)).collect(),
        docker_config: context.docker_config(args.docker_config.as_deref()),
        ..registry::Options::default()
    }
}

/// Artifacts for a command that is about `reference`.
pub(crate) async fn open(
    args: &RegistryArgs,
    login: &LoginArgs,
    reference: &Reference,
    context: &mut Context,
) -> Result<Artifacts, Failure> {
    let mut registry = registry_options(args, context);
    if let Some(name) = registry_name(reference) {
        if let Some(credential) = credential(login, context).await? {
            registry.credentials.insert(name.clone(), credential);
        }
        if login.insecure {
            registry.insecure.insert(name);
        }
    }
    let dir = match &args.artifacts_dir {
        Some(dir) => context.directory.join(dir),
        None => cache_dir(context)?,
    };
    let options = Options {
        dir: Some(dir),
        registry,
        ..Options::default()
    };
    let artifacts = Artifacts::open(options).map_err(ArtifactError::Fetch)?;
    Ok(artifacts)
}

/// The cache in the data directory, which is made if it is not there: for its owner alone, as `weft up` makes it.
fn cache_dir(context: &Context) -> Result<PathBuf, Failure> {
    let data_dir = context.data_dir()?;
    DataDir::make(&data_dir).map_err(|error| ArtifactError::DataDir(Box::new(error)))?;
    Ok(data_dir.join(ARTIFACTS_DIR))
}

fn registry_name(reference: &Reference) -> Option<String> {
    let Location::Registry(name) = reference.location() else {
        return None;
    };
    Some(Image::parse(name).ok()?.registry().to_owned())
}

async fn credential(
    login: &LoginArgs,
    context: &mut Context,
) -> Result<Option<Credential>, Failure> {
    let Some(user) = &login.user else {
        return Ok(None);
    };
    let password = match (&login.password, &login.password_file) {
        (Some(password), _) => password.clone(),
        (None, Some(file)) => {
            let file = SecretFile::at(file, &context.directory);
            file.read("password", &mut context.console).await?
        }
        (None, None) => return Err(ArtifactError::PasswordMissing.into()),
    };
    Ok(Some(Credential::Basic {
        username: user.clone(),
        password: Secret::new(password),
    }))
}
