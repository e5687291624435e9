//! Walks over whole values, whatever kind of map or list they are.

use cel::ExecutionError;
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
    Kind,
};
use cel::common::value::{CowVal, Val};

use super::{Boxed, OwnEntries, OwnText};
use crate::expr::limits::{ENTRIES, JSON_DEPTH};

fn limit(what: &'static str) -> ExecutionError {
    crate::expr::functions::error("@limit", what)
}

fn no_walk(value: &dyn Val) -> ExecutionError {
    ExecutionError::UnexpectedType {
        got: value.get_type().name().to_owned(),
        want: "iterable".to_owned(),
    }
}

fn key_text(key: &CelMapKey<'_>) -> String {
    match key {
        CelMapKey::Bool(key) => key.inner().to_string(),
        CelMapKey::Int(key) => key.inner().to_string(),
        CelMapKey::UInt(key) => key.inner().to_string(),
        CelMapKey::String(key) => key.inner().to_owned(),
    }
}

/// The entries of a map, in the order of its text or else sorted by key.
pub(in crate::expr) fn entries<'v>(
    map: &(dyn Val + 'v),
) -> Result<Vec<(String, Boxed<'v>)>, ExecutionError> {
    if let Some(map) = map.downcast_ref::<CelMap<'v>>() {
        let entry = |(key, value): (&CelMapKey<'v>, &Boxed<'v>)| (key_text(key), value.clone());
        let mut all: Vec<_> = map.inner().iter().map(entry).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        return if all.len() > ENTRIES {
            Err(limit("entries"))
        } else {
            Ok(all)
        };
    }
    if map.get_type().kind() != Kind::Map {
        return Err(no_walk(map));
    }
    let indexer = map.as_indexer().ok_or_else(|| no_walk(map))?;
    if let Ok(pairs) = indexer.get(&OwnEntries) {
        let pairs = pairs
            .downcast_ref::<CelList<'v>>()
            .ok_or_else(|| no_walk(map))?;
        return Ok(pairs
            .inner()
            .iter()
            .filter_map(|pair| split_pair(pair.as_ref()))
            .collect());
    }
    let mut keys = map.as_iterable().ok_or_else(|| no_walk(map))?.iter();
    let mut all = Vec::new();
    while let Some(key) = keys.next() {
        if all.len() == ENTRIES {
            return Err(limit("entries"));
        }
        let text = key
            .downcast_ref::<CelString<'_>>()
            .ok_or_else(|| no_walk(map))?;
        all.push((text.inner().to_owned(), indexer.get(key)?.into_owned()));
    }
    Ok(all)
}

/// The parts of a `[key, value]` list.
pub(in crate::expr) fn split_pair<'v>(pair: &(dyn Val + 'v)) -> Option<(String, Boxed<'v>)> {
    let [key, value] = pair.downcast_ref::<CelList<'v>>()?.inner() else {
        return None;
    };
    Some((
        key.downcast_ref::<CelString<'v>>()?.inner().to_owned(),
        value.clone(),
    ))
}

/// The elements of a list, borrowed.
pub(in crate::expr) fn elements<'b, 'v>(
    list: &'b (dyn Val + 'v),
) -> Result<Vec<&'b (dyn Val + 'v)>, ExecutionError> {
    let mut items = list.as_iterable().ok_or_else(|| no_walk(list))?.iter();
    let mut all = Vec::new();
    while let Some(item) = items.next() {
        if all.len() == ENTRIES {
            return Err(limit("entries"));
        }
        all.push(item);
    }
    Ok(all)
}

/// CEL's equality, between any two kinds of map or list. Nothing nested beyond the bound is equal.
pub(in crate::expr) fn equal(left: &dyn Val, right: &dyn Val, depth: usize) -> bool {
    let kind = left.get_type().kind();
    if depth > JSON_DEPTH {
        return false;
    }
    match kind {
        Kind::List if right.get_type().kind() == kind => {
            let (Ok(left), Ok(right)) = (elements(left), elements(right)) else {
                return false;
            };
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(*left, right, depth + 1))
        }
        Kind::Map if right.get_type().kind() == kind => {
            let (Ok(left), Ok(mut right)) = (entries(left), entries(right)) else {
                return false;
            };
            right.sort_by(|a, b| a.0.cmp(&b.0));
            let same = |(key, value): &(String, Boxed<'_>)| {
                let found = right.binary_search_by(|entry| entry.0.cmp(key));
                found.is_ok_and(|i| equal(value.as_ref(), right[i].1.as_ref(), depth + 1))
            };
            left.len() == right.len() && left.iter().all(same)
        }
        Kind::List | Kind::Map => false,
        _ => left.equals(right),
    }
}

/// Appends `value` as JSON. Values that are JSON text already are copied as they stand.
pub(in crate::expr) fn write(
    out: &mut String,
    value: &dyn Val,
    depth: usize,
) -> Result<(), ExecutionError> {
    if depth > JSON_DEPTH {
        return Err(limit("depth"));
    }
    crate::expr::functions::check_length(out.len())?;
    if let Some(text) = own_text(value) {
        let text = text?;
        let text = text
            .downcast_ref::<CelString<'_>>()
            .ok_or_else(super::not_json)?;
        out.push_str(text.inner());
        return Ok(());
    }
    if let Some(value) = value.downcast_ref::<CelString<'_>>() {
        push_string(out, value.inner());
    } else if let Some(value) = value.downcast_ref::<CelBool>() {
        out.push_str(if *value.inner() { "true" } else { "false" });
    } else if let Some(value) = value.downcast_ref::<CelInt>() {
        out.push_str(&value.inner().to_string());
    } else if let Some(value) = value.downcast_ref::<CelUInt>() {
        out.push_str(&value.inner().to_string());
    } else if let Some(value) = value.downcast_ref::<CelDouble>() {
        match serde_json::Number::from_f64(*value.inner()) {
            Some(number) => out.push_str(&number.to_string()),
            None => out.push_str("null"),
        }
    } else if value.downcast_ref::<CelNull>().is_some() {
        out.push_str("null");
    } else if let Some(value) = value.downcast_ref::<CelBytes<'_>>() {
        // The encoding CEL defines for bytes in JSON.
        push_string(out, &crate::expr::functions::encode_base64(value.inner()));
    } else if value.get_type().kind() == Kind::List {
        out.push('[');
        for (i, item) in elements(value)?.into_iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write(out, item, depth + 1)?;
        }
        out.push(']');
    } else if value.get_type().kind() == Kind::Map {
        out.push('{');
        for (i, (key, item)) in entries(value)?.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_string(out, key);
            out.push(':');
            write(out, item.as_ref(), depth + 1)?;
        }
        out.push('}');
    } else {
        push_string(out, &crate::expr::functions::to_text(value)?);
    }
    Ok(())
}

/// The text of a lazy JSON value; `None` if `value` is something else.
fn own_text<'b, 'v>(value: &'b (dyn Val + 'v)) -> Option<Result<CowVal<'b, 'v>, ExecutionError>> {
    let built_in = value.downcast_ref::<CelMap<'v>>().is_some()
        || value.downcast_ref::<CelList<'v>>().is_some();
    if built_in || !matches!(value.get_type().kind(), Kind::Map | Kind::List) {
        return None;
    }
    match value.as_indexer()?.get(&OwnText) {
        Err(ExecutionError::UnexpectedType { .. }) => None,
        found => Some(found),
    }
}

fn push_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
