//! Application manifests: text to a validated application, with every problem and its place.
//!
//! A manifest is an OAM application in YAML or JSON (spec §9.2). [`parse`] turns its text into a value and a list of
//! problems, all at once: the [`Application`](weft_model::application::Application) that the planner works on, the
//! [`Document`] that is stored, returned and edited, and [`Diagnostic`]s with places, codes and advice, which
//! [`render()`] shows as text.
//!
//! ```text
//! text ──yaml──► tree with places ──read──► drafts ──assemble──► Application
//!                      │                       └──────┴──► diagnostics
//!                      └──► Document (edits, JSON)
//! ```
//!
//! The crate is pure: it opens no file, asks no registry and knows no lattice. What a manifest needs from outside, such
//! as the digests of its images, is written into it by the caller through [`Document`].
//!
//! ```
//! use weft_manifest::{Strictness, parse};
//!
//! let parsed = parse(
//!     "apiVersion: core.oam.dev/v1beta1\n\
//!      kind: Application\n\
//!      metadata: { name: shop, annotations: {} }\n\
//!      spec:\n\
//!      \x20 components:\n\
//!      \x20   - name: web\n\
//!      \x20     type: component\n\
//!      \x20     properties: { image: 'ghcr.io/shop/web:1.0.0' }\n\
//!      \x20     traits: [{ type: spreadscaler, properties: { instances: 5 } }]\n",
//!     Strictness::Lenient,
//! );
//! assert!(parsed.diagnostics.is_empty());
//! assert_eq!(parsed.application.unwrap().components[0].id.as_str(), "shop-web");
//! ```

#![forbid(unsafe_code)]

mod assemble;
mod code;
mod diagnostic;
mod document;
mod keys;
mod known;
mod limit;
mod names;
mod parsed;
mod quantity;
mod read;
mod render;
mod schema;
mod span;
mod tree;
mod yaml;

pub use assemble::CONFIGS_MAX;
pub use assemble::links::LINKS_MAX;
pub use code::Code;
pub use diagnostic::{DIAGNOSTICS_MAX, Diagnostic, HINTS_MAX, Severity};
pub use document::{DESCRIPTION_ANNOTATION, Document, VERSION_ANNOTATION, Value};
pub use keys::{API_VERSION, DIGEST_ANNOTATION_PREFIX, KIND, LIMITS_TRAIT, WEFT_TRAIT_PREFIX};
pub use limit::{LimitError, read_limit};
pub use parsed::{COMPONENTS_MAX, Image, Parsed, parse, parse_bytes};
pub use read::Strictness;
pub use read::component::Kind;
pub use render::render;
pub use schema::SCHEMA;
pub use span::{Position, Span};
pub use yaml::{DEPTH_MAX, EXPANDED_BYTES_MAX, NODES_MAX, TEXT_BYTES_MAX};
