//! Bounds on what an expression may cost, checked before its parser runs where that parser could
//! recurse, and the constants of all the others.

use super::sugar::{Token, TokenKind};

/// Bytes of source.
pub(super) const SOURCE_BYTES: usize = 16 * 1024;
/// Nodes of the syntax tree after expansion of macros and sugar.
pub(super) const NODES: usize = 4_000;
/// Nesting of the source text.
pub(super) const DEPTH: usize = 48;
/// Nesting up to which a thread with the usual stack has room for CEL's parser.
pub(super) const SHALLOW: usize = 6;
/// Stack for parsing up to [`DEPTH`]: without optimisation a level takes up to 200 KiB.
pub(super) const PARSER_STACK: usize = 32 * 1024 * 1024;
/// Depth of the expanded syntax tree, which is the depth of the evaluator's recursion.
pub(super) const TREE_DEPTH: usize = 96;
/// Comprehensions (`map`, `filter`, `exists`, …) within one another.
pub(super) const COMPREHENSIONS: usize = 3;
/// How many copies of its inputs a value may be made of.
pub(super) const WEIGHT: u64 = 10_000;
/// Comprehension steps of one evaluation.
pub(super) const STEPS: u32 = 100_000;
/// Entries of a list or map that is walked or materialised.
pub(super) const ENTRIES: usize = 10_000;
/// Nesting of a JSON value that is walked.
pub(super) const JSON_DEPTH: usize = 128;
/// Bytes of a text made by a function that can make one longer than its arguments.
pub(super) const TEXT_BYTES: usize = 4 * 1024 * 1024;
/// Compiled size of a regular expression.
pub(super) const REGEX_BYTES: usize = 256 * 1024;

/// Operators that deepen the tree while a bracket level is open.
#[derive(Default)]
struct Level {
    /// Conditionals: they nest to the right and last until the level closes.
    conditionals: usize,
    /// Everything else; it ends with the operand of a logical operator or the element of a list.
    operators: usize,
}

/// How deep the tree of a text gets, at most. Texts beyond [`DEPTH`] are refused before a recursive
/// parser sees them: the offset and the message of the error.
pub(super) fn check_nesting(tokens: &[Token<'_>]) -> Result<usize, (usize, String)> {
    let mut levels = vec![Level::default()];
    let mut depth = 0_usize;
    let mut deepest = 0;
    for token in tokens {
        if token.kind != TokenKind::Symbol {
            continue;
        }
        let Some(level) = levels.last_mut() else {
            break;
        };
        match token.text {
            "(" | "[" | "{" => {
                level.operators += 1;
                depth += 1;
                levels.push(Level::default());
            }
            ")" | "]" | "}" => {
                depth -= std::mem::take(level).total();
                if levels.len() == 1 {
                    return Err((token.offset, format!("`{}` closes nothing", token.text)));
                }
                levels.pop();
            }
            "," => depth -= std::mem::take(level).total(),
            "&&" | "||" => depth -= std::mem::take(&mut level.operators),
            "?" => {
                depth -= std::mem::take(&mut level.operators);
                level.conditionals += 1;
                depth += 1;
            }
            _ => {
                level.operators += 1;
                depth += 1;
            }
        }
        deepest = deepest.max(depth);
        if depth > DEPTH {
            let message = format!("the expression is nested too deeply (more than {DEPTH} levels)");
            return Err((token.offset, message));
        }
    }
    Ok(deepest)
}

impl Level {
    fn total(self) -> usize {
        self.operators + self.conditionals
    }
}
