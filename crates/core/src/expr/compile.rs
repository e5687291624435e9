//! From source text to a tree that is checked and ready to evaluate.

use cel::ParseErrors;

use super::error::CompileError;
use super::functions::{ENVIRONMENT, Pattern};
use super::limits::{self, PARSER_STACK, SHALLOW, SOURCE_BYTES, WEIGHT};
use super::sugar::{self, Desugared, TokenKind};
use super::weight::weight;

mod build;
mod rewrite;

/// A compiled expression.
pub(super) struct Compiled {
    pub(super) source: String,
    /// Standard CEL for the source, if it is not standard.
    pub(super) standard: Option<String>,
    pub(super) tree: cel::IdedExpr,
    /// The regular expressions that the tree refers to by position.
    pub(super) patterns: Vec<Pattern>,
    pub(super) reads: Reads,
    pub(super) flatten: Flatten,
}

/// The parts of an exchange that have to be at hand when an expression is evaluated. It may hold
/// more than one evaluation touches, never less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// The request's body has to be buffered.
    pub request_body: bool,
    /// The response's body has to be buffered.
    pub response_body: bool,
    /// Anything of the response, so that the expression has no value before there is one.
    pub response: bool,
}

impl Reads {
    /// What is read by either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            request_body: self.request_body || other.request_body,
            response_body: self.response_body || other.response_body,
            response: self.response || other.response,
        }
    }
}

/// How a map that is a field of logs or traces spreads over several fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flatten {
    /// It stays one field.
    #[default]
    No,
    /// `flatten(x)`: its entries become fields.
    Entries,
    /// `flattenRecursive(x)`: so do the entries of its entries.
    Recursive,
}

/// Compiles `source`.
pub(super) fn compile(source: &str) -> Result<Compiled, CompileError> {
    if source.len() > SOURCE_BYTES {
        let message = format!("the expression is longer than {SOURCE_BYTES} bytes");
        return Err(CompileError::at(source, SOURCE_BYTES, message));
    }
    let tokens = sugar::tokens(source)?;
    if tokens.iter().all(|token| token.kind == TokenKind::Blank) {
        return Err(CompileError::at(source, 0, "the expression is empty"));
    }
    let desugared = sugar::desugar(source, &tokens)?;
    let checked = sugar::tokens(&desugared.text)?;
    let nesting =
        limits::check_nesting(&checked).map_err(|(at, message)| desugared.error_at(at, message))?;
    if nesting <= SHALLOW {
        return parse(source, desugared);
    }
    // The parser recurses through some twenty functions for each level.
    let deep = std::thread::Builder::new().stack_size(PARSER_STACK);
    let no_room = || CompileError::at(source, 0, "no memory is left to compile the expression");
    std::thread::scope(|scope| {
        let parsing = deep.spawn_scoped(scope, || parse(source, desugared));
        let parsed = parsing.map(std::thread::ScopedJoinHandle::join);
        parsed.map_err(|_| no_room())?.map_err(|_| no_room())?
    })
}

fn parse(source: &str, mut desugared: Desugared<'_>) -> Result<Compiled, CompileError> {
    let parser = ENVIRONMENT.parser();
    let (tree, info) = parser
        .parse_with_source_info(&desugared.text)
        .map_err(|errors| syntax_error(&desugared, &errors))?;
    let rewritten = rewrite::rewrite(tree, &desugared, &info)?;
    if weight(&rewritten.tree) > WEIGHT {
        let message = "the expression multiplies its inputs too often";
        return Err(CompileError::at(source, 0, message));
    }
    Ok(Compiled {
        source: source.to_owned(),
        standard: desugared.standard.take(),
        tree: rewritten.tree,
        patterns: rewritten.patterns,
        reads: rewritten.reads,
        flatten: rewritten.flatten,
    })
}

/// The first of the parser's errors.
fn syntax_error(desugared: &Desugared<'_>, errors: &ParseErrors) -> CompileError {
    let Some(error) = errors.errors.iter().min_by_key(|error| error.pos) else {
        return desugared.error_at(0, "the expression cannot be parsed");
    };
    let (line, column) = error.pos;
    let line = usize::try_from(line).unwrap_or(1).max(1) - 1;
    let column = usize::try_from(column).unwrap_or(1).max(1) - 1;
    let starts = desugared.text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    });
    let offset = match starts.clone().nth(line) {
        Some((start, text)) => {
            let within = text
                .char_indices()
                .nth(column)
                .map_or(text.len(), |(at, _)| at);
            start + within
        }
        None => desugared.text.len(),
    };
    let first = error.msg.lines().next().unwrap_or_default();
    let message = first.trim_start_matches("Syntax error: ");
    // The parser lists every token it would take, which is most of them.
    let message = message.split(" expecting {").next().unwrap_or(message);
    let end = message.contains("<EOF>") && offset >= desugared.text.trim_end().len();
    if end {
        return desugared.error_at(offset, "the expression ends too early");
    }
    desugared.error_at(offset, format!("syntax error: {message}"))
}
