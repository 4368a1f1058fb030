//! What stopping a component and stopping a provider have in common: where, whether, and that it does not run.

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::Lattice;
use weft_model::id::LatticeName;
use weft_model::inventory::HostInventory;

use super::get::{GetError, hosts_where, target_host};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{join_words, nearest};

/// Where something is stopped.
#[derive(Args, Debug)]
pub(super) struct PlaceArgs {
    /// The host: its id, the beginning of it, or its name [default: all that run it]
    #[arg(
        long,
        visible_alias = "host-id",
        env = "WEFT_HOST",
        value_name = "HOST",
        hide_env_values = true
    )]
    host: Option<String>,

    /// Do not ask
    #[arg(long, short, env = "WEFT_YES", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    yes: bool,
}

/// What may be stopped, by its kind and id.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) kind: &'static str,
    pub(super) id: &'a str,
}

impl PlaceArgs {
    /// The hosts that run it, after asking. `ids` are those of its kind that a host runs.
    ///
    /// # Errors
    ///
    /// When none does, or the answer is no.
    pub(super) async fn agreed_hosts(
        &self,
        subject: Subject<'_>,
        lattice: &Lattice,
        ids: impl Fn(&HostInventory) -> Vec<&str>,
        context: &mut Context,
    ) -> Result<Vec<HostInventory>, Failure> {
        let mut hosts = match &self.host {
            Some(host) => vec![target_host(lattice, host).await?],
            None => hosts_where(lattice, |_| true).await?,
        };
        let runs_it = |host: &HostInventory| ids(host).contains(&subject.id);
        if !hosts.iter().any(runs_it) {
            let named = self.host.as_ref().and_then(|_| hosts.first());
            let others = hosts.iter().flat_map(&ids);
            return Err(subject.not_running(lattice.name(), others, named).into());
        }
        hosts.retain(runs_it);
        subject.confirm_stop(&hosts, self.yes, context).await?;
        Ok(hosts)
    }
}

impl Subject<'_> {
    /// Asks whether it may be stopped.
    pub(super) async fn confirm_stop(
        self,
        hosts: &[HostInventory],
        yes: bool,
        context: &mut Context,
    ) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        let Self { kind, id } = self;
        let names = hosts.iter().map(|host| host.friendly_name.as_str());
        let names = join_words(&names.collect::<Vec<_>>());
        let action = format!("stopping {kind} `{id}`");
        let consequence = format!("this stops {kind} `{id}` on {names}.");
        context.console.confirm(&action, &consequence).await?;
        Ok(())
    }

    /// That nobody runs it, or not `named`, with those of `others` that are near.
    pub(super) fn not_running<'a>(
        self,
        lattice: &LatticeName,
        others: impl Iterator<Item = &'a str>,
        named: Option<&HostInventory>,
    ) -> GetError {
        GetError::NotRunning {
            kind: self.kind,
            id: self.id.to_owned(),
            host: named.map(|host| host.friendly_name.clone()),
            lattice: lattice.clone(),
            nearest: nearest(self.id, others)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }
}
