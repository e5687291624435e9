//! Two spellings beyond CEL, rewritten token by token: `if a then b else c` becomes the
//! conditional `a ? b : c`. (`len(x)` is an ordinary function; only the standard form renames it.)
//!
//! `if` and `else` are reserved words of CEL, and `then` is special only behind an open `if`, so
//! standard CEL keeps its meaning.

mod token;

pub(super) use token::{Token, TokenKind, tokens};

use super::error::CompileError;

/// Deepest nesting of `if`: the rewriter recurses once for each.
const NESTING: usize = 24;

/// Source text rewritten to CEL, able to say where each part of it came from.
#[derive(Debug)]
pub(super) struct Desugared<'s> {
    pub(super) text: String,
    /// Starts of the pieces, in the text and in the source, both ascending.
    origins: Vec<(usize, usize)>,
    /// Standard CEL for the source, where it is not standard already.
    pub(super) standard: Option<String>,
    source: &'s str,
}

impl Desugared<'_> {
    /// The error `message` at `offset` of the rewritten text, placed in the source.
    pub(super) fn error_at(&self, offset: usize, message: impl Into<String>) -> CompileError {
        let piece = self.origins.partition_point(|(start, _)| *start <= offset);
        let at = match piece.checked_sub(1).and_then(|i| self.origins.get(i)) {
            Some((start, origin)) => origin + (offset - start),
            None => offset,
        };
        CompileError::at(self.source, at, message)
    }
}

/// Rewrites `source`, whose tokens are `tokens`.
pub(super) fn desugar<'s>(
    source: &'s str,
    tokens: &[Token<'s>],
) -> Result<Desugared<'s>, CompileError> {
    let mut rewriter = Rewriter {
        source,
        tokens,
        next: 0,
        nesting: 0,
        out: Vec::with_capacity(tokens.len()),
        sugared: false,
    };
    rewriter.part(Until::End)?;
    if let Some(token) = rewriter.peek() {
        let message = format!("unexpected `{}`", token.text);
        return Err(CompileError::at(source, token.offset, message));
    }
    let Rewriter { out, sugared, .. } = rewriter;

    let mut text = String::with_capacity(source.len() + 16);
    let mut origins = Vec::with_capacity(out.len());
    for piece in &out {
        if !piece.text.is_empty() {
            origins.push((text.len(), piece.origin));
            text.push_str(piece.text);
        }
    }
    let standard = standard_form(&out, sugared);
    Ok(Desugared {
        text,
        origins,
        standard,
        source,
    })
}

/// The text with `len(` renamed, if there is anything that is not standard.
fn standard_form(pieces: &[Piece<'_>], sugared: bool) -> Option<String> {
    let mut renamed = false;
    let mut text = String::new();
    let mut before = "";
    let written: Vec<&str> = pieces
        .iter()
        .map(|piece| piece.text)
        .filter(|text| !text.is_empty())
        .collect();
    for (i, &piece) in written.iter().enumerate() {
        let called = written[i + 1..].iter().find(|next| !is_blank(next));
        if piece == "len" && before != "." && called.is_some_and(|next| *next == "(") {
            renamed = true;
            text.push_str("size");
        } else {
            text.push_str(piece);
        }
        if !is_blank(piece) {
            before = piece;
        }
    }
    (sugared || renamed).then(|| text.trim().to_owned())
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// What ends the part being read, besides a closing bracket, comma or colon that is not its own.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    End,
    Then,
    Else,
}

impl Until {
    fn keyword(self) -> Option<&'static str> {
        match self {
            Until::End => None,
            Until::Then => Some("then"),
            Until::Else => Some("else"),
        }
    }
}

struct Piece<'s> {
    text: &'s str,
    origin: usize,
}

struct Rewriter<'t, 's> {
    source: &'s str,
    tokens: &'t [Token<'s>],
    next: usize,
    nesting: usize,
    out: Vec<Piece<'s>>,
    sugared: bool,
}

impl<'s> Rewriter<'_, 's> {
    fn peek(&self) -> Option<Token<'s>> {
        self.tokens.get(self.next).copied()
    }

    /// Copies tokens up to the end of this part; whether it holds a conditional of its own level.
    fn part(&mut self, until: Until) -> Result<bool, CompileError> {
        let mut open = 0_usize;
        let mut pending = 0_usize;
        let mut conditional = false;
        while let Some(token) = self.peek() {
            let symbol = token.kind == TokenKind::Symbol;
            match token.text {
                "if" if token.kind == TokenKind::Word && self.last_written() != Some(".") => {
                    // Within brackets of this part, its keyword cannot end the inner one.
                    let inner = if open == 0 { until } else { Until::End };
                    let bare = self.conditional(token, inner)?;
                    conditional |= bare && open == 0;
                    continue;
                }
                word if open == 0
                    && token.kind == TokenKind::Word
                    && until.keyword() == Some(word) =>
                {
                    return Ok(conditional);
                }
                "(" | "[" | "{" if symbol => open += 1,
                ")" | "]" | "}" if symbol => match open.checked_sub(1) {
                    Some(fewer) => open = fewer,
                    None => return Ok(conditional),
                },
                "," if symbol && open == 0 => return Ok(conditional),
                "?" if symbol && open == 0 && self.last_written() != Some(".") => {
                    conditional = true;
                    pending += 1;
                }
                ":" if symbol && open == 0 => match pending.checked_sub(1) {
                    Some(fewer) => pending = fewer,
                    None => return Ok(conditional),
                },
                _ => {}
            }
            self.copy(token);
        }
        Ok(conditional)
    }

    /// Rewrites the `if` at `token`; its `else` part runs as far as the part around it. Whether
    /// the result stands without brackets.
    fn conditional(&mut self, token: Token<'s>, until: Until) -> Result<bool, CompileError> {
        self.sugared = true;
        self.nesting += 1;
        if self.nesting > NESTING {
            let message = format!("`if` is nested too deeply (more than {NESTING} levels)");
            return Err(CompileError::at(self.source, token.offset, message));
        }
        let alone = matches!(self.last_written(), None | Some("(" | "[" | "{" | ","));
        self.next += 1;
        if !alone {
            self.write("(", token.offset);
        }
        self.operand(token, Until::Then)?;
        self.write(" ? ", token.offset);
        self.operand(token, Until::Else)?;
        self.write(" : ", token.offset);
        self.expect_operand(token, "else")?;
        self.skip_blank();
        self.part(until)?;
        if !alone {
            self.write(")", token.offset);
        }
        self.nesting -= 1;
        Ok(alone)
    }

    /// One operand of the `if` at `token` and the keyword that ends it.
    fn operand(&mut self, token: Token<'s>, until: Until) -> Result<(), CompileError> {
        let keyword = until.keyword().unwrap_or_default();
        self.skip_blank();
        let open = self.out.len();
        self.write("", token.offset);
        let conditional = self.part(until)?;
        match self.peek() {
            Some(end) if end.text == keyword && self.out.len() > open + 1 => {}
            Some(end) => {
                let missing = if end.text == keyword {
                    "an expression before"
                } else {
                    "expected"
                };
                let message = format!("{missing} `{keyword}` of this `if`");
                return Err(CompileError::at(self.source, end.offset, message));
            }
            None => {
                let message = format!("this `if` has no `{keyword}`");
                return Err(CompileError::at(self.source, token.offset, message));
            }
        }
        while self.out.last().is_some_and(|piece| is_blank(piece.text)) && self.out.len() > open + 1
        {
            self.out.pop();
        }
        if conditional {
            self.out[open].text = "(";
            self.write(")", token.offset);
        }
        self.next += 1;
        Ok(())
    }

    fn expect_operand(&self, token: Token<'s>, keyword: &str) -> Result<(), CompileError> {
        let rest = &self.tokens[self.next.min(self.tokens.len())..];
        if rest.iter().all(|t| t.kind == TokenKind::Blank) {
            let message = format!("nothing follows the `{keyword}` of this `if`");
            return Err(CompileError::at(self.source, token.offset, message));
        }
        Ok(())
    }

    fn skip_blank(&mut self) {
        while self.peek().is_some_and(|t| t.kind == TokenKind::Blank) {
            self.next += 1;
        }
    }

    fn last_written(&self) -> Option<&'s str> {
        self.out
            .iter()
            .rev()
            .map(|piece| piece.text)
            .find(|text| !is_blank(text))
    }

    fn copy(&mut self, token: Token<'s>) {
        self.next += 1;
        self.write(token.text, token.offset);
    }

    fn write(&mut self, text: &'s str, origin: usize) {
        self.out.push(Piece { text, origin });
    }
}
