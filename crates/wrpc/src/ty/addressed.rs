//! Which streams and futures a tuple holds, and on which paths.

use super::path::Path;
use super::{TYPE_DEPTH_MAX, TYPE_NODES_MAX, Type, TypeError};

/// A tuple of parameters or results with the paths of its streams and futures.
#[derive(Clone, Debug)]
pub struct Addressed {
    ty: Type,
    asynchronous: Vec<Asynchronous>,
}

/// A stream or future in a tuple.
#[derive(Clone, Debug)]
pub struct Asynchronous {
    /// The path of its data.
    pub path: Path,
    /// Where it is, in words such as `params.0.body`.
    pub place: String,
    /// Its type: [`Type::Stream`] or [`Type::Future`].
    pub ty: Type,
}

/// Walks a type.
struct Walk {
    nodes: usize,
    depth: usize,
    place: String,
    /// What the walk is within that has no paths for its elements.
    within: Option<&'static str>,
    found: Vec<Asynchronous>,
}

// ===== impl Addressed =====

impl Addressed {
    /// Looks for streams and futures in `ty`.
    ///
    /// # Errors
    ///
    /// When the type is too large, too deep, or holds a stream or future that has no path.
    pub fn new(root: &str, ty: Type) -> Result<Self, TypeError> {
        let mut walk = Walk {
            nodes: 0,
            depth: 0,
            place: root.to_owned(),
            within: None,
            found: Vec::new(),
        };
        walk.visit(&ty, Some(Path::ROOT))?;
        Ok(Self {
            ty,
            asynchronous: walk.found,
        })
    }

    /// The tuple.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Its streams and futures, in the order of the tuple. Cases of a `result` share a path, so paths may repeat.
    pub fn asynchronous(&self) -> &[Asynchronous] {
        &self.asynchronous
    }

    /// Whether it holds no stream and no future.
    pub fn is_plain(&self) -> bool {
        self.asynchronous.is_empty()
    }

    pub(super) fn ensure_portable(&self) -> Result<(), TypeError> {
        for asynchronous in &self.asynchronous {
            let (what, element) = match &asynchronous.ty {
                Type::Stream(element) => ("stream", element),
                Type::Future(payload) => ("future", payload),
                _ => continue,
            };
            if !element.is_portable_element() {
                return Err(TypeError::Element {
                    place: asynchronous.place.clone(),
                    what,
                    element: element.to_string(),
                });
            }
        }
        Ok(())
    }
}

// ===== impl Walk =====

impl Walk {
    /// Visits `ty`; `path` is `None` where paths have become too deep.
    fn visit(&mut self, ty: &Type, path: Option<Path>) -> Result<(), TypeError> {
        self.nodes += 1;
        if self.nodes > TYPE_NODES_MAX {
            return Err(TypeError::TooLarge);
        }
        if self.depth == TYPE_DEPTH_MAX {
            return Err(TypeError::TooDeep {
                place: self.place.clone(),
            });
        }
        if self.depth > 0 && is_empty(ty) {
            return Err(TypeError::Empty {
                place: self.place.clone(),
            });
        }
        self.depth += 1;
        match ty {
            Type::List(element) => self.visit_elements("a list", element, path)?,
            Type::Option(payload) => self.visit(payload, path)?,
            Type::Result { ok, err } => {
                for payload in [ok, err].into_iter().flatten() {
                    self.visit(payload, path)?;
                }
            }
            Type::Tuple(members) => {
                for (index, member) in members.iter().enumerate() {
                    self.visit_child(&index.to_string(), index, member, path)?;
                }
            }
            Type::Record(fields) => {
                for (index, field) in fields.iter().enumerate() {
                    self.visit_child(&field.name, index, &field.ty, path)?;
                }
            }
            Type::Variant(cases) => {
                for (index, case) in cases.iter().enumerate() {
                    if let Some(payload) = &case.ty {
                        self.visit_child(&case.name, index, payload, path)?;
                    }
                }
            }
            Type::Stream(element) => {
                self.find("stream", ty, path)?;
                self.visit_elements("a stream", element, path)?;
            }
            Type::Future(payload) => {
                self.find("future", ty, path)?;
                self.visit_elements("a future", payload, path)?;
            }
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    fn visit_child(
        &mut self,
        name: &str,
        index: usize,
        ty: &Type,
        path: Option<Path>,
    ) -> Result<(), TypeError> {
        let length = self.place.len();
        self.place.push('.');
        self.place.push_str(name);
        let path = path.and_then(|path| path.child(u32::try_from(index).ok()?));
        self.visit(ty, path)?;
        self.place.truncate(length);
        Ok(())
    }

    fn visit_elements(
        &mut self,
        within: &'static str,
        ty: &Type,
        path: Option<Path>,
    ) -> Result<(), TypeError> {
        let before = self.within.replace(within);
        self.visit(ty, path)?;
        self.within = before;
        Ok(())
    }

    fn find(&mut self, what: &'static str, ty: &Type, path: Option<Path>) -> Result<(), TypeError> {
        let place = self.place.clone();
        match (self.within, path) {
            (Some(within), _) => Err(TypeError::Unaddressable {
                place,
                what,
                within,
            }),
            (None, None) => Err(TypeError::PathTooDeep { place, what }),
            (None, Some(path)) => {
                self.found.push(Asynchronous {
                    path,
                    place,
                    ty: ty.clone(),
                });
                Ok(())
            }
        }
    }
}

/// Whether values of a type would take no byte: lists of them could have any length.
fn is_empty(ty: &Type) -> bool {
    match ty {
        Type::Tuple(members) => members.is_empty(),
        Type::Record(fields) => fields.is_empty(),
        Type::Variant(cases) => cases.is_empty(),
        Type::Enum(names) | Type::Flags(names) => names.is_empty(),
        _ => false,
    }
}
