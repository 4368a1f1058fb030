//! Building the tree from the events of the parser.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use granit_parser::{Event, ScalarStyle, Tag};

use super::{DEPTH_MAX, EXPANDED_BYTES_MAX, NODES_MAX, excerpt, too_deep, too_large, unsupported};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Sink};
use crate::span::Span;
use crate::tree::{Entry, Node, Scalar, Value, Weight};

const MERGE_KEY: &str = "<<";

/// A list or mapping that is being read.
struct Open {
    span: Span,
    anchor: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<Entry>,
        seen: BTreeSet<String>,
        /// The key whose value comes next; `None` before a key.
        key: Option<Key>,
    },
}

/// The key of a mapping; `text` is `None` for one that was refused, whose value is read and dropped.
struct Key {
    text: Option<String>,
    span: Span,
}

/// Builds the tree from the events of the parser.
pub(super) struct Builder<'s> {
    sink: &'s mut Sink,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Rc<Node>>,
    nodes: usize,
    documents: usize,
    root: Option<Rc<Node>>,
}

/// Reading stopped; why is in the sink.
pub(super) struct Stopped;

// ===== impl Builder =====

impl<'s> Builder<'s> {
    /// A builder that has read nothing.
    pub(super) fn new(sink: &'s mut Sink) -> Self {
        Self {
            sink,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            documents: 0,
            root: None,
        }
    }

    /// What was read.
    pub(super) fn into_root(self) -> Option<Rc<Node>> {
        self.root
    }

    /// Takes one event, which stands at `span`.
    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stopped> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return self.stop(
                        unsupported(span, "the text has more than one document")
                            .hint("put each application into a file of its own"),
                    );
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain =
                    self.check_tag(tag.as_deref(), span)? && matches!(style, ScalarStyle::Plain);
                let weight = Weight::scalar(text.len());
                let scalar = Scalar {
                    text: text.into_owned(),
                    is_plain,
                };
                self.place(anchor, span, weight, Value::Scalar(scalar))
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).map(Rc::clone) {
                Some(node) => self.attach(node, span),
                None => self.stop(unsupported(span, "an alias stands within its own anchor")),
            },
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), span)?;
                self.begin(anchor, span, Parts::List(Vec::new()));
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), span)?;
                self.begin(
                    anchor,
                    span,
                    Parts::Map {
                        entries: Vec::new(),
                        seen: BTreeSet::new(),
                        key: None,
                    },
                );
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            // Further kinds of events are asked for in the options, and none is.
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, span: Span, parts: Parts) {
        self.open.push(Open {
            span,
            anchor,
            parts,
        });
    }

    fn end(&mut self, end: Span) -> Result<(), Stopped> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (value, weight, last) = match open.parts {
            Parts::List(items) => {
                let weight = Weight::container(items.iter().map(|item| item.weight), 0);
                let last = items.last().map(|item| item.span);
                (Value::List(items), weight, last)
            }
            Parts::Map { entries, .. } => {
                let key_bytes = entries.iter().map(|entry| entry.key.len()).sum();
                let weight =
                    Weight::container(entries.iter().map(|entry| entry.node.weight), key_bytes);
                let last = entries
                    .last()
                    .map(|entry| entry.key_span.to(entry.node.span));
                (Value::Map(entries), weight, last)
            }
        };
        // A block ends where the next token is, which is beyond what belongs to it; brackets have a width.
        let end = if end.start == end.end {
            last.unwrap_or(end)
        } else {
            end
        };
        self.place(open.anchor, open.span.to(end), weight, value)
    }

    /// Finishes a value of the text and puts it where it belongs.
    fn place(
        &mut self,
        anchor: usize,
        span: Span,
        weight: Weight,
        value: Value,
    ) -> Result<(), Stopped> {
        let node = Rc::new(Node {
            span,
            weight,
            value,
        });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node, span)
    }

    /// Puts a value, new or shared, at the next place of what is open. `span` is where it is used.
    fn attach(&mut self, node: Rc<Node>, span: Span) -> Result<(), Stopped> {
        self.nodes += 1;
        let Weight {
            nodes,
            bytes,
            depth,
        } = node.weight;
        if self.nodes > NODES_MAX || nodes > NODES_MAX {
            return self.stop(too_large(
                span,
                format!("the manifest has more than {NODES_MAX} values, aliases written out"),
            ));
        }
        if bytes > EXPANDED_BYTES_MAX {
            return self.stop(too_large(
                span,
                format!(
                    "the texts of the manifest are longer than {EXPANDED_BYTES_MAX} bytes, aliases written out"
                ),
            ));
        }
        if depth > DEPTH_MAX {
            return self.stop(too_deep(span));
        }
        let refused = match self.open.last_mut().map(|open| &mut open.parts) {
            None => {
                self.root = Some(node);
                None
            }
            Some(Parts::List(items)) => {
                items.push(node);
                None
            }
            Some(Parts::Map { entries, seen, key }) => match key.take() {
                None => {
                    let (text, refused) = read_key(&node, span, seen);
                    *key = Some(Key { text, span });
                    refused
                }
                Some(Key { text, span }) => {
                    entries.extend(text.map(|key| Entry {
                        key,
                        key_span: span,
                        node,
                    }));
                    None
                }
            },
        };
        if let Some(refused) = refused {
            self.sink.report(refused);
        }
        Ok(())
    }

    /// Whether the tag leaves it open what a scalar is.
    fn check_tag(&mut self, tag: Option<&Tag>, span: Span) -> Result<bool, Stopped> {
        match tag.map(|tag| tag.core_suffix()) {
            None => Ok(true),
            Some(Some(suffix)) => Ok(suffix != "str"),
            Some(None) => {
                self.stop(unsupported(span, "the value has a tag").hint("remove the tag"))?;
                Ok(true)
            }
        }
    }

    /// Reports why reading stops here.
    pub(super) fn stop(&mut self, diagnostic: Diagnostic) -> Result<(), Stopped> {
        self.sink.report(diagnostic);
        Err(Stopped)
    }
}

/// Reads a key of a mapping. The second part is why it was refused.
fn read_key(
    node: &Node,
    span: Span,
    seen: &mut BTreeSet<String>,
) -> (Option<String>, Option<Diagnostic>) {
    let Value::Scalar(Scalar { text, is_plain }) = &node.value else {
        return (
            None,
            Some(unsupported(span, "the key of a mapping is not a text")),
        );
    };
    if *is_plain && text == MERGE_KEY {
        let refused = unsupported(span, "merge keys are not supported")
            .hint("write the keys out, or use an alias for the whole value");
        return (None, Some(refused));
    }
    if !seen.insert(text.clone()) {
        let refused = Diagnostic::error(
            Code::DuplicateKey,
            "",
            span,
            format!("the key `{}` stands twice in one mapping", excerpt(text)),
        );
        return (None, Some(refused));
    }
    (Some(text.clone()), None)
}
