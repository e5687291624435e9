//! Objects as values, and back.

use agw_translate::manifest::{Object, Sourced};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) fn value(object: &Object) -> Value {
    let value = match object {
        Object::Backend(o) => serde_json::to_value(&o.object),
        Object::Model(o) => serde_json::to_value(&o.object),
        Object::Policy(o) => serde_json::to_value(&o.object),
        Object::EnterprisePolicy(o) => serde_json::to_value(&o.object),
        Object::Parameters(o) => serde_json::to_value(&o.object),
        Object::EnterpriseParameters(o) => serde_json::to_value(&o.object),
        _ => Ok(Value::Null),
    };
    value.unwrap()
}

/// The object with another value; `None` when it cannot be read.
pub(super) fn object(before: &Object, value: Value) -> Option<Object> {
    fn read<T: Serialize + DeserializeOwned>(
        before: &Sourced<T>,
        value: Value,
    ) -> Option<Sourced<T>> {
        let object = serde_json::from_value(value).ok()?;
        let origin = before.origin.clone();
        Some(Sourced { object, origin })
    }
    Some(match before {
        Object::Backend(o) => Object::Backend(read(o, value)?),
        Object::Model(o) => Object::Model(read(o, value)?),
        Object::Policy(o) => Object::Policy(read(o, value)?),
        Object::EnterprisePolicy(o) => Object::EnterprisePolicy(read(o, value)?),
        Object::Parameters(o) => Object::Parameters(read(o, value)?),
        Object::EnterpriseParameters(o) => Object::EnterpriseParameters(read(o, value)?),
        _ => return None,
    })
}
