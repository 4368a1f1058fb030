//! Names to ids, and what has to hold across a whole manifest.

use std::collections::BTreeMap;

use weft_model::application::{Application, ComponentSpec, Config, ProviderSpec};
use weft_model::digest::Digest;
use weft_model::id::{ApplicationName, ConfigName, EntityId};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::names::{generated_id, nearest};
use crate::read::Reader;
use crate::read::component::{Draft, Kind};
use crate::read::config::ConfigUse;
use crate::read::metadata::{Metadata, RecordedDigest};
use crate::yaml::{excerpt, one_line};

pub(crate) mod links;

/// How many configs one manifest may bring along.
pub const CONFIGS_MAX: usize = 2000;
/// What the names of secrets in the lattice begin with (spec §0).
const SECRET_PREFIX: &str = "SECRET";

/// Resolves the names of one manifest.
struct Assembler<'r> {
    application: ApplicationName,
    reader: &'r mut Reader,
    configs: BTreeMap<ConfigName, Config>,
}

/// Puts an application together. `None` when it has no usable name; otherwise what is wrong is reported and left out.
pub(crate) fn assemble(
    metadata: Metadata,
    drafts: Vec<Draft>,
    reader: &mut Reader,
) -> Option<Application> {
    let mut digests = resolve_digests(metadata.digests, &drafts, reader);
    check_unique_names(&drafts, reader);
    let Some(name) = metadata.name else {
        links::check_targets(&drafts, reader);
        return None;
    };
    let mut assembler = Assembler {
        application: name,
        reader,
        configs: BTreeMap::new(),
    };
    let ids = assembler.ids(&drafts);
    let mut components = Vec::new();
    let mut providers = Vec::new();
    let mut all_links = Vec::new();
    links::check_targets(&drafts, assembler.reader);
    for (index, draft) in drafts.iter().enumerate() {
        let config = assembler.configs(&draft.config);
        all_links.extend(assembler.links(draft, ids[index].as_ref(), &drafts, &ids));
        let (Some(kind), Some(id), Some(image)) = (draft.kind, &ids[index], &draft.image) else {
            continue;
        };
        let digest = digests.remove(&draft.name);
        let name = draft.name.clone();
        let image = image.clone();
        let placement = draft.placement.clone();
        match kind {
            Kind::Component => components.push(ComponentSpec {
                name,
                id: id.clone().into(),
                image,
                digest,
                config,
                limits: draft.limits,
                placement,
            }),
            Kind::Provider => providers.push(ProviderSpec {
                name,
                id: id.clone().into(),
                image,
                digest,
                config,
                placement,
            }),
        }
    }
    Some(Application {
        name: assembler.application,
        version: metadata.version,
        description: metadata.description,
        adopts: metadata.adopts,
        components,
        providers,
        links: all_links,
        configs: assembler.configs,
    })
}

fn check_unique_names(drafts: &[Draft], reader: &mut Reader) {
    let mut names = BTreeMap::new();
    for draft in drafts {
        if let Some(first) = names.insert(&draft.name, draft.name_span) {
            reader.report(Diagnostic::error(
                Code::DuplicateName,
                draft.path.clone(),
                draft.name_span,
                format!(
                    "the name `{}` is already used in line {}",
                    excerpt(&draft.name),
                    first.start.line
                ),
            ));
            names.insert(&draft.name, first);
        }
    }
}

fn resolve_digests(
    recorded: Vec<RecordedDigest>,
    drafts: &[Draft],
    reader: &mut Reader,
) -> BTreeMap<String, Digest> {
    let names: Vec<&str> = drafts.iter().map(|draft| draft.name.as_str()).collect();
    let mut digests = BTreeMap::new();
    for entry in recorded {
        if names.contains(&entry.component.as_str()) {
            digests.insert(entry.component, entry.digest);
        } else {
            reader.report(
                Diagnostic::error(
                    Code::DigestAnnotation,
                    entry.path,
                    entry.key_span,
                    format!(
                        "a digest is recorded for `{}`, which is no component of this manifest",
                        excerpt(&entry.component)
                    ),
                )
                .hint_nearest(nearest(&entry.component, names.iter().copied())),
            );
        }
    }
    digests
}

// ===== impl Assembler =====

impl Assembler<'_> {
    /// The id of each draft, in their order; `None` for those that have none that can be used.
    fn ids(&mut self, drafts: &[Draft]) -> Vec<Option<EntityId>> {
        let mut taken: BTreeMap<EntityId, usize> = BTreeMap::new();
        let mut ids = Vec::with_capacity(drafts.len());
        for (index, draft) in drafts.iter().enumerate() {
            let (text, span) = match &draft.id {
                Some((text, span)) => (text.clone(), *span),
                None => (
                    generated_id(&self.application, &draft.name),
                    draft.name_span,
                ),
            };
            let id = match text.parse::<EntityId>() {
                Ok(id) => id,
                Err(error) => {
                    self.reader.report(Diagnostic::error(
                        Code::Id,
                        draft.path.clone(),
                        span,
                        one_line(&error.to_string()),
                    ));
                    ids.push(None);
                    continue;
                }
            };
            if let Some(&first) = taken.get(&id) {
                // Equal names have equal ids; that they are equal is reported already.
                if drafts[first].name != draft.name {
                    let message = format!(
                        "the id `{id}` is already that of `{}`",
                        excerpt(&drafts[first].name)
                    );
                    self.reader.report(
                        Diagnostic::error(Code::DuplicateId, draft.path.clone(), span, message)
                            .hint("set another `id` in its `properties`"),
                    );
                }
                ids.push(None);
                continue;
            }
            taken.insert(id.clone(), index);
            ids.push(Some(id));
        }
        ids
    }

    /// The names in the lattice of a list of configs; their content is collected.
    fn configs(&mut self, uses: &[ConfigUse]) -> Vec<ConfigName> {
        uses.iter().filter_map(|one| self.config(one)).collect()
    }

    fn config(&mut self, one: &ConfigUse) -> Option<ConfigName> {
        let text = match &one.content {
            Some(_) => generated_id(&self.application, &one.name),
            None => one.name.clone(),
        };
        let error = |code, message: String| {
            Diagnostic::error(code, one.path.clone(), one.name_span, message)
        };
        let name: ConfigName = match text.parse() {
            Ok(name) => name,
            Err(cause) => {
                let cause: weft_model::id::ParseIdError = cause;
                self.reader
                    .report(error(Code::ConfigName, one_line(&cause.to_string())));
                return None;
            }
        };
        let Some(content) = &one.content else {
            if name.as_str().starts_with(SECRET_PREFIX) {
                self.reader.report(error(
                    Code::Secrets,
                    format!("`{name}` names a secret, and secrets are not supported by this version of Weft"),
                ));
            }
            return Some(name);
        };
        match self.configs.get(&name) {
            Some(earlier) if earlier != content => {
                let diagnostic = error(
                    Code::ConfigConflict,
                    format!(
                        "another config named `{}` has different content; both would be `{name}`",
                        excerpt(&one.name)
                    ),
                );
                self.reader
                    .report(diagnostic.hint("give one of them another name"));
            }
            Some(_) => {}
            None if self.configs.len() >= CONFIGS_MAX => {
                self.reader.report(error(
                    Code::TooLarge,
                    format!("the manifest has more than {CONFIGS_MAX} configs"),
                ));
                return None;
            }
            None => {
                self.configs.insert(name.clone(), content.clone());
            }
        }
        Some(name)
    }
}
