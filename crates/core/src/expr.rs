//! Expressions: CEL with the variables and functions of a gateway, and two spellings of its own
//! (`len(x)`, `if a then b else c`).
//!
//! An expression is compiled once, when its manifest is translated; everything its author can get
//! wrong is an error then, with a position. Evaluating it never blocks, never panics, and is
//! bounded. The input is borrowed and read lazily: a body is parsed only by expressions that look
//! into it, once for all of them, and only as far as they look.

mod compile;
mod error;
mod eval;
mod functions;
mod input;
mod json;
mod limits;
mod record;
mod sugar;
#[cfg(test)]
mod tests;
mod value;
mod vocabulary;
mod weight;

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

use compile::Compiled;
pub use compile::{Flatten, Reads};
pub use error::{CompileError, EvalError, Limit};
pub use input::{Input, LlmInput, RequestInput, ResponseInput, SourceInput};
pub use value::Value;

/// A compiled expression. Cloning it is cheap.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

impl Expression {
    /// Compiles CEL, `len(x)` and `if a then b else c`.
    ///
    /// # Errors
    /// Syntax errors, unknown variables, fields and functions (with those that are spelled alike),
    /// wrong numbers of arguments, bad regular expressions, and expressions that are too large,
    /// too deeply nested or too costly.
    pub fn compile(source: &str) -> Result<Expression, CompileError> {
        compile::compile(source).map(|compiled| Expression(Arc::new(compiled)))
    }

    /// The source as it was written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// What has to be at hand for [`Expression::eval`].
    pub fn reads(&self) -> Reads {
        self.0.reads
    }

    /// The source in standard CEL, if it is not.
    pub fn standard_form(&self) -> Option<String> {
        self.0.standard.clone()
    }

    /// Whether the value spreads over several fields where it is a field of logs or traces.
    pub fn flatten(&self) -> Flatten {
        self.0.flatten
    }

    /// The value for this input.
    ///
    /// # Errors
    /// The input lacks something, has the wrong type for it, or a run-time bound was reached.
    pub fn eval(&self, input: &Input<'_>) -> Result<Value, EvalError> {
        eval::evaluate(&self.0, input, |result| {
            value::copy(result, 0).map_err(|error| value::from_cel(error, &self.0.source))
        })
    }

    /// The value, which must be a boolean.
    ///
    /// # Errors
    /// Those of [`Expression::eval`], and values that are not booleans.
    pub fn eval_bool(&self, input: &Input<'_>) -> Result<bool, EvalError> {
        eval::evaluate(&self.0, input, value::boolean)
    }

    /// The value as a header: text and bytes as they are, numbers and booleans printed, lists and
    /// maps as JSON.
    ///
    /// # Errors
    /// Those of [`Expression::eval`], `null`, and what has characters no header may have.
    pub fn eval_header(&self, input: &Input<'_>) -> Result<HeaderValue, EvalError> {
        eval::evaluate(&self.0, input, |result| {
            value::header(result, &self.0.source)
        })
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source()).finish()
    }
}
