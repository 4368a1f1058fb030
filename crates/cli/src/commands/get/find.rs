//! Finding hosts: all of them, or the one that is meant.

use std::time::{Duration, Instant};

use weft_lattice::control::{Client, ControlError};
use weft_lattice::protocol::control::HostSummary;
use weft_lattice::{Lattice, RequestError};
use weft_model::id::HostId;
use weft_model::inventory::HostInventory;

use super::error::GetError;
use super::inventory::ask;
use crate::ui::nearest;

/// How long the first answer may take unless the arguments say otherwise.
const FIRST_TIMEOUT: Duration = Duration::from_secs(2);
/// The least time that all hosts are given to answer.
const WINDOW_MIN: Duration = Duration::from_millis(500);
/// Bytes of a whole id of a host: a public key.
const HOST_ID_BYTES: usize = 56;
/// How many times as long as the first answer took all of them are given.
const WINDOW_FACTOR: u32 = 10;

/// The hosts that answer within `timeout`, in the order of their names and ids. Nobody knows how many there are, so
/// without a `timeout` they are given a multiple of the time that the first answer takes.
pub(crate) async fn all_hosts(
    control: &Client,
    timeout: Option<Duration>,
) -> Result<Vec<HostSummary>, ControlError> {
    let window = match timeout {
        Some(timeout) => timeout,
        None => {
            let begun = Instant::now();
            let first = control.ping_expecting(1, FIRST_TIMEOUT).await?;
            if first.is_empty() {
                return Ok(first);
            }
            (begun.elapsed() * WINDOW_FACTOR).clamp(WINDOW_MIN, FIRST_TIMEOUT)
        }
    };
    let mut hosts = control.ping(window).await?;
    hosts.sort_by(|a, b| (&a.friendly_name, &a.id).cmp(&(&b.friendly_name, &b.id)));
    hosts.dedup_by(|a, b| a.id == b.id);
    Ok(hosts)
}

/// The host that `text` means: its id, the beginning of its id, or its name.
///
/// # Errors
///
/// [`GetError::NoHost`], [`GetError::UnknownHost`], [`GetError::AmbiguousHost`].
pub(super) async fn find_host(
    lattice: &Lattice,
    timeout: Option<Duration>,
    text: &str,
) -> Result<HostSummary, GetError> {
    let hosts = all_hosts(&lattice.control(), timeout)
        .await
        .map_err(|error| GetError::of(error, lattice.name()))?;
    if hosts.is_empty() {
        return Err(GetError::NoHost {
            lattice: lattice.name().clone(),
        });
    }
    choose(hosts, text).map_err(|choice| match choice {
        Choice::None { nearest } => GetError::UnknownHost {
            host: text.to_owned(),
            lattice: lattice.name().clone(),
            nearest,
        },
        Choice::Several { matches } => GetError::AmbiguousHost {
            host: text.to_owned(),
            matches,
        },
    })
}

/// The host that `text` means, with what it runs. A whole id is asked at once, without looking who else is there.
///
/// # Errors
///
/// As [`find_host`], and [`GetError::Control`] when the host does not tell what it runs.
pub(crate) async fn target_host(lattice: &Lattice, text: &str) -> Result<HostInventory, GetError> {
    if text.len() == HOST_ID_BYTES
        && let Ok(host) = text.parse()
    {
        match lattice.control().inventory(&host).await {
            Ok(inventory) => return Ok(inventory.value),
            // Nobody of that id: those that are near are told below.
            Err(ControlError::Request {
                source: RequestError::NoResponders { .. },
                ..
            }) => {}
            Err(error) => return Err(GetError::Control(error)),
        }
    }
    let summary = find_host(lattice, None, text).await?;
    match summary.host() {
        Ok(host) => inspect(lattice, &host).await,
        Err(_) => Err(GetError::UnknownHost {
            host: text.to_owned(),
            lattice: lattice.name().clone(),
            nearest: Vec::new(),
        }),
    }
}

/// What `host` runs.
///
/// # Errors
///
/// [`GetError::Control`].
pub(crate) async fn inspect(lattice: &Lattice, host: &HostId) -> Result<HostInventory, GetError> {
    let inventory = lattice.control().inventory(host).await;
    Ok(inventory.map_err(GetError::Control)?.value)
}

/// The hosts of which `is_it` holds, with what they run, in the order of their names and ids. Hosts that do not tell what
/// they run are left out.
///
/// # Errors
///
/// [`GetError::NoHost`] when none answers.
pub(crate) async fn hosts_where(
    lattice: &Lattice,
    is_it: impl Fn(&HostInventory) -> bool,
) -> Result<Vec<HostInventory>, GetError> {
    let of = |error: ControlError| GetError::of(error, lattice.name());
    let summaries = all_hosts(&lattice.control(), None).await.map_err(of)?;
    if summaries.is_empty() {
        let lattice = lattice.name().clone();
        return Err(GetError::NoHost { lattice });
    }
    let ids = summaries.iter().filter_map(|host| host.host().ok());
    let answers = ask(lattice, ids).await.into_iter();
    let told = answers.filter_map(|(_, answer)| answer.ok());
    let mut hosts: Vec<HostInventory> = told
        .map(|inventory| inventory.value)
        .filter(|inventory| is_it(inventory))
        .collect();
    hosts.sort_by(|a, b| (&a.friendly_name, &a.host).cmp(&(&b.friendly_name, &b.host)));
    Ok(hosts)
}

/// Why a text does not mean one host.
#[derive(Debug, Eq, PartialEq)]
enum Choice {
    None { nearest: Vec<String> },
    Several { matches: Vec<String> },
}

fn choose(hosts: Vec<HostSummary>, text: &str) -> Result<HostSummary, Choice> {
    if let Some(host) = hosts.iter().find(|host| host.id == text) {
        return Ok(host.clone());
    }
    let candidates = hosts
        .iter()
        .flat_map(|host| [host.friendly_name.as_str(), host.id.as_str()]);
    let near = nearest(text, candidates)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut matches: Vec<HostSummary> = hosts
        .into_iter()
        .filter(|host| {
            host.friendly_name == text || (!text.is_empty() && host.id.starts_with(text))
        })
        .collect();
    match matches.len() {
        0 => Err(Choice::None { nearest: near }),
        1 => Ok(matches.remove(0)),
        _ => Err(Choice::Several {
            matches: matches.into_iter().map(|host| host.id).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Vec<HostSummary> {
        [
            ("NABC", "quiet-river"),
            ("NABD", "red-hill"),
            ("NX", "red-hill"),
        ]
        .map(|(id, name)| HostSummary {
            id: id.to_owned(),
            friendly_name: name.to_owned(),
            ..HostSummary::default()
        })
        .to_vec()
    }

    #[test]
    fn a_host_is_meant_by_id_beginning_or_name() {
        let check = |text: &str, id: &str| {
            assert_eq!(choose(hosts(), text).unwrap().id, id);
        };
        check("NABC", "NABC");
        check("NX", "NX");
        check("quiet-river", "NABC");
    }

    #[test]
    fn what_means_none_or_several_is_told() {
        let several = |ids: &[&str]| Choice::Several {
            matches: ids.iter().map(|&id| id.to_owned()).collect(),
        };
        assert_eq!(
            choose(hosts(), "NAB").unwrap_err(),
            several(&["NABC", "NABD"])
        );
        assert_eq!(
            choose(hosts(), "red-hill").unwrap_err(),
            several(&["NABD", "NX"])
        );
        assert_eq!(
            choose(hosts(), "quiet-rivr").unwrap_err(),
            Choice::None {
                nearest: vec!["quiet-river".to_owned()]
            }
        );
        assert_eq!(
            choose(hosts(), "").unwrap_err(),
            Choice::None {
                nearest: Vec::new()
            }
        );
    }
}
