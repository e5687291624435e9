//! Members that a scanner looks for and finds.

use std::fmt;
use std::ops::Range;

/// A member to look for at the top level.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// ASCII, at most 32 bytes.
    pub key: &'static str,
    pub repeat: Repeat,
    /// Bytes of the value to keep a copy of; a longer value is not kept at all.
    pub keep: usize,
}

/// What a second member of the same name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// An error: two readers of the body could disagree on which one counts.
    Reject,
    LastWins,
}

/// The type of a JSON value, told by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// A member that was found, complete or not. Offsets are absolute. The value
/// never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// With its quotes.
    pub key: Range<usize>,
    pub kind: Kind,
    /// First byte of the value.
    pub start: usize,
    /// Behind the last byte of the value; `None` while it is incomplete.
    pub end: Option<usize>,
    /// Whether the value is a container that is known not to be empty.
    pub filled: bool,
    pub(super) kept: Vec<u8>,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field")
            .field("key", &self.key)
            .field("kind", &self.kind)
            .field("start", &self.start)
            .field("end", &self.end)
            .field("filled", &self.filled)
            .finish_non_exhaustive()
    }
}

impl Field {
    pub(super) fn begin(key: Range<usize>, start: usize, kind: Kind) -> Self {
        Self {
            key,
            kind,
            start,
            end: None,
            filled: false,
            kept: Vec::new(),
        }
    }

    /// Where the value is, once it is complete.
    pub fn span(&self) -> Option<Range<usize>> {
        self.end.map(|end| self.start..end)
    }

    /// The value's bytes, once it is complete and if it is short enough to be kept.
    pub fn kept(&self) -> Option<&[u8]> {
        let whole = self
            .end
            .is_some_and(|end| end - self.start == self.kept.len());
        whole.then_some(self.kept.as_slice())
    }

    /// Takes the value's bytes up to the absolute offset `upto` out of `chunk`, which starts at
    /// `offset`. Once the value is known to exceed `limit` nothing is held any more.
    pub(super) fn keep(&mut self, chunk: &[u8], offset: usize, upto: usize, limit: usize) {
        if upto - self.start > limit {
            self.kept = Vec::new();
            return;
        }
        let next = self.start + self.kept.len();
        self.kept
            .extend_from_slice(&chunk[next - offset..upto - offset]);
    }
}
