//! The traits of one component or provider.

use weft_model::application::{Placement, PlacementRule};
use weft_model::limits::LimitOverrides;

use super::component::Kind;
use super::limits::read_limits;
use super::link::{LinkDraft, read_link};
use super::scaler::read_scaler;
use super::secret::Policies;
use super::{Field, Fields, Reader, Unknown};
use crate::code::Code;
use crate::names::nearest;
use crate::span::Span;
use crate::yaml::excerpt;
use crate::{LIMITS_TRAIT, WEFT_TRAIT_PREFIX, keys};

const SPREADSCALER: &str = "spreadscaler";
const DAEMONSCALER: &str = "daemonscaler";
const LINK: &str = "link";
const TRAITS: [&str; 4] = [SPREADSCALER, DAEMONSCALER, LINK, LIMITS_TRAIT];

/// What the traits of one entry say.
#[derive(Default)]
pub(crate) struct Traits {
    /// The scaler, and where it stands.
    pub(crate) scaler: Option<(Option<Placement>, Span)>,
    pub(crate) limits: Option<LimitOverrides>,
    pub(crate) links: Vec<LinkDraft>,
}

/// Reads the list `traits`; a missing list is empty.
pub(crate) fn read_traits(
    fields: &Fields<'_>,
    kind: Option<Kind>,
    policies: &Policies,
    reader: &mut Reader,
) -> Traits {
    let mut traits = Traits::default();
    let Some(list) = fields.get("traits") else {
        return traits;
    };
    for item in list.items(reader) {
        let Some(one) = Fields::read(&item, keys::TRAIT, Unknown::Tolerated, reader) else {
            continue;
        };
        let Some(type_field) = one.require("type", reader) else {
            continue;
        };
        let Some(name) = type_field.text(reader) else {
            continue;
        };
        match name {
            SPREADSCALER | DAEMONSCALER => {
                let rule = if name == SPREADSCALER {
                    PlacementRule::Spread
                } else {
                    PlacementRule::Daemon
                };
                if traits.scaler.is_some() {
                    reader.report(type_field.error(
                        Code::ConflictingTraits,
                        "there is more than one scaler, and only one can be right",
                    ));
                    continue;
                }
                let placement = one
                    .require("properties", reader)
                    .and_then(|properties| read_scaler(&properties, rule, reader));
                traits.scaler = Some((placement, type_field.span()));
            }
            LINK => {
                let link = one
                    .require("properties", reader)
                    .and_then(|properties| read_link(&properties, policies, reader));
                traits.links.extend(link);
            }
            LIMITS_TRAIT => read_limits_trait(&one, &type_field, kind, &mut traits, reader),
            _ => report_unknown_trait(&type_field, name, reader),
        }
    }
    traits
}

fn read_limits_trait(
    one: &Fields<'_>,
    type_field: &Field<'_>,
    kind: Option<Kind>,
    traits: &mut Traits,
    reader: &mut Reader,
) {
    if kind == Some(Kind::Provider) {
        reader.report(type_field.error(
            Code::WeftTrait,
            format!("`{LIMITS_TRAIT}` limits components, and this is a provider"),
        ));
    }
    if traits.limits.is_some() {
        reader.report(type_field.error(
            Code::ConflictingTraits,
            format!("there is more than one `{LIMITS_TRAIT}`"),
        ));
        return;
    }
    let limits = one
        .require("properties", reader)
        .map(|properties| read_limits(&properties, reader));
    traits.limits = Some(limits.unwrap_or_default());
}

fn report_unknown_trait(type_field: &Field<'_>, name: &str, reader: &mut Reader) {
    let shown = excerpt(name);
    if name.starts_with(WEFT_TRAIT_PREFIX) {
        let error = type_field.error(Code::WeftTrait, format!("there is no trait `{shown}`"));
        let near = nearest(name, [LIMITS_TRAIT]).or(Some(LIMITS_TRAIT));
        reader.report(error.hint_nearest(near));
    } else {
        reader.report(
            type_field
                .warning(
                    Code::UnknownTrait,
                    format!("there is no trait `{shown}`; it is kept and has no effect"),
                )
                .hint_nearest(nearest(name, TRAITS)),
        );
    }
}
