//! The JSON schema of manifests, for editors.

/// The text of the JSON schema (draft 7) of a manifest, as it stands in `docs/schema/manifest.json`.
///
/// It describes structure alone; rules across a manifest, such as that links lead to components of it, are those of
/// [`parse`](crate::parse).
pub const SCHEMA: &str = include_str!("../../../docs/schema/manifest.json");

#[cfg(test)]
mod tests;
