//! `weft watch`: what happens in a lattice, as it happens.

mod filter;
mod line;
mod view;

use std::collections::BTreeMap;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::event::{Events, Item};
use weft_model::id::EntityId;

use self::filter::{Filter, KINDS};
use self::view::EventView;
use super::awaited::Awaited;
use super::get::{GetError, all_hosts, target_host};
use super::outcome::OutcomeError;
use crate::context::Context;
use crate::failure::Failure;

/// How many events may wait to be printed.
const CAPACITY: usize = 10_000;

/// Watch what happens in the lattice: events as they are told
///
/// Heartbeats, by which hosts tell every half minute what they run, are left out unless their kind is named. Runs until
/// interrupted, or until so many events were told as `--count` says.
#[derive(Args, Debug)]
#[command(
    visible_alias = "events",
    after_help = "\
Examples:
  weft watch                           See what happens from now on
  weft watch --component web           See what happens to a component
  weft watch --kind 'provider_*' --host quiet-river
  weft watch -o json | jq .kind        An object of JSON per line
  weft watch --kind component_scaled --count 1
                                       Wait for an event"
)]
pub(crate) struct WatchArgs {
    /// Kind of events, `*` standing for any letters; may be given several times [default: all but heartbeats]
    #[arg(
        long,
        short,
        env = "WEFT_KIND",
        value_name = "KIND",
        value_delimiter = ',',
        hide_env_values = true
    )]
    kind: Vec<String>,

    /// Only what is about this component
    #[arg(
        long,
        visible_alias = "provider",
        env = "WEFT_COMPONENT",
        value_name = "ID",
        hide_env_values = true
    )]
    component: Option<EntityId>,

    /// Only what this host tells: its id, the beginning of it, or its name
    #[arg(
        long,
        visible_alias = "host-id",
        env = "WEFT_HOST",
        value_name = "HOST",
        hide_env_values = true
    )]
    host: Option<String>,

    /// End after so many events
    #[arg(
        long,
        env = "WEFT_COUNT",
        value_name = "NUMBER",
        hide_env_values = true
    )]
    count: Option<u64>,

    /// List the kinds of events, and end
    #[arg(long, env = "WEFT_KINDS", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    kinds: bool,
}

/// Prints events until interrupted.
pub(crate) async fn run(args: &WatchArgs, context: &mut Context) -> Result<(), Failure> {
    if args.kinds {
        for kind in KINDS {
            context.console.data(&format!("{kind}\n"));
        }
        return Ok(());
    }
    filter::check_kinds(&args.kind)?;
    let lattice = context.connect().await?;
    // First, so that nothing is missed while the hosts are asked for their names.
    let mut events = Events::follow(&lattice, CAPACITY)
        .await
        .map_err(OutcomeError::Follow)?;
    let host = match &args.host {
        Some(host) => Some(target_host(&lattice, host).await?.host.to_string()),
        None => None,
    };
    let filter = Filter::new(&args.kind, args.component.as_ref(), host);
    let known = all_hosts(&lattice.control(), None).await;
    let known = known.map_err(|error| GetError::of(error, lattice.name()));
    let names = known
        .unwrap_or_default()
        .into_iter()
        .map(|host| (host.id, host.friendly_name))
        .collect();
    context
        .console
        .note(&format!("watching lattice `{}`", lattice.name()));
    let awaited = Awaited::new("event", args.count, context.global.timeout);
    follow(&mut events, &filter, names, awaited, context).await
}

/// Prints the events that `filter` takes; `names` are those of hosts by their ids.
async fn follow(
    events: &mut Events,
    filter: &Filter,
    mut names: BTreeMap<String, String>,
    mut awaited: Awaited,
    context: &mut Context,
) -> Result<(), Failure> {
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    while !awaited.is_over() && !context.console.is_output_closed() {
        let item = tokio::select! {
            item = events.next() => item,
            late = awaited.late() => return Err(late.into()),
            _ = &mut interrupted => return Ok(()),
        };
        match item {
            None => return Ok(()),
            Some(Item::Event(event)) => {
                view::learn_name(&event, &mut names);
                if filter.takes(&event) {
                    let view = EventView::new(&event, names.get(&event.source));
                    context.console.show_line(&view);
                    awaited.note();
                }
            }
            Some(Item::Lagged { dropped }) => {
                let dropped = usize::try_from(dropped).unwrap_or(usize::MAX);
                let events = crate::ui::count(dropped, "event");
                context.console.warn(&format!(
                    "{events} left out: they came faster than they were printed"
                ));
            }
            Some(Item::Interrupted) => {
                let text = "NATS was unreachable; what happened meanwhile is not known";
                context.console.warn(text);
            }
            Some(Item::Malformed { subject, .. }) => {
                let text = format!("a message on `{subject}` is not understood");
                context.console.warn(&text);
            }
            Some(_) => {}
        }
    }
    Ok(())
}
