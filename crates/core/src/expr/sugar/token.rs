//! CEL's tokens, as far as rewriting and bounding an expression needs them.

use crate::expr::error::CompileError;

/// What a token is to the rewriter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expr) enum TokenKind {
    /// An identifier or keyword.
    Word,
    /// A number, string or bytes literal.
    Literal,
    /// An operator, bracket or separator.
    Symbol,
    /// Space or a comment.
    Blank,
}

/// One token and where it starts, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expr) struct Token<'s> {
    pub(in crate::expr) kind: TokenKind,
    pub(in crate::expr) text: &'s str,
    pub(in crate::expr) offset: usize,
}

const TWO: [&str; 6] = ["&&", "||", "==", "!=", "<=", ">="];
const ONE: &[u8] = b"()[]{}.,:?!<>+-*/%";

/// Splits `source` into tokens whose texts join to the source again.
///
/// # Errors
/// A character CEL has no token for, or a string that does not end.
pub(in crate::expr) fn tokens(source: &str) -> Result<Vec<Token<'_>>, CompileError> {
    let bytes = source.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (kind, end) = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b'\x0c' => (TokenKind::Blank, run(bytes, at, is_space)),
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                (TokenKind::Blank, run(bytes, at, |b| b != b'\n'))
            }
            b'"' | b'\'' => (
                TokenKind::Literal,
                string_end(source, at, at, Escapes::Yes)?,
            ),
            b'0'..=b'9' => (TokenKind::Literal, number_end(bytes, at)),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => word(source, at)?,
            _ if TWO.iter().any(|two| source[at..].starts_with(two)) => (TokenKind::Symbol, at + 2),
            _ if ONE.contains(&byte) => (TokenKind::Symbol, at + 1),
            _ => {
                let found = source[at..].chars().next().unwrap_or_default();
                let message = format!("unexpected character `{}`", found.escape_default());
                return Err(CompileError::at(source, at, message));
            }
        };
        tokens.push(Token {
            kind,
            text: &source[at..end],
            offset: at,
        });
        at = end;
    }
    Ok(tokens)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\x0c')
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn run(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = &bytes[from..];
    from + rest.iter().position(|b| !belongs(*b)).unwrap_or(rest.len())
}

/// An identifier, or a literal if it is the prefix of a string.
fn word(source: &str, at: usize) -> Result<(TokenKind, usize), CompileError> {
    let bytes = source.as_bytes();
    let end = run(bytes, at, is_word);
    let prefix = source[at..end].to_ascii_lowercase();
    let quoted = matches!(bytes.get(end), Some(b'"' | b'\''));
    if quoted && matches!(prefix.as_str(), "r" | "b" | "br" | "rb") {
        let escapes = if prefix.contains('r') {
            Escapes::No
        } else {
            Escapes::Yes
        };
        return Ok((TokenKind::Literal, string_end(source, at, end, escapes)?));
    }
    Ok((TokenKind::Word, end))
}

fn number_end(bytes: &[u8], at: usize) -> usize {
    let mut end = run(bytes, at, is_word);
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = run(bytes, end + 1, is_word);
    }
    let exponent = matches!(bytes.get(end - 1), Some(b'e' | b'E'));
    let hexadecimal = bytes[at..end].starts_with(b"0x") || bytes[at..end].starts_with(b"0X");
    if exponent && !hexadecimal && matches!(bytes.get(end), Some(b'+' | b'-')) {
        end = run(bytes, end + 1, is_word);
    }
    end
}

#[derive(Clone, Copy, PartialEq)]
enum Escapes {
    Yes,
    No,
}

/// The end of the string that opens with the quote at `quote`; its literal starts at `start`.
fn string_end(
    source: &str,
    start: usize,
    quote: usize,
    escapes: Escapes,
) -> Result<usize, CompileError> {
    let bytes = source.as_bytes();
    let mark = bytes[quote];
    let triple = bytes[quote..].starts_with(&[mark; 3]);
    let mut at = quote + if triple { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes == Escapes::Yes => at += 2,
            _ if byte == mark && triple && bytes[at..].starts_with(&[mark; 3]) => return Ok(at + 3),
            _ if byte == mark && !triple => return Ok(at + 1),
            b'\n' | b'\r' if !triple => break,
            _ => at += 1,
        }
    }
    Err(CompileError::at(source, start, "this string does not end"))
}
