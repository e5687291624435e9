//! The functions beyond CEL's own, and the environment that has them all. Each sees only its
//! arguments: what depends on the input is a hidden variable, resolved by the evaluation.

mod map;
mod text;

use std::sync::{Arc, LazyLock};

use cel::common::functions::Function;
use cel::common::types::{
    BYTES_TYPE, CelBool, CelInt, CelList, CelNull, CelString, DYN_TYPE, INT_TYPE, Kind,
    STRING_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};

use super::json;
use super::limits::TEXT_BYTES;
pub(super) use text::{Pattern, Plus, compile_regex, decode_percent, encode_base64};

pub(super) type Args<'b, 'v> = Vec<CowVal<'b, 'v>>;
pub(super) type Returns<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// The environment every expression is compiled and evaluated in.
pub(super) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    declare(&mut env).expect("the functions have distinct names and signatures");
    Arc::new(env)
});

/// Name, parameter types, implementation. A name with `@` is what the compiler writes for another.
type Row = (&'static str, &'static [Type], Function);

const TEXT: Type = STRING_TYPE;
const ANY: Type = DYN_TYPE;

const FUNCTIONS: &[Row] = &[
    ("json", &[TEXT], parse_json),
    ("json", &[BYTES_TYPE], parse_json),
    ("toJson", &[ANY], to_json),
    ("to_json", &[ANY], to_json),
    ("len", &[ANY], len),
    ("@failed", &[ANY], failed),
    ("@null", &[ANY], is_null),
    ("fail", &[], fail),
    ("fail", &[ANY], fail),
    ("unredacted", &[ANY], identity),
    ("merge", &[ANY, ANY], map::merge),
    ("@entries", &[ANY], map::entry_list),
    ("@fromEntries", &[ANY], map::from_entry_list),
    ("flatten", &[ANY], identity),
    ("flattenRecursive", &[ANY], identity),
    ("max", &[ANY], map::max),
    ("max", &[ANY, ANY], map::max),
    ("max", &[ANY, ANY, ANY], map::max),
    ("min", &[ANY], map::min),
    ("min", &[ANY, ANY], map::min),
    ("min", &[ANY, ANY, ANY], map::min),
    ("base64.encode", &[ANY], text::base64_encode),
    ("base64.decode", &[TEXT], text::base64_decode),
    ("url.encode", &[TEXT], text::url_encode),
    ("url.decode", &[TEXT], text::url_decode),
    ("unvalidatedJwtPayload", &[TEXT], text::jwt_payload),
    ("stripPrefix", &[TEXT, TEXT], text::strip_prefix),
    ("stripSuffix", &[TEXT, TEXT], text::strip_suffix),
    ("@matches", &[TEXT, ANY], text::matches),
    ("@regexReplace", &[TEXT, ANY, TEXT], text::regex_replace),
    ("@replace", &[TEXT, TEXT, TEXT], text::replace),
    ("@replace", &[TEXT, TEXT, TEXT, INT_TYPE], text::replace),
    ("@equal", &[ANY, ANY], map::equal),
    ("@join", &[ANY], text::join),
    ("@join", &[ANY, TEXT], text::join),
];

fn declare(env: &mut Env) -> Result<(), cel::DeclarationError> {
    env.add_extension(cel::extensions::strings)?;
    env.add_extension(cel::extensions::math)?;
    for (i, (name, parameters, function)) in FUNCTIONS.iter().enumerate() {
        let parameters = parameters.iter().map(ToOwned::to_owned).collect();
        env.add_overload(name, &format!("{name}#{i}"), parameters, *function)?;
    }
    Ok(())
}

/// Marks reasons of ours, which are fit to print; the evaluator's own may repeat request data.
pub(super) const OWN_REASON: &str = "@own ";

/// An error of `function`.
pub(super) fn error(function: &str, reason: &'static str) -> ExecutionError {
    ExecutionError::function_error(function, format!("{OWN_REASON}{reason}"))
}

/// The first `N` arguments. Overloads are picked by argument count, so there are as many.
pub(super) fn take<'b, 'v, const N: usize>(
    function: &str,
    args: Args<'b, 'v>,
) -> Result<[CowVal<'b, 'v>; N], ExecutionError> {
    args.try_into()
        .map_err(|_| error(function, "wrong number of arguments"))
}

pub(super) fn string<'b, 'v>(
    value: &'b (dyn Val + 'v),
) -> Result<&'b CelString<'v>, ExecutionError> {
    value
        .downcast_ref::<CelString<'v>>()
        .ok_or_else(|| ExecutionError::UnexpectedType {
            got: value.get_type().name().to_owned(),
            want: "string".to_owned(),
        })
}

fn parse_json<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [text] = take("json", args)?;
    let Ok(text) = string(text.as_ref()) else {
        return Err(json::not_json());
    };
    match text.as_borrowed() {
        Some(borrowed) => json::parse(borrowed).map(CowVal::Owned),
        None => parse_owned(text.inner()),
    }
}

/// JSON in a text that does not outlive the call: copied into values of its own.
pub(super) fn parse_owned<'b, 'v>(text: &str) -> Returns<'b, 'v> {
    let parsed: serde_json::Value = serde_json::from_str(text).map_err(|_| json::not_json())?;
    Ok(CowVal::Owned(map::owned(parsed)?))
}

fn to_json<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [value] = take("toJson", args)?;
    let mut out = String::new();
    json::write(&mut out, value.as_ref(), 0)?;
    Ok(CowVal::owned(CelString::from(out)))
}

/// Characters of a text, of a message content made of parts (their texts together), or else what
/// `size()` is.
fn len<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [value] = take("len", args)?;
    if value.get_type().kind() == Kind::List {
        let items = json::elements(value.as_ref())?;
        let parts: Option<Vec<i64>> = items.iter().map(|item| part_characters(*item)).collect();
        if let Some(parts) = parts
            && !parts.is_empty()
        {
            return Ok(CowVal::owned(CelInt::from(parts.into_iter().sum::<i64>())));
        }
        return Ok(CowVal::owned(count(items.len())));
    }
    let args = vec![value];
    match ENVIRONMENT.find_overload("size", &args) {
        Some(size) => size(args),
        None => Err(ExecutionError::UnexpectedType {
            got: args[0].get_type().name().to_owned(),
            want: "string, list or map".to_owned(),
        }),
    }
}

/// Characters of one part of a message's content; `None` if `item` is not a content part. A part
/// that is not text (an image, audio, …) has none.
fn part_characters(item: &dyn Val) -> Option<i64> {
    if item.get_type().kind() != Kind::Map {
        return None;
    }
    let part = item.as_indexer()?;
    let kind = part.get(&CelString::from("type")).ok()?;
    let kind = kind.downcast_ref::<CelString<'_>>()?;
    if !matches!(kind.inner(), "text" | "input_text" | "output_text") {
        return Some(0);
    }
    let text = part.get(&CelString::from("text")).ok()?;
    let text = text.downcast_ref::<CelString<'_>>()?;
    i64::try_from(text.inner().chars().count()).ok()
}

pub(super) fn count(n: usize) -> CelInt {
    CelInt::from(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Half of `default()`: its argument had a value, for otherwise this is not called.
fn failed<'b, 'v>(_: Args<'b, 'v>) -> Returns<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(false)))
}

/// Half of `coalesce()`.
fn is_null<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [value] = take("coalesce", args)?;
    let null = value.downcast_ref::<CelNull>().is_some();
    Ok(CowVal::owned(CelBool::from(null)))
}

fn fail<'b, 'v>(_: Args<'b, 'v>) -> Returns<'b, 'v> {
    Err(error("fail", "called"))
}

fn identity<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    take("unredacted", args).map(|[value]| value)
}

/// `value` as CEL's `string()` prints it.
pub(super) fn to_text(value: &dyn Val) -> Result<String, ExecutionError> {
    let args = vec![CowVal::Borrowed(value)];
    let print = ENVIRONMENT.find_overload("string", &args);
    let print = print.ok_or_else(|| error("string", "this type has no text form"))?;
    let text = print(args)?;
    string(text.as_ref()).map(|text| text.inner().to_owned())
}

/// Refuses texts that functions may not build.
pub(super) fn check_length(bytes: usize) -> Result<(), ExecutionError> {
    if bytes > TEXT_BYTES {
        Err(error("@limit", "length"))
    } else {
        Ok(())
    }
}

/// A list of the values.
pub(super) fn list<'b, 'v>(values: Vec<Box<dyn Val + 'v>>) -> CowVal<'b, 'v> {
    CowVal::owned(CelList::from(values))
}
