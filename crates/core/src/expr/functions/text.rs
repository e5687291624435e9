//! Functions on text.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD, STANDARD};
use cel::ExecutionError;
use cel::common::types::{CelBool, CelBytes, CelInt, CelString, DYN_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use regex::{Regex, RegexBuilder};

use super::{Args, Returns, check_length, error, parse_owned, string, take};
use crate::expr::json;
use crate::expr::limits::REGEX_BYTES;

const LENIENT: GeneralPurposeConfig =
    NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);
const FROM_STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const FROM_URL: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// A regular expression that was compiled with the expression it stands in.
#[derive(Clone, Debug)]
pub(in crate::expr) struct Pattern(pub(in crate::expr) Regex);

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        Self::cel_type()
    }
    fn cel_type() -> &'static Type {
        &DYN_TYPE
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}
impl StaticVal for Pattern {}

/// Compiles a regular expression whose size is bounded.
pub(in crate::expr) fn compile_regex(pattern: &str) -> Result<Pattern, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .build()
        .map(Pattern)
}

/// The pattern in `value`, which is compiled already if it was a literal.
fn pattern<'b>(function: &str, value: &'b dyn Val) -> Result<Cow<'b, Pattern>, ExecutionError> {
    if let Some(compiled) = value.downcast_ref::<Pattern>() {
        return Ok(Cow::Borrowed(compiled));
    }
    let compiled = compile_regex(string(value)?.inner());
    compiled
        .map(Cow::Owned)
        .map_err(|_| error(function, "not a regular expression"))
}

pub(super) fn matches<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [text, regex] = take("matches", args)?;
    let regex = pattern("matches", regex.as_ref())?;
    let found = regex.0.is_match(string(text.as_ref())?.inner());
    Ok(CowVal::owned(CelBool::from(found)))
}

pub(super) fn regex_replace<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [text, regex, with] = take("regexReplace", args)?;
    let regex = pattern("regexReplace", regex.as_ref())?;
    let (text, with) = (
        string(text.as_ref())?.inner(),
        string(with.as_ref())?.inner(),
    );
    let mut out = String::new();
    let mut copied = 0;
    for captures in regex.0.captures_iter(text) {
        let Some(whole) = captures.get(0) else {
            continue;
        };
        out.push_str(&text[copied..whole.start()]);
        captures.expand(with, &mut out);
        copied = whole.end();
        check_length(out.len())?;
    }
    out.push_str(&text[copied..]);
    Ok(CowVal::owned(CelString::from(out)))
}

pub(super) fn replace<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [text, from, to, rest @ ..] = args.as_slice() else {
        return Err(error("replace", "wrong number of arguments"));
    };
    let (text, from) = (
        string(text.as_ref())?.inner(),
        string(from.as_ref())?.inner(),
    );
    let to = string(to.as_ref())?.inner();
    // A negative limit means none.
    let most = rest
        .first()
        .and_then(|limit| limit.downcast_ref::<CelInt>());
    let most = most
        .and_then(|limit| usize::try_from(*limit.inner()).ok())
        .unwrap_or(usize::MAX);
    let found = text.matches(from).count().min(most);
    check_length(text.len().saturating_add(found.saturating_mul(to.len())))?;
    Ok(CowVal::owned(CelString::from(
        text.replacen(from, to, most),
    )))
}

pub(super) fn join<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let mut args = args.into_iter();
    let items = args
        .next()
        .ok_or_else(|| error("join", "nothing to join"))?;
    let separator = args.next();
    let separator = match &separator {
        Some(separator) => string(separator.as_ref())?.inner(),
        None => "",
    };
    let mut out = String::new();
    for (i, item) in json::elements(items.as_ref())?.into_iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(string(item)?.inner());
        check_length(out.len())?;
    }
    Ok(CowVal::owned(CelString::from(out)))
}

/// What is left of the first argument when `strip` took the second one off it.
fn strip<'b, 'v>(
    name: &str,
    args: Args<'b, 'v>,
    strip: impl for<'t> Fn(&'t str, &str) -> Option<&'t str>,
) -> Returns<'b, 'v> {
    let [text, affix] = take(name, args)?;
    let affix = string(affix.as_ref())?.inner();
    let stripped = {
        let text = string(text.as_ref())?;
        match text.as_borrowed() {
            Some(borrowed) => strip(borrowed, affix).map(CelString::from),
            None => strip(text.inner(), affix).map(|rest| CelString::from(rest.to_owned())),
        }
    };
    Ok(stripped.map_or(text, CowVal::owned))
}

pub(super) fn strip_prefix<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    strip("stripPrefix", args, |text, affix| text.strip_prefix(affix))
}

pub(super) fn strip_suffix<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    strip("stripSuffix", args, |text, affix| text.strip_suffix(affix))
}

/// Standard base64 with padding.
pub(in crate::expr) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn base64_encode<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [value] = take("base64.encode", args)?;
    let encoded = match value.downcast_ref::<CelBytes<'v>>() {
        Some(bytes) => encode_base64(bytes.inner()),
        None => encode_base64(string(value.as_ref())?.inner().as_bytes()),
    };
    Ok(CowVal::owned(CelString::from(encoded)))
}

fn decode_base64(name: &str, text: &str) -> Result<Vec<u8>, ExecutionError> {
    let url = text.contains(['-', '_']);
    let engine = if url { FROM_URL } else { FROM_STANDARD };
    engine.decode(text).map_err(|_| error(name, "not base64"))
}

pub(super) fn base64_decode<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [text] = take("base64.decode", args)?;
    let bytes = decode_base64("base64.decode", string(text.as_ref())?.inner())?;
    Ok(CowVal::owned(CelBytes::from(bytes)))
}

/// The claims of a JSON web token, whose signature nobody checked.
pub(super) fn jwt_payload<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    const NAME: &str = "unvalidatedJwtPayload";
    let [token] = take(NAME, args)?;
    let mut parts = string(token.as_ref())?.inner().split('.');
    let payload = parts
        .nth(1)
        .ok_or_else(|| error(NAME, "not a JSON web token"))?;
    let payload = decode_base64(NAME, payload)?;
    let payload = str::from_utf8(&payload).map_err(|_| json::not_json())?;
    parse_owned(payload)
}

/// Percent encoding of everything but unreserved characters (RFC 3986 §2.3).
pub(super) fn url_encode<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [text] = take("url.encode", args)?;
    let mut out = String::new();
    for byte in string(text.as_ref())?.inner().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    Ok(CowVal::owned(CelString::from(out)))
}

pub(super) fn url_decode<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [text] = take("url.decode", args)?;
    let decoded = decode_percent(string(text.as_ref())?.inner(), Plus::AsWritten);
    let decoded = decoded.ok_or_else(|| error("url.decode", "not percent-encoded UTF-8"))?;
    Ok(CowVal::owned(CelString::from(decoded.into_owned())))
}

/// What `+` means in percent-encoded text.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::expr) enum Plus {
    AsWritten,
    /// As in the query strings of HTML forms.
    Space,
}

/// Undoes percent encoding; `None` if it is cut off, not hexadecimal or not UTF-8.
pub(in crate::expr) fn decode_percent(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    if !text.contains('%') && (plus == Plus::AsWritten || !text.contains('+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' if plus == Plus::Space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}
