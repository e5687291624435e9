//! JSON that is read where it lies: an object or array is its text, and looking one entry up scans
//! as far as that entry and no further. The same type shows trees that are parsed already.

mod scan;
#[cfg(test)]
mod tests;
mod val;
mod walk;

use std::borrow::Cow;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::types::{CelBool, CelDouble, CelInt, CelNull, CelString, CelUInt};
use cel::common::value::Val;
use serde_json::Value as Tree;

use super::limits::ENTRIES;
use scan::{Entries, Malformed, Scan};
pub(super) use val::{Items, OwnEntries, OwnText};
pub(super) use walk::{elements, entries, equal, split_pair, write};

type Boxed<'v> = Box<dyn Val + 'v>;

/// An object or array. Lookups take the first of several entries of one key.
#[derive(Debug)]
pub(super) struct Json<'v> {
    node: Node<'v>,
    /// Elements of an array, keys of an object (each once); `None` if it is malformed or too long.
    /// Built by the first walk over all of it.
    items: OnceLock<Option<Vec<Boxed<'v>>>>,
}

#[derive(Clone, Copy)]
enum Node<'v> {
    /// Text that starts with the bracket of an object or array, and may go on behind it.
    Text(&'v str),
    Object(&'v serde_json::Map<String, Tree>),
    Array(&'v [Tree]),
}

// Bodies are secret: their text does not print.
impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_object() { "object" } else { "array" })
    }
}

impl Node<'_> {
    fn is_object(&self) -> bool {
        match self {
            Node::Text(text) => text.starts_with('{'),
            Node::Object(_) => true,
            Node::Array(_) => false,
        }
    }
}

/// The text is not JSON, as the evaluator reports it.
pub(super) fn not_json() -> ExecutionError {
    super::functions::error("json", "not JSON")
}

/// The value at the start of `text`, borrowed from it. Containers are not looked into.
pub(super) fn parse(text: &str) -> Result<Boxed<'_>, ExecutionError> {
    let value = text
        .get(scan::skip_space(text.as_bytes(), 0)..)
        .ok_or_else(not_json)?;
    let scalar = !value.starts_with(['{', '[']);
    if scalar {
        let end = scan::value_end(value.as_bytes(), 0).map_err(|_| not_json())?;
        if scan::skip_space(value.as_bytes(), end) < value.len() {
            return Err(not_json());
        }
    }
    at_start(value).map_err(|_| not_json())
}

/// A tree as a value.
pub(super) fn tree(tree: &Tree) -> Boxed<'_> {
    match tree {
        Tree::Array(items) => Box::new(Json::new(Node::Array(items))),
        Tree::Object(map) => Box::new(Json::new(Node::Object(map))),
        Tree::String(text) => Box::new(CelString::from(text.as_str())),
        Tree::Null => Box::new(CelNull),
        Tree::Bool(value) => Box::new(CelBool::from(*value)),
        Tree::Number(number) => tree_number(number),
    }
}

/// A number as the narrowest of int, uint and double that holds it.
pub(super) fn tree_number<'v>(number: &serde_json::Number) -> Boxed<'v> {
    match (number.as_i64(), number.as_u64()) {
        (Some(value), _) => Box::new(CelInt::from(value)),
        (None, Some(value)) => Box::new(CelUInt::from(value)),
        (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
    }
}

/// The value that starts with `text`, which may go on behind it.
fn at_start(text: &str) -> Scan<Boxed<'_>> {
    let bytes = text.as_bytes();
    Ok(match bytes.first().ok_or(Malformed)? {
        b'{' | b'[' => Box::new(Json::new(Node::Text(text))),
        b'"' => {
            let end = scan::string_end(bytes, 0)?;
            let inner = text.get(1..end - 1).ok_or(Malformed)?;
            Box::new(CelString::from(unescape(inner)?))
        }
        b't' | b'f' | b'n' => {
            scan::scalar_end(bytes, 0)?;
            match bytes[0] {
                b'n' => Box::new(CelNull),
                first => Box::new(CelBool::from(first == b't')),
            }
        }
        _ => {
            let end = scan::scalar_end(bytes, 0)?;
            number(text.get(..end).ok_or(Malformed)?)?
        }
    })
}

fn number<'v>(text: &str) -> Scan<Boxed<'v>> {
    if let Ok(value) = text.parse::<i64>() {
        return Ok(Box::new(CelInt::from(value)));
    }
    if let Ok(value) = text.parse::<u64>() {
        return Ok(Box::new(CelUInt::from(value)));
    }
    let value = text.parse::<f64>().map_err(|_| Malformed)?;
    // A number beyond the range of doubles is an error in JSON parsers too.
    if value.is_finite() {
        Ok(Box::new(CelDouble::from(value)))
    } else {
        Err(Malformed)
    }
}

/// The text of a string from what stands between its quotes: borrowed if it has no escapes.
fn unescape(inner: &str) -> Scan<Cow<'_, str>> {
    if inner.bytes().any(|byte| byte < 0x20) {
        return Err(Malformed);
    }
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(inner));
    }
    let quoted = format!("\"{inner}\"");
    serde_json::from_str::<String>(&quoted)
        .map(Cow::Owned)
        .map_err(|_| Malformed)
}

impl<'v> Json<'v> {
    fn new(node: Node<'v>) -> Self {
        Self {
            node,
            items: OnceLock::new(),
        }
    }

    fn is_object(&self) -> bool {
        self.node.is_object()
    }

    /// The text of exactly this value, where it is text.
    fn own_text(&self) -> Scan<Cow<'v, str>> {
        match self.node {
            Node::Text(text) => {
                let end = scan::value_end(text.as_bytes(), 0)?;
                text.get(..end).map(Cow::Borrowed).ok_or(Malformed)
            }
            Node::Object(map) => serde_json::to_string(map)
                .map(Cow::Owned)
                .map_err(|_| Malformed),
            Node::Array(items) => serde_json::to_string(items)
                .map(Cow::Owned)
                .map_err(|_| Malformed),
        }
    }

    /// The value of `key` in an object.
    fn field(&self, key: &str) -> Scan<Option<Boxed<'v>>> {
        match self.node {
            Node::Array(_) => Ok(None),
            Node::Object(map) => Ok(map.get(key).map(tree)),
            Node::Text(text) => {
                let mut entries = Entries::of(text);
                while let Some(entry) = entries.next()? {
                    let escaped = entry.key.contains('\\');
                    if if escaped {
                        unescape(entry.key)? == key
                    } else {
                        entry.key == key
                    } {
                        return at_start(text.get(entry.start..).ok_or(Malformed)?).map(Some);
                    }
                }
                Ok(None)
            }
        }
    }

    /// The element at `index` of an array.
    fn element(&self, index: usize) -> Scan<Option<Boxed<'v>>> {
        match self.node {
            Node::Object(_) => Ok(None),
            Node::Array(items) => Ok(items.get(index).map(tree)),
            Node::Text(text) => {
                let mut entries = Entries::of(text);
                let mut before = 0;
                while let Some(entry) = entries.next()? {
                    if before == index {
                        return at_start(text.get(entry.start..).ok_or(Malformed)?).map(Some);
                    }
                    before += 1;
                }
                Ok(None)
            }
        }
    }

    /// The entries in order, each key once; an array's have empty keys.
    fn all(&self) -> Scan<Vec<(Cow<'v, str>, Boxed<'v>)>> {
        match self.node {
            Node::Array(items) if items.len() <= ENTRIES => Ok(items
                .iter()
                .map(|item| (Cow::Borrowed(""), tree(item)))
                .collect()),
            Node::Object(map) if map.len() <= ENTRIES => Ok(map
                .iter()
                .map(|(k, item)| (Cow::Borrowed(k.as_str()), tree(item)))
                .collect()),
            Node::Array(_) | Node::Object(_) => Err(Malformed),
            Node::Text(text) => {
                let mut seen = rustc_hash::FxHashSet::default();
                let mut all = Vec::new();
                let mut entries = Entries::of(text);
                while let Some(entry) = entries.next()? {
                    if all.len() == ENTRIES {
                        return Err(Malformed);
                    }
                    let key = unescape(entry.key)?;
                    if !self.is_object() || seen.insert(key.clone()) {
                        all.push((key, at_start(text.get(entry.start..).ok_or(Malformed)?)?));
                    }
                }
                Ok(all)
            }
        }
    }

    fn items(&self) -> Option<&[Boxed<'v>]> {
        let build = || {
            let all = self.all().ok()?;
            let object = self.is_object();
            let item = |(key, value): (Cow<'v, str>, Boxed<'v>)| -> Boxed<'v> {
                if object {
                    Box::new(CelString::from(key))
                } else {
                    value
                }
            };
            Some(all.into_iter().map(item).collect())
        };
        self.items.get_or_init(build).as_deref()
    }
}
