//! Lists of configs: made here, or there already.

use weft_model::application::Config;

use super::{Field, Fields, Reader, Unknown};
use crate::code::Code;
use crate::keys;
use crate::span::Span;

/// One entry of a list of configs.
pub(crate) struct ConfigUse {
    /// The name as written.
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) path: String,
    /// The content; `None` for a config that is in the lattice already.
    pub(crate) content: Option<Config>,
}

/// Reads the list `key` of configs; a missing list is empty.
pub(crate) fn read_configs(
    fields: &Fields<'_>,
    key: &'static str,
    reader: &mut Reader,
) -> Vec<ConfigUse> {
    let Some(list) = fields.get(key) else {
        return Vec::new();
    };
    list.items(reader)
        .iter()
        .filter_map(|item| read_config(item, reader))
        .collect()
}

fn read_config(item: &Field<'_>, reader: &mut Reader) -> Option<ConfigUse> {
    let fields = Fields::read(item, keys::CONFIG, Unknown::Tolerated, reader)?;
    let content = fields
        .get("properties")
        .map(|properties| properties.texts(Code::ConfigValue, reader));
    let name = fields.require("name", reader)?;
    Some(ConfigUse {
        name: name.text(reader)?.to_owned(),
        name_span: name.span(),
        path: name.path,
        content,
    })
}
