//! What can go wrong with an expression: its author's mistake, or this request.

use std::fmt;

/// An expression that does not compile: its author has to change it, a retry cannot help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct CompileError {
    /// What is wrong, without its position.
    pub message: String,
    /// Byte offset into the source as it was written, sugar included.
    pub offset: usize,
    /// Line of `offset`, from 1.
    pub line: u32,
    /// Column of `offset` in characters, from 1.
    pub column: u32,
}

impl CompileError {
    pub(super) fn at(source: &str, offset: usize, message: impl Into<String>) -> Self {
        let offset = source.floor_char_boundary(offset.min(source.len()));
        let before = &source[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            message: message.into(),
            offset,
            line: saturate(before.matches('\n').count()),
            column: saturate(before[line_start..].chars().count()),
        }
    }
}

/// Counts from 1 in the width positions are reported in.
fn saturate(from_zero: usize) -> u32 {
    u32::try_from(from_zero).map_or(u32::MAX, |n| n.saturating_add(1))
}

/// An expression that has no value for this input. Another input may have one; evaluating the
/// same input again will not help. Its text names parts of the expression, never request data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A variable, field, key or index that this input does not have.
    #[error("{0} is absent")]
    Absent(String),
    /// `json()` of something that is not JSON.
    #[error("{0} is not JSON")]
    NotJson(&'static str),
    /// An operator or function got a value of a type it does not take.
    #[error("type mismatch: {0}")]
    Type(String),
    /// A function failed on a value of the right type.
    #[error("{function}() failed: {reason}")]
    Function {
        /// The function's name as users write it.
        function: String,
        /// Why, without the value.
        reason: String,
    },
    /// A whole number left its range or was divided by zero.
    #[error("arithmetic overflow or division by zero")]
    Arithmetic,
    /// The expression called `fail()`.
    #[error("the expression failed on purpose")]
    Failed,
    /// A run-time bound was reached.
    #[error("{0}")]
    Limit(Limit),
    /// The value cannot stand where it is used.
    #[error("a {got} cannot be used as {want}")]
    Unusable {
        /// The value's CEL type.
        got: &'static str,
        /// What was wanted: `a boolean`, `a header value`, …
        want: &'static str,
    },
}

/// The run-time bounds of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Too many steps of comprehensions.
    Steps,
    /// A list or map has too many entries to be walked.
    Entries,
    /// A value is nested too deeply.
    Depth,
    /// A text grew too long.
    Length,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Steps => "the evaluation takes too many steps",
            Limit::Entries => "a list or map has too many entries",
            Limit::Depth => "a value is nested too deeply",
            Limit::Length => "a text is too long",
        })
    }
}
