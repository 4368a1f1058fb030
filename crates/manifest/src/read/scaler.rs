//! The traits `spreadscaler` and `daemonscaler`: where and how often something runs.

use std::collections::BTreeSet;

use weft_model::application::{Placement, PlacementRule, Spread};
use weft_model::labels::Labels;

use super::{Field, Fields, Reader, Unknown};
use crate::code::Code;
use crate::keys;
use crate::yaml::excerpt;

/// The weight of a group that names none (spec §9.8).
const WEIGHT_DEFAULT: u64 = 100;
/// The largest weight: a share is computed in 64 bits from it and a number of instances.
const WEIGHT_MAX: u64 = u32::MAX as u64;
/// How many groups a spread may have.
const SPREADS_MAX: usize = 256;

/// Reads the properties of a scaler. `None` when the number is missing or wrong.
pub(crate) fn read_scaler(
    properties: &Field<'_>,
    rule: PlacementRule,
    reader: &mut Reader,
) -> Option<Placement> {
    let fields = Fields::read(properties, keys::SCALER, Unknown::Tolerated, reader)?;
    let spread = fields
        .get("spread")
        .map(|list| read_spread(&list, reader))
        .unwrap_or_default();
    let field = match (fields.get("instances"), fields.get("replicas")) {
        (Some(_), Some(replicas)) => {
            reader.report(replicas.error(
                Code::ConflictingTraits,
                "`replicas` is another name of `instances`, and both are given",
            ));
            return None;
        }
        (None, Some(field)) => Some(field),
        (_, None) => fields.require("instances", reader),
    };
    let instances = field?.natural(u32::MAX.into(), reader)?;
    Some(Placement {
        rule,
        instances: u32::try_from(instances).expect("the number was checked against u32::MAX"),
        spread,
    })
}

fn read_spread(list: &Field<'_>, reader: &mut Reader) -> Vec<Spread> {
    let items = list.items(reader);
    if items.len() > SPREADS_MAX {
        reader.report(list.error(
            Code::TooLarge,
            format!(
                "a spread has {} groups, at most {SPREADS_MAX} are allowed",
                items.len()
            ),
        ));
        return Vec::new();
    }
    let mut names = BTreeSet::new();
    let mut spread: Vec<Spread> = Vec::with_capacity(items.len());
    for item in &items {
        let Some(fields) = Fields::read(item, keys::SPREAD, Unknown::Tolerated, reader) else {
            continue;
        };
        let requirements = fields
            .get("requirements")
            .map(|field| read_requirements(&field, reader))
            .unwrap_or_default();
        let weight = match fields.get("weight") {
            Some(field) => field.natural(WEIGHT_MAX, reader),
            None => Some(WEIGHT_DEFAULT),
        };
        let Some(name) = fields.require("name", reader) else {
            continue;
        };
        let Some(text) = name.text(reader) else {
            continue;
        };
        if !names.insert(text) {
            reader.report(name.error(
                Code::Spread,
                format!("there are two groups named `{}`", excerpt(text)),
            ));
        }
        spread.extend(weight.map(|weight| Spread {
            name: text.to_owned(),
            weight,
            requirements,
        }));
    }
    if !spread.is_empty() && spread.iter().all(|group| group.weight == 0) {
        reader.report(list.error(Code::Spread, "no group has a weight above 0"));
    }
    spread
}

fn read_requirements(field: &Field<'_>, reader: &mut Reader) -> Labels {
    field.texts(Code::WrongType, reader)
}
