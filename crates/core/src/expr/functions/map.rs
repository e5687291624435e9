//! Functions on maps and lists.

use std::cmp::Ordering;
use std::collections::HashMap;

use cel::ExecutionError;
use cel::common::types::{CelBool, CelList, CelMap, CelMapKey, CelNull, CelString, Kind};
use cel::common::value::{CowVal, Val};
use serde_json::Value as Tree;

use super::{Args, Returns, error, list, take};
use crate::expr::json;
use crate::expr::limits::ENTRIES;

type Boxed<'v> = Box<dyn Val + 'v>;

fn map<'v>(
    entries: impl IntoIterator<Item = (String, Boxed<'v>)>,
) -> Result<Boxed<'v>, ExecutionError> {
    let key = |key: String| CelMapKey::String(CelString::from(key));
    let map: HashMap<_, _> = entries
        .into_iter()
        .map(|(k, value)| (key(k), value))
        .collect();
    if map.len() > ENTRIES {
        return Err(error("@limit", "entries"));
    }
    Ok(Box::new(CelMap::from(map)))
}

/// A tree, moved into values that borrow nothing.
pub(super) fn owned<'v>(tree: Tree) -> Result<Boxed<'v>, ExecutionError> {
    Ok(match tree {
        Tree::Null => Box::new(CelNull),
        Tree::Bool(value) => Box::new(CelBool::from(value)),
        Tree::Number(number) => json::tree_number(&number),
        Tree::String(text) => Box::new(CelString::from(text)),
        Tree::Array(items) if items.len() > ENTRIES => return Err(error("@limit", "entries")),
        Tree::Array(items) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(owned).collect();
            Box::new(CelList::from(items?))
        }
        Tree::Object(fields) => {
            let entry = |(key, value)| owned(value).map(|value| (key, value));
            let fields: Result<Vec<_>, _> = fields.into_iter().map(entry).collect();
            map(fields?)?
        }
    })
}

/// The entries of both maps; the second one's win.
pub(super) fn merge<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [left, right] = take("merge", args)?;
    let mut entries = json::entries(left.as_ref())?;
    entries.extend(json::entries(right.as_ref())?);
    map(entries).map(CowVal::Owned)
}

/// The entries of a map as a list of `[key, value]` lists.
pub(super) fn entry_list<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [map] = take("entries", args)?;
    let pair = |(key, value)| -> Boxed<'v> {
        let key: Boxed<'v> = Box::new(CelString::from(key));
        Box::new(CelList::from(vec![key, value]))
    };
    Ok(list(
        json::entries(map.as_ref())?.into_iter().map(pair).collect(),
    ))
}

/// The map that [`entry_list`] lists.
pub(super) fn from_entry_list<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [pairs] = take("entries", args)?;
    let pairs = json::elements(pairs.as_ref())?;
    map(pairs.into_iter().filter_map(json::split_pair)).map(CowVal::Owned)
}

/// `==` for values of which only one may be a list or map of CEL's own.
pub(super) fn equal<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    let [left, right] = take("==", args)?;
    let equal = json::equal(left.as_ref(), right.as_ref(), 0);
    Ok(CowVal::owned(CelBool::from(equal)))
}

pub(super) fn max<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    extreme("max", args, Ordering::Greater)
}

pub(super) fn min<'b, 'v>(args: Args<'b, 'v>) -> Returns<'b, 'v> {
    extreme("min", args, Ordering::Less)
}

/// Of the arguments, or of the elements of a single list, the one that compares as `wanted`.
fn extreme<'b, 'v>(name: &str, mut args: Args<'b, 'v>, wanted: Ordering) -> Returns<'b, 'v> {
    if let [only] = args.as_slice()
        && only.get_type().kind() == Kind::List
    {
        let items = json::elements(only.as_ref())?;
        args = items
            .into_iter()
            .map(|item| CowVal::Owned(item.clone_as_boxed()))
            .collect();
    }
    let mut values = args.into_iter();
    let mut best = values
        .next()
        .ok_or_else(|| error(name, "nothing to compare"))?;
    for value in values {
        let comparer = value
            .as_comparer()
            .ok_or_else(|| error(name, "not comparable"))?;
        let ordering = comparer
            .compare(best.as_ref())
            .map_err(|_| error(name, "not comparable"))?;
        if ordering == wanted {
            best = value;
        }
    }
    Ok(best)
}
