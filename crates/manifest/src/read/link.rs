//! The trait `link`, in its present and its deprecated form.

use weft_model::id::LinkName;
use weft_model::interface::{InterfaceName, PackageName};

use super::config::{ConfigUse, read_configs};
use super::secret::{Policies, check_secrets};
use super::{Field, Fields, Reader, Unknown, quoted};
use crate::code::Code;
use crate::keys;
use crate::known::{self, Typo};
use crate::names::nearest;
use crate::span::Span;
use crate::tree::Value;
use crate::yaml::{excerpt, one_line};

/// How many interfaces one link may name.
const INTERFACES_MAX: usize = 256;

/// A link whose target is known by name only.
pub(crate) struct LinkDraft {
    pub(crate) path: String,
    pub(crate) name: LinkName,
    pub(crate) package: PackageName,
    /// The interfaces and where each stands.
    pub(crate) interfaces: Vec<(String, Span)>,
    /// The component of the manifest it leads to.
    pub(crate) target: String,
    pub(crate) target_path: String,
    pub(crate) target_span: Span,
    pub(crate) source_config: Vec<ConfigUse>,
    pub(crate) target_config: Vec<ConfigUse>,
}

/// One end of a link.
struct Target {
    name: String,
    path: String,
    span: Span,
    config: Vec<ConfigUse>,
    is_deprecated_form: bool,
}

/// Reads the properties of a link. `None` when something that makes it a link is missing or wrong.
pub(crate) fn read_link(
    properties: &Field<'_>,
    policies: &Policies,
    reader: &mut Reader,
) -> Option<LinkDraft> {
    let fields = Fields::read(properties, keys::LINK, Unknown::Tolerated, reader)?;
    let name = match fields.get("name") {
        Some(field) => read_link_name(&field, reader),
        None => Some(LinkName::default()),
    };
    let package = read_package(&fields, reader);
    let interfaces = fields
        .require("interfaces", reader)
        .map(|field| read_interfaces(&field, package.as_ref(), reader));
    let target = read_target(&fields, policies, reader);
    let source_config = read_source(&fields, policies, reader);
    let old_target_config = deprecated_configs(&fields, "target_config", "target.config", reader);
    let target = target?;
    let target_config = if target.is_deprecated_form {
        old_target_config
    } else {
        if let Some(field) = fields.get("target_config") {
            reader.report(field.error(
                Code::LinkBothForms,
                "`target_config` belongs to the deprecated form, where `target` is a text",
            ));
        }
        target.config
    };
    Some(LinkDraft {
        path: fields.path.clone(),
        name: name?,
        package: package?,
        interfaces: interfaces?,
        target: target.name,
        target_path: target.path,
        target_span: target.span,
        source_config,
        target_config,
    })
}

fn read_link_name(field: &Field<'_>, reader: &mut Reader) -> Option<LinkName> {
    match field.text(reader)?.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let error: weft_model::id::ParseIdError = error;
            reader.report(field.error(Code::LinkName, error.to_string()));
            None
        }
    }
}

fn read_package(fields: &Fields<'_>, reader: &mut Reader) -> Option<PackageName> {
    let namespace = fields.require("namespace", reader);
    let package = fields.require("package", reader);
    let (namespace, package) = (namespace?, package?);
    let (namespace_text, package_text) = (namespace.text(reader)?, package.text(reader)?);
    let name = match PackageName::new(namespace_text, package_text) {
        Ok(name) => name,
        Err(error) => {
            let is_namespace_good = PackageName::new(namespace_text, "any").is_ok();
            let culprit = if is_namespace_good {
                &package
            } else {
                &namespace
            };
            reader.report(
                culprit
                    .error(Code::LinkName, one_line(&error.to_string()))
                    .hint("use words of letters and digits joined by `-`, without a version"),
            );
            return None;
        }
    };
    match known::typo(namespace_text, package_text) {
        Some(Typo::Namespace(near)) => reader.report(
            namespace
                .warning(
                    Code::PackageTypo,
                    format!("`{package_text}` is a well-known package of `{near}`, not `{namespace_text}`"),
                )
                .hint_nearest(Some(near)),
        ),
        Some(Typo::Package(near)) => reader.report(
            package
                .warning(
                    Code::PackageTypo,
                    format!("`{namespace_text}:{package_text}` is not a well-known package"),
                )
                .hint_nearest(Some(near)),
        ),
        None => {}
    }
    Some(name)
}

fn read_interfaces(
    field: &Field<'_>,
    package: Option<&PackageName>,
    reader: &mut Reader,
) -> Vec<(String, Span)> {
    let items = field.items(reader);
    if items.len() > INTERFACES_MAX {
        reader.report(field.error(
            Code::TooLarge,
            format!(
                "a link names {} interfaces, at most {INTERFACES_MAX} are allowed",
                items.len()
            ),
        ));
        return Vec::new();
    }
    if items.is_empty() && matches!(&field.node.value, Value::List(_)) {
        reader.report(field.error(Code::LinkName, "the link names no interface"));
    }
    items
        .iter()
        .filter_map(|item| {
            let text = item.text(reader)?;
            check_interface(item, text, package?, reader)?;
            Some((text.to_owned(), item.span()))
        })
        .collect()
}

fn check_interface(
    item: &Field<'_>,
    text: &str,
    package: &PackageName,
    reader: &mut Reader,
) -> Option<()> {
    if let Err(error) = InterfaceName::new(package.clone(), text) {
        reader.report(
            item.error(Code::LinkName, one_line(&error.to_string()))
                .hint("name the interface alone, such as `store`"),
        );
        return None;
    }
    if let Some(known) = known::interfaces(package.namespace(), package.name())
        && !known.contains(&text)
    {
        let warning = item.warning(
            Code::UnknownInterface,
            format!("the well-known package `{package}` has no interface `{text}`"),
        );
        let near = nearest(text, known.iter().copied());
        reader.report(match near {
            Some(_) => warning.hint_nearest(near),
            None => warning.hint(format!("its interfaces are {}", quoted(known))),
        });
    }
    Some(())
}

fn read_target(fields: &Fields<'_>, policies: &Policies, reader: &mut Reader) -> Option<Target> {
    let field = fields.require("target", reader)?;
    if let Value::Scalar(_) = field.node.value {
        let name = field.text(reader)?.to_owned();
        reader.report(
            field
                .warning(
                    Code::LinkDeprecated,
                    "a target that is a text is deprecated",
                )
                .hint(format!("write `target: {{ name: {} }}`", excerpt(&name))),
        );
        return Some(Target {
            name,
            span: field.span(),
            path: field.path,
            config: Vec::new(),
            is_deprecated_form: true,
        });
    }
    let target = Fields::read(&field, keys::LINK_TARGET, Unknown::Tolerated, reader)?;
    let config = read_configs(&target, "config", reader);
    check_secrets(&target, policies, reader);
    let name = target.require("name", reader)?;
    Some(Target {
        name: name.text(reader)?.to_owned(),
        span: name.span(),
        path: name.path,
        config,
        is_deprecated_form: false,
    })
}

fn read_source(fields: &Fields<'_>, policies: &Policies, reader: &mut Reader) -> Vec<ConfigUse> {
    let deprecated = deprecated_configs(fields, "source_config", "source.config", reader);
    let Some(field) = fields.get("source") else {
        return deprecated;
    };
    if let Some(old) = fields.get("source_config") {
        reader.report(old.error(
            Code::LinkBothForms,
            "`source_config` is the deprecated form of `source.config`, and both are given",
        ));
    }
    let Some(source) = Fields::read(&field, keys::LINK_SOURCE, Unknown::Tolerated, reader) else {
        return Vec::new();
    };
    check_secrets(&source, policies, reader);
    read_configs(&source, "config", reader)
}

fn deprecated_configs(
    fields: &Fields<'_>,
    key: &'static str,
    instead: &str,
    reader: &mut Reader,
) -> Vec<ConfigUse> {
    if let Some(field) = fields.get(key) {
        reader.report(
            field
                .warning(Code::LinkDeprecated, format!("`{key}` is deprecated"))
                .hint(format!("write the list under `{instead}`")),
        );
    }
    read_configs(fields, key, reader)
}
