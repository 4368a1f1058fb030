//! Links of a manifest: who they lead to, and that they do not contradict each other.

use std::collections::BTreeMap;

use weft_model::id::EntityId;
use weft_model::link::Link;

use super::Assembler;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::read::Reader;
use crate::read::component::Draft;
use crate::read::link::LinkDraft;
use crate::span::Span;
use crate::yaml::excerpt;

/// How many links one manifest may have.
pub const LINKS_MAX: usize = 5000;

/// Reports links to components that are not there.
pub(super) fn check_targets(drafts: &[Draft], reader: &mut Reader) {
    let names: BTreeMap<&str, ()> = drafts
        .iter()
        .map(|draft| (draft.name.as_str(), ()))
        .collect();
    let count: usize = drafts.iter().map(|draft| draft.links.len()).sum();
    if count > LINKS_MAX
        && let Some(link) = drafts.iter().flat_map(|draft| &draft.links).nth(LINKS_MAX)
    {
        reader.report(Diagnostic::error(
            Code::TooLarge,
            link.path.clone(),
            link.target_span,
            format!("the manifest has {count} links, at most {LINKS_MAX} are allowed"),
        ));
    }
    for link in drafts.iter().flat_map(|draft| &draft.links) {
        if !names.contains_key(link.target.as_str()) {
            reader.report(
                Diagnostic::error(
                    Code::LinkTarget,
                    link.target_path.clone(),
                    link.target_span,
                    format!(
                        "the link leads to `{}`, which is no component of this manifest",
                        excerpt(&link.target)
                    ),
                )
                .hint_nearest(nearest(&link.target, names.keys().copied())),
            );
        }
    }
}

impl Assembler<'_> {
    /// The links of one draft, those without an end left out. Links with one name, package and target are one link with
    /// the interfaces of all: the lattice keeps one of them only (spec §1.3).
    pub(super) fn links(
        &mut self,
        draft: &Draft,
        source: Option<&EntityId>,
        drafts: &[Draft],
        ids: &[Option<EntityId>],
    ) -> Vec<Link> {
        self.check_links(draft);
        let mut links: Vec<Link> = Vec::with_capacity(draft.links.len());
        for link in &draft.links {
            let source_config = self.configs(&link.source_config);
            let target_config = self.configs(&link.target_config);
            let target = drafts
                .iter()
                .position(|other| other.name == link.target)
                .and_then(|index| ids[index].clone());
            let (Some(source), Some(target)) = (source, target) else {
                continue;
            };
            let interfaces = link.interfaces.iter().map(|(name, _)| name.clone());
            let same = links.iter_mut().find(|one| {
                one.name == link.name && one.package == link.package && one.target == target
            });
            match same {
                None => links.push(Link {
                    source: source.clone(),
                    target,
                    name: link.name.clone(),
                    package: link.package.clone(),
                    interfaces: interfaces.collect(),
                    source_config,
                    target_config,
                }),
                Some(same)
                    if same.source_config == source_config
                        && same.target_config == target_config =>
                {
                    same.interfaces.extend(interfaces);
                }
                Some(_) => self.reader.report(different_configs(link)),
            }
        }
        links
    }

    /// Reports what one component's links say twice: one interface under one link name has one target, once.
    fn check_links(&mut self, draft: &Draft) {
        let mut taken: BTreeMap<_, (&LinkDraft, Span)> = BTreeMap::new();
        for link in &draft.links {
            for (interface, span) in &link.interfaces {
                let key = (&link.name, &link.package, interface);
                let Some((first, first_span)) = taken.get(&key) else {
                    taken.insert(key, (link, *span));
                    continue;
                };
                let what = format!(
                    "`{}/{interface}` under the link name `{}`",
                    link.package, link.name
                );
                let line = first_span.start.line;
                let diagnostic = if first.target == link.target {
                    Diagnostic::error(
                        Code::LinkDuplicate,
                        link.path.clone(),
                        *span,
                        format!("{what} is already linked in line {line}"),
                    )
                    .hint("remove one of the two")
                } else {
                    Diagnostic::error(
                        Code::LinkConflict,
                        link.path.clone(),
                        *span,
                        format!(
                            "{what} is already linked to `{}` in line {line}",
                            excerpt(&first.target)
                        ),
                    )
                    .hint("give one of the two links another `name`")
                };
                self.reader.report(diagnostic);
            }
        }
    }
}

fn different_configs(link: &LinkDraft) -> Diagnostic {
    Diagnostic::error(
        Code::LinkDuplicate,
        link.path.clone(),
        link.target_span,
        format!(
            "there is a link `{}` for `{}` to `{}` already, with other configs",
            link.name,
            link.package,
            excerpt(&link.target)
        ),
    )
    .hint("give one of the two links another `name`, or both the same configs")
}
