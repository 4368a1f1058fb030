//! Configs that applications bring along.

use weft_model::id::ApplicationName;

use crate::draft::{Draft, Progress};
use crate::error::Error;
use crate::facts::Facts;
use crate::input::Deployed;
use crate::plan::{Action, Phase};
use crate::report::PartName;

/// Plans the configs of one application and records how far each is.
pub(crate) fn plan_configs(
    facts: &Facts<'_>,
    draft: &mut Draft<'_>,
    application: &ApplicationName,
    deployed: &Deployed,
) {
    for (name, values) in &deployed.application.configs {
        let mut progress = Progress::default();
        let present = facts.input.configs.get(name);
        match facts.config_winner(name) {
            Some(winner) if winner != application => progress.fails(&Error::ConfigClaimed {
                name: name.clone(),
                winner: winner.clone(),
            }),
            _ if present == Some(values) => {}
            _ => {
                let reason = match present {
                    None => "the config does not exist".to_owned(),
                    Some(_) => format!("the content changed with `{}`", deployed.version),
                };
                progress.is_reconciling("the config is being put".to_owned());
                let action = Action::PutConfig {
                    name: name.clone(),
                    values: values.clone(),
                };
                draft.propose(application, Phase::Configs, action, reason);
            }
        }
        draft.record(
            application,
            PartName::Config(name.clone()),
            progress.into_state(),
        );
    }
}
