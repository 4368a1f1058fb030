//! One entry of `spec.components`: a component or a provider, with its traits.

use weft_model::application::{Placement, PlacementRule};
use weft_model::limits::LimitOverrides;
use weft_model::reference::{ParseReferenceError, Reference};

use super::config::{ConfigUse, read_configs};
use super::link::LinkDraft;
use super::secret::{Policies, check_secrets};
use super::traits::{Traits, read_traits};
use super::{Field, Fields, Reader, Unknown, quoted};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::keys;
use crate::names::nearest;
use crate::parsed::Image;
use crate::span::Span;
use crate::yaml::{excerpt, one_line};

const COMPONENT_TYPES: [&str; 2] = ["component", "capability"];
/// What components were called before 1.0 (spec §9.2).
const COMPONENT_TYPE_ALIAS: &str = "actor";
/// How many instances run where nothing says how many.
const INSTANCES_DEFAULT: u32 = 1;

/// Whether something is a component or a provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A WebAssembly component.
    Component,
    /// A capability provider.
    Provider,
}

/// An entry of `spec.components`, before names are resolved.
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) path: String,
    /// `None` when the type is missing or unknown.
    pub(crate) kind: Option<Kind>,
    /// The id that is asked for, and where.
    pub(crate) id: Option<(String, Span)>,
    /// `None` when it is missing, wrong, or that of another application.
    pub(crate) image: Option<Reference>,
    pub(crate) config: Vec<ConfigUse>,
    pub(crate) placement: Placement,
    pub(crate) limits: LimitOverrides,
    pub(crate) links: Vec<LinkDraft>,
}

/// What the properties of one entry say.
#[derive(Default)]
struct Properties {
    id: Option<(String, Span)>,
    image: Option<Reference>,
    config: Vec<ConfigUse>,
    is_shared: bool,
}

/// Reads one entry. `None` when it has no name.
pub(crate) fn read_component(
    item: &Field<'_>,
    policies: &Policies,
    images: &mut Vec<Image>,
    reader: &mut Reader,
) -> Option<Draft> {
    let fields = Fields::read(item, keys::COMPONENT, Unknown::Tolerated, reader)?;
    let name_field = fields.require("name", reader);
    let name = name_field
        .as_ref()
        .and_then(|field| Some((field.text_as_written(reader)?.to_owned(), field.span())));
    // From here on the component is known by its name rather than by its number.
    let fields = match &name {
        Some((name, _)) => fields.at(format!("spec.components[{}]", excerpt(name))),
        None => fields,
    };
    let kind = read_kind(&fields, reader);
    let properties = match fields.require("properties", reader) {
        Some(field) => read_properties(&field, policies, reader),
        None => Properties::default(),
    };
    let traits = read_traits(&fields, kind, policies, reader);
    check_scaler(&fields, kind, &properties, &traits, reader);
    let (name, name_span) = name?;
    if let (Some(kind), Some(image)) = (kind, &properties.image) {
        images.push(Image {
            component: name.clone(),
            kind,
            reference: image.clone(),
            span: image_span(&fields),
        });
    }
    Some(Draft {
        name,
        name_span,
        kind,
        id: properties.id,
        image: properties.image,
        config: properties.config,
        placement: traits
            .scaler
            .and_then(|(placement, _)| placement)
            .unwrap_or(Placement {
                rule: PlacementRule::Spread,
                instances: INSTANCES_DEFAULT,
                spread: Vec::new(),
            }),
        limits: traits.limits.unwrap_or_default(),
        links: traits.links,
        path: fields.path,
    })
}

fn image_span(fields: &Fields<'_>) -> Span {
    let image = fields
        .get("properties")
        .and_then(|properties| match &properties.node.value {
            crate::tree::Value::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == "image")
                .map(|entry| entry.node.span),
            _ => None,
        });
    image.unwrap_or_else(|| fields.head())
}

fn read_kind(fields: &Fields<'_>, reader: &mut Reader) -> Option<Kind> {
    let field = fields.require("type", reader)?;
    let text = field.text(reader)?;
    match text {
        "component" | COMPONENT_TYPE_ALIAS => Some(Kind::Component),
        "capability" => Some(Kind::Provider),
        _ => {
            let near = nearest(text, COMPONENT_TYPES);
            let error = field.error(
                Code::ComponentType,
                format!("there is no component type `{}`", excerpt(text)),
            );
            reader.report(match near {
                Some(_) => error.hint_nearest(near),
                None => error.hint(format!("the types are {}", quoted(&COMPONENT_TYPES))),
            });
            None
        }
    }
}

fn read_properties(field: &Field<'_>, policies: &Policies, reader: &mut Reader) -> Properties {
    let Some(fields) = Fields::read(field, keys::PROPERTIES, Unknown::Tolerated, reader) else {
        return Properties::default();
    };
    let mut properties = Properties {
        config: read_configs(&fields, "config", reader),
        ..Properties::default()
    };
    check_secrets(&fields, policies, reader);
    if let Some(id) = fields.get("id") {
        properties.id = id.text(reader).map(|text| (text.to_owned(), id.span()));
    }
    let image = fields.get("image");
    if let Some(field) = &image {
        properties.image = read_image(field, reader);
    }
    match (image, fields.get("application")) {
        (None, None) => reader.report(
            Diagnostic::error(
                Code::ImageOrApplication,
                fields.path.clone(),
                field.key_span,
                "there is neither an `image` nor an `application`",
            )
            .hint("add `image` with a reference such as `ghcr.io/org/name:1.0.0`"),
        ),
        (Some(_), Some(application)) => {
            properties.is_shared = true;
            reader.report(application.error(
                Code::ImageOrApplication,
                "both `image` and `application` are given",
            ));
        }
        (None, Some(application)) => {
            properties.is_shared = true;
            check_shared(&application, &properties, reader);
        }
        (Some(_), None) => {}
    }
    properties
}

fn read_image(field: &Field<'_>, reader: &mut Reader) -> Option<Reference> {
    match field.text(reader)?.parse() {
        Ok(reference) => Some(reference),
        Err(error) => {
            let error: ParseReferenceError = error;
            reader.report(field.error(Code::Image, one_line(&error.to_string())));
            None
        }
    }
}

/// A component of another application: checked as 1.9 does, then refused, for planning cannot follow it yet.
fn check_shared(application: &Field<'_>, properties: &Properties, reader: &mut Reader) {
    if let Some(fields) = Fields::read(application, keys::SHARED, Unknown::Tolerated, reader) {
        for key in keys::SHARED {
            if let Some(field) = fields.require(key, reader) {
                field.text(reader);
            }
        }
    }
    if let Some(config) = properties.config.first() {
        reader.report(Diagnostic::error(
            Code::SharedReference,
            config.path.clone(),
            config.name_span,
            "a component of another application cannot be given a config here",
        ));
    }
    reader.report(
        application
            .error(
                Code::SharedReference,
                "references to components of other applications are not supported yet",
            )
            .hint("give the component an `image`, so that this application runs its own"),
    );
}

/// What has to hold between the scaler and the rest.
fn check_scaler(
    fields: &Fields<'_>,
    kind: Option<Kind>,
    properties: &Properties,
    traits: &Traits,
    reader: &mut Reader,
) {
    match &traits.scaler {
        Some((_, span)) if properties.is_shared => reader.report(Diagnostic::error(
            Code::SharedReference,
            fields.path.clone(),
            *span,
            "a component of another application cannot be scaled here",
        )),
        None if kind == Some(Kind::Component) && !properties.is_shared => reader.report(
            Diagnostic::warning(
                Code::NoScaler,
                fields.path.clone(),
                fields.head(),
                "no scaler says how many instances may run, so it is one at a time; wadm would run none",
            )
            .hint("add a trait `spreadscaler` with the property `instances`"),
        ),
        _ => {}
    }
}
