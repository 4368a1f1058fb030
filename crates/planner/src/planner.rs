//! The entry point.

use crate::cleanup::plan_cleanup;
use crate::component::plan_component;
use crate::configs::plan_configs;
use crate::draft::Draft;
use crate::facts::Facts;
use crate::input::Input;
use crate::links::plan_links;
use crate::plan::Plan;
use crate::provider::plan_provider;
use crate::report::Report;

/// Makes the next step from what is observed towards what is desired, and tells how far everything is.
///
/// The same facts make the same plan, in whatever order they are listed. See the crate for how plans follow each other.
pub fn plan(input: &Input) -> (Plan, Report) {
    let facts = Facts::new(input);
    let mut draft = Draft::new(&facts);
    for &(application, deployed) in &facts.deployed {
        plan_configs(&facts, &mut draft, application, deployed);
        for spec in &deployed.application.components {
            plan_component(&facts, &mut draft, application, deployed, spec);
        }
        for spec in &deployed.application.providers {
            plan_provider(&facts, &mut draft, application, deployed, spec);
        }
    }
    plan_links(&facts, &mut draft);
    plan_cleanup(&facts, &mut draft);
    draft.finish()
}
