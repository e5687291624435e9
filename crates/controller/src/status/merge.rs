//! Whether and how an object's live status differs from what it should be.
//!
//! Only what is ours is replaced: condition types that we do not set, and entries of other
//! controllers, stay as they are and where they are.

use agw_api::conditions::types;
use agw_api::names::CONTROLLER_NAME;
use serde_json::{Map, Value, json};

use crate::resource::Status;

/// Condition types that are ours: one that is no longer wanted is removed.
const OURS: [&str; 7] = [
    types::ACCEPTED,
    types::RESOLVED_REFS,
    types::PROGRAMMED,
    types::CONFLICTED,
    types::HEALTHY,
    types::ATTACHED,
    types::PARTIALLY_INVALID,
];

/// How much is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Nothing but what the proxies report of a backend's health.
    HealthOnly,
    More,
}

/// A merge patch for `status`, and how much of it is new.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    pub(crate) patch: Value,
    pub(crate) extent: Extent,
}

/// What has to be written so that `live` says what is `wanted`; `None` when it does. `now` is the
/// time of transitions.
pub(crate) fn difference(
    shape: Status,
    live: &Value,
    wanted: &Value,
    now: &str,
) -> Option<Difference> {
    let wanted = match shape {
        Status::Ignored => return None,
        Status::Whole => whole(live, wanted, now),
        Status::Entries(list) => entries(live, wanted, list, now),
    };
    let changed: Map<String, Value> = wanted
        .into_iter()
        .filter(|(key, value)| live.get(key).unwrap_or(&Value::Null) != value)
        .collect();
    if changed.is_empty() {
        return None;
    }
    let extent = extent(live, &changed);
    Some(Difference {
        patch: Value::Object(changed),
        extent,
    })
}

/// Whether a live status has entries of ours.
pub(crate) fn has_ours(shape: Status, live: &Value) -> bool {
    match shape {
        Status::Entries(list) => items(&live[list]).any(is_ours),
        Status::Ignored | Status::Whole => false,
    }
}

fn whole(live: &Value, wanted: &Value, now: &str) -> Map<String, Value> {
    let mut merged = Map::new();
    for (key, value) in wanted.as_object().into_iter().flatten() {
        let before = &live[key.as_str()];
        let value = match key.as_str() {
            "conditions" => conditions(before, value, now),
            "listeners" => items(value)
                .map(|listener| {
                    let same = |before: &&Value| before["name"] == listener["name"];
                    let before = items(before).find(same).unwrap_or(&Value::Null);
                    with_conditions(before, listener, now)
                })
                .collect(),
            _ => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    // A Gateway without an address has none; a merge patch removes what is null.
    if live.get("addresses").is_some() && !merged.contains_key("addresses") {
        merged.insert("addresses".to_owned(), Value::Null);
    }
    merged
}

/// The list of entries: others' in their places, then ours, which keep theirs as far as they stay.
fn entries(live: &Value, wanted: &Value, list: &str, now: &str) -> Map<String, Value> {
    let of = |entry: &Value| match list {
        "ancestors" => entry["ancestorRef"].clone(),
        _ => entry["parentRef"].clone(),
    };
    let mut left: Vec<&Value> = items(&wanted[list]).collect();
    let mut merged = Vec::new();
    for before in items(&live[list]) {
        if !is_ours(before) {
            merged.push(before.clone());
            continue;
        }
        let same = left.iter().position(|entry| of(entry) == of(before));
        if let Some(index) = same {
            merged.push(with_conditions(before, left.remove(index), now));
        }
    }
    merged.extend(
        left.into_iter()
            .map(|entry| with_conditions(&Value::Null, entry, now)),
    );
    if merged.is_empty() && live.get(list).is_none() {
        return Map::new();
    }
    Map::from_iter([(list.to_owned(), Value::Array(merged))])
}

fn is_ours(entry: &Value) -> bool {
    entry["controllerName"] == CONTROLLER_NAME
}

fn with_conditions(before: &Value, entry: &Value, now: &str) -> Value {
    let mut entry = entry.clone();
    if let Some(wanted) = entry.get("conditions") {
        let merged = conditions(&before["conditions"], wanted, now);
        entry["conditions"] = merged;
    }
    entry
}

/// Conditions with their times: the one before where the status is the same, else now.
fn conditions(before: &Value, wanted: &Value, now: &str) -> Value {
    let is_wanted = |kind: &Value| items(wanted).any(|c| c["type"] == *kind);
    let mut merged = Vec::new();
    for condition in items(before) {
        let kind = &condition["type"];
        if is_wanted(kind) {
            let next = items(wanted).find(|c| c["type"] == *kind);
            merged.extend(next.map(|next| timed(condition, next, now)));
        } else if !kind.as_str().is_some_and(|kind| OURS.contains(&kind)) {
            merged.push(condition.clone());
        }
    }
    let known = |kind: &Value| items(before).any(|c| c["type"] == *kind);
    let new = items(wanted).filter(|c| !known(&c["type"]));
    merged.extend(new.map(|condition| timed(&Value::Null, condition, now)));
    Value::Array(merged)
}

fn timed(before: &Value, condition: &Value, now: &str) -> Value {
    let mut condition = condition.clone();
    let time = before["lastTransitionTime"].as_str();
    let kept = time.filter(|_| before["status"] == condition["status"]);
    condition["lastTransitionTime"] = json!(kept.unwrap_or(now));
    condition
}

fn extent(live: &Value, changed: &Map<String, Value>) -> Extent {
    let health = |condition: &&Value| condition["type"] != types::HEALTHY;
    let others =
        |conditions: &Value| -> Vec<Value> { items(conditions).filter(health).cloned().collect() };
    let only_conditions = changed.len() == 1 && changed.contains_key("conditions");
    if only_conditions && others(&live["conditions"]) == others(&changed["conditions"]) {
        Extent::HealthOnly
    } else {
        Extent::More
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests;
