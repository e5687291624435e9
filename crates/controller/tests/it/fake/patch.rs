//! Merge patches, and as much of server-side apply as objects with one applier need.

use serde_json::{Map, Value};

/// RFC 7386.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let object = target.as_object_mut().expect("it is one now");
    for (key, value) in patch {
        if value.is_null() {
            object.shift_remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Sets what is applied, and takes away what was applied before and is no longer.
pub(crate) fn apply(target: &mut Value, before: &Value, applied: &Value) {
    let (Value::Object(applied), Value::Object(object)) = (applied, &mut *target) else {
        *target = applied.clone();
        return;
    };
    for key in before.as_object().into_iter().flat_map(Map::keys) {
        if !applied.contains_key(key) {
            object.shift_remove(key);
        }
    }
    for (key, value) in applied {
        let before = before.get(key).unwrap_or(&Value::Null);
        match object.get_mut(key) {
            Some(target) => apply(target, before, value),
            None => drop(object.insert(key.clone(), value.clone())),
        }
    }
}

#[test]
fn applying_again_takes_back_what_is_left_out() {
    use serde_json::json;
    let mut target = json!({ "a": 1, "theirs": 1 });
    apply(
        &mut target,
        &Value::Null,
        &json!({ "b": { "c": 1, "d": [1] } }),
    );
    apply(
        &mut target,
        &json!({ "b": { "c": 1, "d": [1] } }),
        &json!({ "b": { "d": [2] } }),
    );
    assert_eq!(target, json!({ "a": 1, "theirs": 1, "b": { "d": [2] } }));
    merge(&mut target, &json!({ "a": null, "b": { "e": 1 } }));
    assert_eq!(target, json!({ "theirs": 1, "b": { "d": [2], "e": 1 } }));
}
