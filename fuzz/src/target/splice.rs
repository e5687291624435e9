//! Request bodies: what the scanner takes is a JSON object, however it is cut, and splicing a model
//! in changes that member alone.

use std::fmt;

use agw_ai::Operation;
use agw_ai::error::Error;
use agw_ai::request::{Edits, RequestFacts, UsageOwner, splice};
use agw_ai::scan::{Field, Repeat, Scanner, Want};
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Behaviour, Target, Verdict, chunks};

pub(super) const TARGET: Target = Target {
    name: "splice",
    dictionary: &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\"model\"",
        "\"model\":",
        "\"gpt-4o\"",
        "\"stream\":true",
        "\"stream\":false",
        "\"stream_options\":",
        "{\"include_usage\":true}",
        "\"include_usage\":false",
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-0.5e+3",
        "1e999",
        "\"messages\":[]",
        "\"prompt\":\"\"",
        "\"input\":",
        "\\u006d",
        "\\ud800",
        "\\udc00",
        "\\\"",
        "\\\\",
        "\u{e9}",
        " ",
        "\n",
        "\t",
        "\"mod\\u0065l\":",
        "\u{0}",
        "\u{feff}",
    ],
    more_seeds: &[],
    run,
};

const MODEL: &str = "spliced \"in\"";
const WANTS: [Want; 3] = [
    want("model", 0),
    want("stream_options", 8),
    want("messages", 64),
];

const fn want(key: &'static str, keep: usize) -> Want {
    Want {
        key,
        repeat: Repeat::Reject,
        keep,
    }
}

/// The members of an object as they are written, repeated ones too.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Members {
    fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.get())
    }

    /// Everything but what splicing may change.
    fn others(&self) -> Vec<(&str, &str)> {
        let others = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.get()));
        others
            .filter(|(name, _)| !matches!(*name, "model" | "stream_options"))
            .collect()
    }
}

fn run(input: &[u8]) -> Verdict {
    scan(input)?;
    let facts = RequestFacts::read(input);
    let is_text = std::str::from_utf8(input).is_ok();
    match (&facts, Members::read(input)) {
        (Ok(_), Err(error)) if is_text && !error.to_string().contains("hex escape") => {
            return Err(format!("taken, but not a JSON object: {error}"));
        }
        (Err(error), Ok(members)) if !may_refuse(error, &members) => {
            return Err(format!("a JSON object that is refused: {error}"));
        }
        _ => {}
    }
    match facts {
        Ok(facts) => spliced(input, &facts, is_text),
        Err(error) => Ok(Behaviour::of(&error.to_string())),
    }
}

/// Errors that JSON objects may get: bounds, repeated members, types.
fn may_refuse(error: &Error, members: &Members) -> bool {
    match error {
        Error::Empty | Error::NotAnObject | Error::Truncated { .. } => false,
        Error::TooDeep { .. } | Error::ModelTooLong { .. } | Error::WrongType { .. } => true,
        other => {
            let names: Vec<_> = members.0.iter().map(|(name, _)| name).collect();
            let repeated = names
                .iter()
                .enumerate()
                .any(|(i, name)| names[..i].contains(name));
            let inner = members.get("stream_options");
            let inner = inner.and_then(|text| Members::read(text.as_bytes()).ok());
            let inner = inner.map_or(0, |m| {
                m.0.iter().filter(|(n, _)| n == "include_usage").count()
            });
            (repeated || inner > 1) && other.to_string().contains("more than once")
        }
    }
}

/// How the input is cut into chunks changes nothing.
fn scan(input: &[u8]) -> Result<(), String> {
    let whole = scanned(&[input]);
    let single: Vec<&[u8]> = input.chunks(1).collect();
    for cut in [chunks(input), single] {
        let other = scanned(&cut);
        if other != whole {
            return Err(format!(
                "scanned as one chunk {whole:?}, in {} chunks {other:?}",
                cut.len()
            ));
        }
    }
    Ok(())
}

fn scanned(chunks: &[&[u8]]) -> (Result<(), String>, Vec<Option<Field>>) {
    let mut scanner = Scanner::new(&WANTS);
    let pushed = chunks.iter().try_for_each(|chunk| scanner.push(chunk));
    let result = pushed.and_then(|()| scanner.finish());
    let fields = match &result {
        Ok(()) => WANTS
            .iter()
            .map(|want| scanner.field(want.key).cloned())
            .collect(),
        // Where a chunk ends with an error in it, more or less may have been read.
        Err(_) => Vec::new(),
    };
    (result.map_err(|error| error.to_string()), fields)
}

fn spliced(input: &[u8], facts: &RequestFacts, is_text: bool) -> Verdict {
    let body = Bytes::copy_from_slice(input);
    let same = joined(&body, facts, None, UsageOwner::Client)?;
    if same != input {
        return Err("nothing was to change, and something did".to_owned());
    }
    let owner = facts.usage_owner(Operation::Chat);
    let model_only = joined(&body, facts, Some(MODEL), UsageOwner::Client)?;
    let both = joined(&body, facts, Some(MODEL), owner)?;
    let Ok(before) = Members::read(input) else {
        return if is_text {
            Ok(Behaviour::of("odd escapes"))
        } else {
            Ok(Behaviour::of("not text"))
        };
    };
    let old = before.get("model").map_or(0, str::len);
    let kept = common(input, &model_only);
    if kept + old < input.len() {
        return Err(format!(
            "{} bytes changed, and the model has {old}",
            input.len() - kept
        ));
    }
    for after in [&model_only, &both] {
        let after =
            Members::read(after).map_err(|error| format!("the result is not JSON: {error}"))?;
        let model: Option<String> = after
            .get("model")
            .and_then(|m| serde_json::from_str(m).ok());
        if model.as_deref() != Some(MODEL) {
            return Err(format!("the model is {model:?}"));
        }
        if after.others() != before.others() {
            return Err("another member changed".to_owned());
        }
    }
    if owner == UsageOwner::Gateway {
        let after = Members::read(&both).map_err(|error| error.to_string())?;
        let options = after.get("stream_options").unwrap_or_default();
        match Members::read(options.as_bytes()) {
            Ok(options) if options.get("include_usage") == Some("true") => {}
            Ok(_) => return Err("the usage is not asked for".to_owned()),
            // A name with half a surrogate pair is no text for the twin; it passes as it is.
            Err(error) if error.to_string().contains("hex escape") => {}
            Err(error) => return Err(format!("stream_options: {error}")),
        }
    }
    Ok(Behaviour::of(
        &format!("{:?}", facts.model().map(|_| ())).replace("Some", &format!("{owner:?}")),
    ))
}

fn joined(
    body: &Bytes,
    facts: &RequestFacts,
    model: Option<&str>,
    usage: UsageOwner,
) -> Result<Vec<u8>, String> {
    let spliced = splice(body, facts, &Edits { model, usage });
    let joined = spliced.pieces.concat();
    if joined.len() != spliced.len {
        return Err(format!("{} bytes are called {}", joined.len(), spliced.len));
    }
    Ok(joined)
}

/// Bytes at the start and at the end of `a` that `b` has as well, without overlap.
fn common(a: &[u8], b: &[u8]) -> usize {
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..], &b[start..]);
    let end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    start + end
}
