//! Where an object and its fields are written.

use std::sync::Arc;

use super::path::{FieldPath, Step};

/// A place in a text: line and column in characters, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Members of a mapping, in the order they are written.
pub(crate) type Members = Vec<(String, Places)>;

/// Places of a node and all below it. Holds keys but no values, so no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// Where the key stands, for a member of a mapping.
    pub(crate) key: Option<Mark>,
    /// Where the value starts.
    pub(crate) value: Mark,
    pub(crate) below: Below,
}

/// What a node consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Below {
    Scalar(Text),
    Members(Members),
    Items(Vec<Places>),
}

/// How a scalar's text lies in the file, so that a place within it can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// It starts where the value starts.
    Plain,
    /// It starts after a quote.
    Quoted,
    /// A `|` or `>` block: its first line, its last that is not blank, and how far it is indented.
    Block { line: u32, last: u32, indent: u32 },
    /// Of an alias or an absent value nothing more is known.
    Elsewhere,
}

/// Where an object comes from: a place in a file, or a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    written: Option<(Arc<str>, Arc<Places>)>,
}

/// An object and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    pub object: T,
    pub origin: Origin,
}

impl Places {
    /// The node at a path, or the nearest above it that is written.
    pub(crate) fn nearest(&self, path: &FieldPath) -> &Self {
        let mut node = self;
        for step in &path.0 {
            let next = match (step, &node.below) {
                (Step::Key(key), Below::Members(members)) => members
                    .iter()
                    .find(|(name, _)| name == key)
                    .map(|(_, child)| child),
                (Step::Index(index), Below::Items(items)) => items.get(*index),
                _ => None,
            };
            match next {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    /// Where to point for the node itself: its key, or an item's start.
    pub(crate) fn name_mark(&self) -> Mark {
        self.key.unwrap_or(self.value)
    }

    /// Where to point for the node's value: a scalar's own place, a collection's key.
    pub(crate) fn value_mark(&self) -> Mark {
        match self.below {
            Below::Scalar(_) => self.value,
            Below::Members(_) | Below::Items(_) => self.name_mark(),
        }
    }
}

impl Origin {
    pub(crate) fn written(file: Arc<str>, places: Places) -> Self {
        Self {
            written: Some((file, Arc::new(places))),
        }
    }

    /// An object that was read from a cluster: it has no place in a file.
    pub const fn cluster() -> Self {
        Self { written: None }
    }

    /// Path of the file, as the caller of the loader gave it.
    pub fn file(&self) -> Option<&str> {
        self.written.as_ref().map(|(file, _)| &**file)
    }

    /// Line and column of a field's key (`spec.rules[0].filters[1].urlRewrite`), or of the nearest
    /// part above it that is written. An empty path is the object's own place.
    pub fn locate(&self, field: &str) -> Option<(u32, u32)> {
        let (_, places) = self.written.as_ref()?;
        let mark = places.nearest(&FieldPath::parse(field)).name_mark();
        Some((mark.line, mark.column))
    }

    /// Like [`Self::locate`], but of a scalar's value rather than its key.
    pub fn locate_value(&self, field: &str) -> Option<(u32, u32)> {
        let (_, places) = self.written.as_ref()?;
        let mark = places.nearest(&FieldPath::parse(field)).value_mark();
        Some((mark.line, mark.column))
    }

    /// Like [`Self::locate_value`], but of a place within a scalar's text: its line and column there,
    /// both from 1. Of a text whose lines the file wraps differently, the start of the value.
    pub(crate) fn locate_within(
        &self,
        field: &str,
        (line, column): (u32, u32),
    ) -> Option<(u32, u32)> {
        let (_, places) = self.written.as_ref()?;
        let node = places.nearest(&FieldPath::parse(field));
        let start = node.value_mark();
        Some(match node.below {
            Below::Scalar(Text::Plain) if line == 1 => (start.line, start.column + column - 1),
            Below::Scalar(Text::Quoted) if line == 1 => (start.line, start.column + column),
            Below::Scalar(Text::Block {
                line: first,
                last,
                indent,
            }) => {
                if first + line - 1 > last {
                    // The end of a text that ends in a newline.
                    (last, indent + 1)
                } else {
                    (first + line - 1, indent + column)
                }
            }
            _ => (start.line, start.column),
        })
    }

    /// Line at which the object starts.
    pub fn line(&self) -> Option<u32> {
        self.locate("").map(|(line, _)| line)
    }
}
