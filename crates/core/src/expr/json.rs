//! JSON that is read where it lies: an object or array is its text, and looking one entry up scans
//! as far as that entry and no further. The same type shows trees that are parsed already.

mod scan;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::Cow;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Iterator, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelNull, CelString, CelUInt, LIST_TYPE, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use serde_json::Value as Tree;

use super::limits::ENTRIES;
use scan::{Entries, Malformed, Scan};
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

/// The index that asks a [`Json`] for its own text, which is how functions tell it from other maps
/// and lists: values that borrow cannot be downcast.
#[derive(Debug)]
pub(super) struct OwnText;

/// The index that asks a [`Json`] object for a list of its entries, as `[key, value]` lists.
#[derive(Debug)]
pub(super) struct OwnEntries;

macro_rules! private_index {
    ($name:ident) => {
        impl Val for $name {
            fn get_type(&self) -> &Type {
                Self::cel_type()
            }
            fn cel_type() -> &'static Type {
                &cel::common::types::DYN_TYPE
            }
            fn clone_as_boxed<'v>(&self) -> Boxed<'v> {
                Box::new($name)
            }
            fn as_any(&self) -> Option<&dyn std::any::Any> {
                Some(self)
            }
        }
        impl StaticVal for $name {}
    };
}
private_index!(OwnText);
private_index!(OwnEntries);

/// The text is not JSON, as the evaluator reports it.
pub(super) fn not_json() -> ExecutionError {
    ExecutionError::function_error("json", "not JSON")
}

/// The value at the start of `text`, borrowed from it. Containers are not looked into.
pub(super) fn parse(text: &str) -> Result<Boxed<'_>, ExecutionError> {
    let value = text.get(scan::skip_space(text.as_bytes(), 0)..).ok_or_else(not_json)?;
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
        Tree::Null => Box::new(CelNull),
        Tree::Bool(value) => Box::new(CelBool::from(*value)),
        Tree::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Box::new(CelInt::from(value)),
            (None, Some(value)) => Box::new(CelUInt::from(value)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Tree::String(text) => Box::new(CelString::from(text.as_str())),
        Tree::Array(items) => Box::new(Json::new(Node::Array(items))),
        Tree::Object(map) => Box::new(Json::new(Node::Object(map))),
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
    if value.is_finite() { Ok(Box::new(CelDouble::from(value))) } else { Err(Malformed) }
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
    serde_json::from_str::<String>(&quoted).map(Cow::Owned).map_err(|_| Malformed)
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
            Node::Object(map) => serde_json::to_string(map).map(Cow::Owned).map_err(|_| Malformed),
            Node::Array(items) => {
                serde_json::to_string(items).map(Cow::Owned).map_err(|_| Malformed)
            }
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
                    if entry.key == key
                        || entry.key.contains('\\') && unescape(entry.key)? == key
                    {
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
            Node::Array(items) if items.len() <= ENTRIES => {
                Ok(items.iter().map(|item| (Cow::Borrowed(""), tree(item))).collect())
            }
            Node::Object(map) if map.len() <= ENTRIES => {
                Ok(map.iter().map(|(k, item)| (Cow::Borrowed(k.as_str()), tree(item))).collect())
            }
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
                if object { Box::new(CelString::from(key)) } else { value }
            };
            Some(all.into_iter().map(item).collect())
        };
        self.items.get_or_init(build).as_deref()
    }

    fn index(&self, index: &dyn Val) -> Result<Boxed<'v>, ExecutionError> {
        if index.downcast_ref::<OwnText>().is_some() {
            return self
                .own_text()
                .map(|text| Box::new(CelString::from(text)) as Boxed<'v>)
                .map_err(|_| not_json());
        }
        if index.downcast_ref::<OwnEntries>().is_some() {
            let pair = |(key, value)| -> Boxed<'v> {
                let key: Boxed<'v> = Box::new(CelString::from(key));
                Box::new(CelList::from(vec![key, value]))
            };
            let all = self.all().map_err(|_| not_json())?;
            let pairs: Vec<Boxed<'v>> = all.into_iter().map(pair).collect();
            return Ok(Box::new(CelList::from(pairs)));
        }
        if self.is_object() {
            let key = index.downcast_ref::<CelString<'_>>().ok_or_else(|| wrong(index, "string"))?;
            let found = self.field(key.inner()).map_err(|_| not_json())?;
            return found.ok_or_else(|| ExecutionError::no_such_key(key.inner()));
        }
        let position = position(index)?;
        let absent = || ExecutionError::IndexOutOfBounds(cel::Value::Null);
        let position = usize::try_from(position).map_err(|_| absent())?;
        self.element(position).map_err(|_| not_json())?.ok_or_else(absent)
    }
}

fn wrong(index: &dyn Val, want: &str) -> ExecutionError {
    ExecutionError::UnexpectedType {
        got: index.get_type().name().to_owned(),
        want: want.to_owned(),
    }
}

/// A list index: `int`, `uint` or a whole `double`, as in CEL's own lists.
fn position(index: &dyn Val) -> Result<i64, ExecutionError> {
    if let Some(int) = index.downcast_ref::<CelInt>() {
        return Ok(*int.inner());
    }
    if let Some(uint) = index.downcast_ref::<CelUInt>() {
        return Ok(i64::try_from(*uint.inner()).unwrap_or(-1));
    }
    if let Some(double) = index.downcast_ref::<CelDouble>() {
        let double = *double.inner();
        if double.fract() == 0.0 && (0.0..ENTRIES as f64 * 1e6).contains(&double) {
            return Ok(double as i64);
        }
    }
    Err(wrong(index, "int"))
}

impl<'a> Val for Json<'a> {
    fn get_type(&self) -> &Type {
        if self.is_object() { &MAP_TYPE } else { &LIST_TYPE }
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        if self.is_object() { None } else { Some(self) }
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        self.items()?;
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.items()?;
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        equal(self, other, 0)
    }

    fn clone_as_boxed<'v>(&self) -> Boxed<'v>
    where
        Self: 'v,
    {
        Box::new(Json::new(self.node))
    }
}

impl Sizer for Json<'_> {
    fn size(&self) -> CelInt {
        let items = self.items().map_or(0, <[_]>::len);
        CelInt::from(i64::try_from(items).unwrap_or(i64::MAX))
    }
}

impl Container for Json<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        if self.is_object() {
            let key = value.downcast_ref::<CelString<'_>>().ok_or_else(|| wrong(value, "string"))?;
            return self.field(key.inner()).map(|found| found.is_some()).map_err(|_| not_json());
        }
        let items = self.items().ok_or_else(not_json)?;
        Ok(items.iter().any(|item| equal(item.as_ref(), value, 0)))
    }
}

impl Indexer for Json<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.index(index).map(|value| CowVal::Owned(value as Box<dyn Val + 'v>))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.index(index).map(|value| value as Box<dyn Val + 'v>)
    }
}

impl Iterable for Json<'_> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn Iterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Items(self.items().unwrap_or_default().iter()))
    }
}

impl Adder for Json<'_> {
    fn add<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let own = self.items().ok_or_else(not_json)?;
        let mut more = rhs.as_iterable().ok_or_else(|| wrong(rhs, "list"))?.iter();
        let mut sum: Vec<Boxed<'v>> = own.iter().map(|item| item.clone_as_boxed()).collect();
        while let Some(item) = more.next() {
            sum.push(item.clone_as_boxed());
        }
        Ok(CowVal::owned(CelList::from(sum)))
    }
}

/// Lends out the items of a slice.
pub(super) struct Items<'b, 'a>(pub(super) std::slice::Iter<'b, Boxed<'a>>);

impl<'b, 'a: 'v, 'v> Iterator<'b, 'v> for Items<'b, 'a> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|item| item.as_ref() as &'b (dyn Val + 'v))
    }
}
