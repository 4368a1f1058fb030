//! What has to hold before a component or provider can be planned.

use weft_model::id::{ApplicationName, ConfigName, EntityId};

use crate::draft::Progress;
use crate::error::Error;
use crate::facts::Facts;
use crate::running::{Kind, Owner};

/// Whether a component or provider of `application` may be touched. If not, `progress` hears why.
pub(crate) fn may_plan(
    facts: &Facts<'_>,
    application: &ApplicationName,
    kind: Kind,
    id: &EntityId,
    config: &[ConfigName],
    progress: &mut Progress,
) -> bool {
    if let Some(winner) = facts.id_winner(id.as_str())
        && winner != application
    {
        progress.fails(&Error::IdClaimed {
            id: id.clone(),
            winner: winner.clone(),
        });
        return false;
    }
    if let Some(error) = facts.foreign_problem(id) {
        progress.fails(&error);
        return false;
    }
    for running in facts.running(id.as_str()) {
        if let Owner::Application(owner) = &running.owner
            && owner != application
        {
            progress.waits(format!(
                "waiting until `{id}` of the application `{owner}` has ended"
            ));
            return false;
        }
        if running.kind() != kind {
            progress.waits(format!("waiting until what ran as `{id}` before has ended"));
            return false;
        }
    }
    if facts.hosts.is_empty() {
        progress.waits("waiting for hosts".to_owned());
        return false;
    }
    let config_problem = config
        .iter()
        .find_map(|name| facts.config_problem(application, name));
    if let Some(error) = config_problem {
        progress.fails(&error);
        return false;
    }
    true
}
