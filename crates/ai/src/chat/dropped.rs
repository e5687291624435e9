//! What was lost in translation.

use std::fmt;

use crate::json::Path;

/// Longer reports only count.
const MOST: usize = 32;

/// Members of a request that the other side's format has no word for. They are named by where they
/// are, such as `messages[].content[].cache_control`, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    paths: Vec<Box<str>>,
    more: usize,
}

impl Dropped {
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|path| &**path)
    }

    /// How many there are beyond those that are named.
    pub fn more(&self) -> usize {
        self.more
    }

    pub(crate) fn add(&mut self, path: &Path<'_>) {
        self.name(&path.pattern());
    }

    pub(crate) fn name(&mut self, path: &str) {
        if self.paths.iter().any(|known| **known == *path) {
            return;
        }
        if self.paths.len() == MOST {
            self.more += 1;
            return;
        }
        self.paths.push(path.into());
    }
}

/// The paths, separated by commas.
impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.paths.join(", "))?;
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
