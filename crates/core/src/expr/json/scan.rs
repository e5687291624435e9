//! Moves over JSON text without building anything. Values that are passed over are checked for
//! structure (brackets, separators, literals, numbers, closed strings), not for what is in their
//! strings.

use memchr::memchr2;

use crate::expr::limits::JSON_DEPTH;

/// The text is not JSON, or nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

pub(super) type Scan<T> = Result<T, Malformed>;

// One bit for each open bracket.
const _: () = assert!(JSON_DEPTH <= u128::BITS as usize);

/// The first byte at or behind `at` that is not white space.
pub(super) fn skip_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    at + rest.iter().take_while(|byte| space(byte)).count()
}

/// The end of the string whose opening quote is at `at`.
pub(super) fn string_end(bytes: &[u8], at: usize) -> Scan<usize> {
    if bytes.get(at) != Some(&b'"') {
        return Err(Malformed);
    }
    let mut at = at + 1;
    loop {
        let rest = bytes.get(at..).ok_or(Malformed)?;
        let found = at + memchr2(b'"', b'\\', rest).ok_or(Malformed)?;
        if bytes[found] == b'"' {
            return Ok(found + 1);
        }
        at = found + 2;
    }
}

/// The end of the number, `true`, `false` or `null` at `at`.
pub(super) fn scalar_end(bytes: &[u8], at: usize) -> Scan<usize> {
    let rest = bytes.get(at..).ok_or(Malformed)?;
    for literal in [&b"true"[..], b"false", b"null"] {
        if rest.starts_with(literal) {
            return Ok(at + literal.len());
        }
    }
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let whole = at + usize::from(rest.first() == Some(&b'-'));
    let mut end = digits(whole);
    if end == whole || (bytes[whole] == b'0' && end > whole + 1) {
        return Err(Malformed);
    }
    if bytes.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = digits(fraction);
        if end == fraction {
            return Err(Malformed);
        }
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = end + 1 + sign;
        end = digits(exponent);
        if end == exponent {
            return Err(Malformed);
        }
    }
    Ok(end)
}

/// The start of the value that belongs to the key whose quote is at or behind `at`.
fn behind_key(bytes: &[u8], at: usize) -> Scan<usize> {
    let colon = skip_space(bytes, string_end(bytes, skip_space(bytes, at))?);
    if bytes.get(colon) == Some(&b':') {
        Ok(colon + 1)
    } else {
        Err(Malformed)
    }
}

/// The end of the value at or behind `at`.
pub(super) fn value_end(bytes: &[u8], at: usize) -> Scan<usize> {
    let mut at = at;
    let mut depth = 0_usize;
    let mut objects = 0_u128;
    loop {
        at = skip_space(bytes, at);
        match bytes.get(at).ok_or(Malformed)? {
            open @ (b'{' | b'[') => {
                let object = *open == b'{';
                let inner = skip_space(bytes, at + 1);
                let close = if object { b'}' } else { b']' };
                if bytes.get(inner) == Some(&close) {
                    at = inner + 1;
                } else {
                    if depth == JSON_DEPTH {
                        return Err(Malformed);
                    }
                    depth += 1;
                    objects = objects << 1 | u128::from(object);
                    at = if object {
                        behind_key(bytes, inner)?
                    } else {
                        inner
                    };
                    continue;
                }
            }
            b'"' => at = string_end(bytes, at)?,
            _ => at = scalar_end(bytes, at)?,
        }
        // Behind a value: close what ends here, then go on with the next one.
        loop {
            if depth == 0 {
                return Ok(at);
            }
            at = skip_space(bytes, at);
            let object = objects & 1 == 1;
            match bytes.get(at) {
                Some(b',') => {
                    at = if object {
                        behind_key(bytes, at + 1)?
                    } else {
                        at + 1
                    };
                    break;
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                _ => return Err(Malformed),
            }
            at += 1;
            depth -= 1;
            objects >>= 1;
        }
    }
}

/// An entry of an object or array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'v> {
    /// The key between its quotes, escapes as written; empty in an array.
    pub(super) key: &'v str,
    /// Where the value starts. Its end is not known yet.
    pub(super) start: usize,
}

/// The entries of the object or array at the start of a text, in order. The text may go on behind.
#[derive(Debug)]
pub(super) struct Entries<'v> {
    text: &'v str,
    object: bool,
    before: Before,
}

#[derive(Clone, Copy, Debug)]
enum Before {
    First,
    /// The value that starts here was handed out.
    Behind(usize),
    Closed,
}

impl<'v> Entries<'v> {
    pub(super) fn of(text: &'v str) -> Self {
        Self {
            text,
            object: text.starts_with('{'),
            before: Before::First,
        }
    }

    pub(super) fn next(&mut self) -> Scan<Option<Entry<'v>>> {
        let bytes = self.text.as_bytes();
        let close = if self.object { b'}' } else { b']' };
        let mut at = match self.before {
            Before::Closed => return Ok(None),
            Before::First => skip_space(bytes, 1),
            Before::Behind(start) => skip_space(bytes, value_end(bytes, start)?),
        };
        if bytes.get(at) == Some(&close) {
            self.before = Before::Closed;
            return Ok(None);
        }
        if matches!(self.before, Before::Behind(_)) {
            if bytes.get(at) != Some(&b',') {
                return Err(Malformed);
            }
            at = skip_space(bytes, at + 1);
        }
        let mut key = "";
        if self.object {
            let end = string_end(bytes, at)?;
            key = self.text.get(at + 1..end - 1).ok_or(Malformed)?;
            at = behind_key(bytes, at)?;
        }
        let start = skip_space(bytes, at);
        self.before = Before::Behind(start);
        Ok(Some(Entry { key, start }))
    }
}
