//! The names an expression may use. CEL itself would only find out at run time.

use super::record::{LLM, REQUEST, RESPONSE};

/// A root variable and the fields it has; `None` if its fields are open.
const ROOTS: &[(&str, Option<&[&str]>)] = &[
    ("request", Some(REQUEST)),
    ("response", Some(RESPONSE)),
    ("source", None),
    ("llm", Some(LLM)),
    ("llmRequest", None),
    ("jwt", None),
    ("apiKey", None),
    ("basicAuth", None),
    ("mcp", None),
    ("backend", None),
    ("metadata", None),
    ("extauthz", None),
];

/// Types, as values of `type(x) == int`.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// Fewest and most arguments, not counting the value a method is called on.
type Arity = (usize, usize);

const FUNCTIONS: &[(&str, Arity)] = &[
    ("base64.decode", (1, 1)),
    ("base64.encode", (1, 1)),
    ("base64Decode", (1, 1)),
    ("base64Encode", (1, 1)),
    ("bool", (1, 1)),
    ("bytes", (1, 1)),
    ("coalesce", (1, 16)),
    ("default", (2, 2)),
    ("double", (1, 1)),
    ("duration", (1, 1)),
    ("dyn", (1, 1)),
    ("fail", (0, 1)),
    ("filterKeys", (3, 3)),
    ("flatten", (1, 1)),
    ("flattenRecursive", (1, 1)),
    ("int", (1, 1)),
    ("json", (1, 1)),
    ("len", (1, 1)),
    ("mapValues", (3, 3)),
    ("matches", (2, 2)),
    ("math.@max", (1, 16)),
    ("math.@min", (1, 16)),
    ("math.abs", (1, 1)),
    ("math.bitAnd", (2, 2)),
    ("math.bitNot", (1, 1)),
    ("math.bitOr", (2, 2)),
    ("math.bitShiftLeft", (2, 2)),
    ("math.bitShiftRight", (2, 2)),
    ("math.bitXor", (2, 2)),
    ("math.ceil", (1, 1)),
    ("math.floor", (1, 1)),
    ("math.isFinite", (1, 1)),
    ("math.isInf", (1, 1)),
    ("math.isNaN", (1, 1)),
    ("math.round", (1, 1)),
    ("math.sign", (1, 1)),
    ("math.sqrt", (1, 1)),
    ("math.trunc", (1, 1)),
    ("max", (1, 3)),
    ("merge", (2, 2)),
    ("mergeMaps", (2, 2)),
    ("min", (1, 3)),
    ("now", (0, 0)),
    ("optional.none", (0, 0)),
    ("optional.of", (1, 1)),
    ("optional.ofNonZeroValue", (1, 1)),
    ("random", (0, 0)),
    ("regexReplace", (3, 3)),
    ("size", (1, 1)),
    ("string", (1, 1)),
    ("strings.quote", (1, 1)),
    ("stripPrefix", (2, 2)),
    ("stripSuffix", (2, 2)),
    ("timestamp", (1, 1)),
    ("toJson", (1, 1)),
    ("to_json", (1, 1)),
    ("type", (1, 1)),
    ("uint", (1, 1)),
    ("unredacted", (1, 1)),
    ("unvalidatedJwtPayload", (1, 1)),
    ("url.decode", (1, 1)),
    ("url.encode", (1, 1)),
    ("uuid", (0, 0)),
    ("with", (3, 3)),
];

const METHODS: &[(&str, Arity)] = &[
    ("charAt", (1, 1)),
    ("contains", (1, 1)),
    ("endsWith", (1, 1)),
    ("filterKeys", (2, 2)),
    ("format", (1, 1)),
    ("getDate", (0, 1)),
    ("getDayOfMonth", (0, 1)),
    ("getDayOfWeek", (0, 1)),
    ("getDayOfYear", (0, 1)),
    ("getFullYear", (0, 1)),
    ("getHours", (0, 1)),
    ("getMilliseconds", (0, 1)),
    ("getMinutes", (0, 1)),
    ("getMonth", (0, 1)),
    ("getSeconds", (0, 1)),
    ("hasValue", (0, 0)),
    ("indexOf", (1, 2)),
    ("join", (0, 1)),
    ("json", (0, 0)),
    ("lastIndexOf", (1, 2)),
    ("lowerAscii", (0, 0)),
    ("mapValues", (2, 2)),
    ("matches", (1, 1)),
    ("merge", (1, 1)),
    ("or", (1, 1)),
    ("orValue", (1, 1)),
    ("regexReplace", (2, 2)),
    ("replace", (2, 3)),
    ("reverse", (0, 0)),
    ("size", (0, 0)),
    ("split", (1, 2)),
    ("startsWith", (1, 1)),
    ("stripPrefix", (1, 1)),
    ("stripSuffix", (1, 1)),
    ("substring", (1, 2)),
    ("toJson", (0, 0)),
    ("to_json", (0, 0)),
    ("trim", (0, 0)),
    ("unredacted", (0, 0)),
    ("upperAscii", (0, 0)),
    ("value", (0, 0)),
    ("with", (2, 2)),
];

/// Macros that the parser expands; one that is left has the wrong arguments.
const MACROS: &[&str] = &[
    "all",
    "exists",
    "existsOne",
    "exists_one",
    "filter",
    "has",
    "map",
    "greatest",
    "least",
];

/// How a call is written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Call {
    Function,
    Method,
}

/// The fields of root variable `name`, or why it is none.
pub(super) fn root(name: &str) -> Result<Option<&'static [&'static str]>, String> {
    match ROOTS.iter().find(|root| root.0 == name) {
        Some((_, fields)) => Ok(*fields),
        None if TYPES.contains(&name) => Ok(None),
        None => {
            let known = ROOTS.iter().map(|root| root.0);
            Err(unknown("variable", name, known, "there are"))
        }
    }
}

pub(super) fn is_root(name: &str) -> bool {
    ROOTS.iter().any(|root| root.0 == name)
}

/// Whether functions are named `name.…`.
pub(super) fn is_namespace(name: &str) -> bool {
    FUNCTIONS.iter().any(|row| {
        row.0
            .split_once('.')
            .is_some_and(|(space, _)| space == name)
    })
}

pub(super) fn is_method(name: &str) -> bool {
    MACROS.contains(&name) || METHODS.iter().any(|row| row.0 == name)
}

/// Checks that `root` has `field`.
pub(super) fn field(root: &str, fields: &[&'static str], field: &str) -> Result<(), String> {
    if fields.contains(&field) {
        return Ok(());
    }
    let what = format!("field of `{root}`");
    Err(unknown(&what, field, fields.iter().copied(), "it has"))
}

/// Checks that there is a function or method `name` for this many arguments.
pub(super) fn call(name: &str, kind: Call, arguments: usize) -> Result<(), String> {
    let (table, what) = match kind {
        Call::Function => (FUNCTIONS, "function"),
        Call::Method => (METHODS, "method"),
    };
    match table.iter().find(|row| row.0 == name) {
        Some((_, (fewest, most))) if (fewest..=most).contains(&&arguments) => Ok(()),
        Some((_, (fewest, most))) => {
            let wanted = match most {
                0 => "no arguments".to_owned(),
                1 if fewest == most => "1 argument".to_owned(),
                _ if fewest == most => format!("{most} arguments"),
                _ => format!("{fewest} to {most} arguments"),
            };
            Err(format!("{what} `{name}` takes {wanted}, not {arguments}"))
        }
        None if MACROS.contains(&name) => Err(format!("wrong use of the macro `{name}`")),
        None => {
            let other = match kind {
                Call::Function if METHODS.iter().any(|row| row.0 == name) => {
                    return Err(format!(
                        "unknown function `{name}`; write it behind a dot: `x.{name}(…)`"
                    ));
                }
                Call::Method if FUNCTIONS.iter().any(|row| row.0 == name) => {
                    return Err(format!(
                        "unknown method `{name}`; write it as a function: `{name}(x)`"
                    ));
                }
                _ => table
                    .iter()
                    .map(|row| row.0)
                    .filter(|known| !known.contains('@')),
            };
            Err(unknown(what, name, other, ""))
        }
    }
}

/// "unknown …" with the nearest known names; all of them behind `list` if none is near.
fn unknown<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k str>, list: &str) -> String {
    let known: Vec<&str> = known.collect();
    let bound = 1 + name.chars().count() / 4;
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .map(|candidate| (distance(name, candidate), *candidate))
        .filter(|(distance, _)| *distance <= bound)
        .collect();
    near.sort_unstable();
    let names = |names: &[&str]| {
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    if !near.is_empty() {
        let near: Vec<&str> = near.into_iter().take(3).map(|(_, name)| name).collect();
        format!("unknown {what} `{name}`; did you mean {}?", names(&near))
    } else if list.is_empty() {
        format!("unknown {what} `{name}`")
    } else {
        format!("unknown {what} `{name}`; {list} {}", names(&known))
    }
}

/// Edits (Levenshtein) between two names, ignoring letter case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("a", "", 1),
            ("size", "Size", 0),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn tables_name_everything_once() {
        for table in [FUNCTIONS, METHODS] {
            let names: std::collections::BTreeSet<&str> = table.iter().map(|row| row.0).collect();
            assert_eq!(names.len(), table.len());
        }
    }
}
