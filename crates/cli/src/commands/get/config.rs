//! `weft get config`: named configs.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use weft_lattice::Lattice;
use weft_lattice::bucket::{Bucket, BucketError, BucketOptions, Entry};
use weft_lattice::protocol::json;
use weft_lattice::protocol::state::{config_bucket, is_secret};
use weft_model::application::Config;
use weft_model::id::ConfigName;

use super::error::GetError;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{Table, nearest};
use crate::view::{Block, SchemaVersion, View};

/// List the configs, or show one
///
/// References to secrets are configs too, whose names begin with `SECRET`; the secrets themselves are not in the lattice.
#[derive(Args, Debug)]
#[command(
    visible_alias = "configs",
    after_help = "\
Examples:
  weft get config                      List all configs
  weft get config shop-words           Show the values of one"
)]
pub(crate) struct ConfigArgs {
    /// The config whose values are shown
    name: Option<ConfigName>,
}

/// The configs of a lattice.
#[derive(Debug, Serialize)]
struct ConfigsView {
    schema_version: SchemaVersion,
    /// The lattice.
    lattice: String,
    /// By name.
    configs: Vec<ConfigSummary>,
}

/// A config in a list.
#[derive(Debug, Serialize)]
struct ConfigSummary {
    /// Its name.
    name: String,
    /// Its keys; `null` when it does not have the form of a config.
    keys: Option<Vec<String>>,
    /// Whether it is a reference to a secret.
    is_secret_reference: bool,
}

/// A config.
#[derive(Debug, Serialize)]
struct ConfigView {
    schema_version: SchemaVersion,
    /// Its name.
    name: String,
    /// Its values by key.
    values: BTreeMap<String, String>,
}

/// Shows one config, or lists all.
pub(super) async fn run(args: &ConfigArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.name {
        None => show_all(context).await,
        Some(name) => show_one(name, context).await,
    }
}

/// Lists all configs.
pub(crate) async fn show_all(context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let bucket = open(&lattice).await?;
    let configs = list(bucket.as_ref()).await?;
    context.show(&ConfigsView {
        schema_version: SchemaVersion,
        lattice: lattice.name().to_string(),
        configs,
    });
    Ok(())
}

/// Shows the values of a config.
pub(crate) async fn show_one(name: &ConfigName, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let entry = find(&lattice, name).await?;
    let values = json::decode(&entry.value).map_err(|source| GetError::Malformed {
        name: name.clone(),
        source,
    })?;
    context.show(&ConfigView {
        schema_version: SchemaVersion,
        name: name.to_string(),
        values,
    });
    Ok(())
}

/// The bucket of configs; `None` when no host has made it yet.
async fn open(lattice: &Lattice) -> Result<Option<Bucket>, GetError> {
    let name = config_bucket(lattice.name());
    match Bucket::open(lattice, &name, BucketOptions::default()).await {
        Ok(bucket) => Ok(Some(bucket)),
        Err(BucketError::Missing { .. }) => Ok(None),
        Err(error) => Err(GetError::Bucket(error)),
    }
}

async fn list(bucket: Option<&Bucket>) -> Result<Vec<ConfigSummary>, GetError> {
    let Some(bucket) = bucket else {
        return Ok(Vec::new());
    };
    let entries = bucket.entries().await.map_err(GetError::Bucket)?;
    let configs = entries.into_iter().map(|(name, entry)| {
        let config: Option<Config> = json::decode(&entry.value).ok();
        ConfigSummary {
            keys: config.map(|config| config.into_keys().collect()),
            is_secret_reference: name.parse().is_ok_and(|name| is_secret(&name)),
            name,
        }
    });
    Ok(configs.collect())
}

/// What is stored as the config `name`.
///
/// # Errors
///
/// [`GetError::UnknownConfig`] when there is none, [`GetError::Bucket`].
pub(crate) async fn find(lattice: &Lattice, name: &ConfigName) -> Result<Entry, GetError> {
    let unknown = |nearest: Vec<String>| GetError::UnknownConfig {
        name: name.clone(),
        lattice: lattice.name().clone(),
        nearest,
    };
    let Some(bucket) = open(lattice).await? else {
        return Err(unknown(Vec::new()));
    };
    let entry = match bucket.get(name.as_str()).await {
        Ok(entry) => entry,
        // What cannot be a key is not there.
        Err(BucketError::Key { .. }) => None,
        Err(error) => return Err(GetError::Bucket(error)),
    };
    if let Some(entry) = entry {
        return Ok(entry);
    }
    let keys = bucket.keys().await.unwrap_or_default();
    let near = nearest(name.as_str(), keys.iter().map(String::as_str));
    Err(unknown(near.into_iter().map(str::to_owned).collect()))
}

// ===== impl View =====

impl View for ConfigsView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        if self.configs.is_empty() {
            return vec![Block::Nothing("there are no configs".to_owned())];
        }
        let mut table = Table::new(["NAME", "KEYS"]);
        for config in &self.configs {
            let keys = match &config.keys {
                Some(keys) => keys.join(","),
                None => "(not a config)".to_owned(),
            };
            table.push([config.name.clone(), keys]);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        self.configs
            .iter()
            .map(|config| config.name.clone())
            .collect()
    }
}

impl View for ConfigView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        if self.values.is_empty() {
            let text = format!("config `{}` has no values", self.name);
            return vec![Block::Nothing(text)];
        }
        let mut table = Table::new(["KEY", "VALUE"]);
        for (key, value) in &self.values {
            table.push([key.clone(), value.clone()]);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }
}
