//! Why a message says nothing that makes sense.

use std::fmt;

/// A part of a message that cannot be taken, by the path of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    path: String,
    problem: String,
}

impl Invalid {
    pub(crate) fn new(problem: impl fmt::Display) -> Self {
        Self {
            path: String::new(),
            problem: problem.to_string(),
        }
    }

    /// The same, seen from the message that has the other one as `field`.
    #[must_use]
    pub(crate) fn under(mut self, field: impl fmt::Display) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{field}{dot}{}", self.path);
        self
    }
}

/// `rules[2].matches[0].regex: …`.
impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Invalid {}

/// Says where an error is.
pub(super) trait At<T> {
    fn at(self, field: &str) -> Result<T, Invalid>;
}

impl<T> At<T> for Result<T, Invalid> {
    fn at(self, field: &str) -> Result<T, Invalid> {
        self.map_err(|invalid| invalid.under(field))
    }
}

/// Makes an error of any other kind one of a field.
pub(super) trait OrInvalid<T> {
    fn or_invalid(self, field: &str) -> Result<T, Invalid>;
}

impl<T, E: fmt::Display> OrInvalid<T> for Result<T, E> {
    fn or_invalid(self, field: &str) -> Result<T, Invalid> {
        self.map_err(|error| Invalid::new(error).under(field))
    }
}
