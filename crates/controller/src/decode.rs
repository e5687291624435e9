//! From what the API server sends to the objects that translation reads.

use agw_core::id::ObjectKey;
use agw_translate::finding::ObjectRef;
use agw_translate::manifest::{Kind, Scope};
use agw_translate::may_be_prices;
use kube::core::dynamic::DynamicObject;
use serde_json::Value;

use crate::live::Live;

/// An object without what changes by itself or is of no use: `status`, `managedFields`,
/// `resourceVersion` and kubectl's copy of what was applied (of a Secret, one more copy of it).
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) reference: ObjectRef,
    pub(crate) key: ObjectKey,
    pub(crate) live: Live,
    /// Metadata and the rest.
    pub(crate) value: Value,
}

/// Key of a bundle in its ConfigMap.
const BUNDLE: &str = "ca.crt";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Name of an object, without the rest.
pub(crate) fn key(object: &DynamicObject) -> ObjectKey {
    ObjectKey::new(
        object.metadata.namespace.as_deref().unwrap_or_default(),
        object.metadata.name.as_deref().unwrap_or_default(),
    )
}

/// What findings and statuses call an object.
pub(crate) fn reference(kind: Kind, key: &ObjectKey) -> ObjectRef {
    let namespace = (kind.scope() == Scope::Namespaced).then_some(&*key.namespace);
    ObjectRef::new(kind.name(), namespace, &key.name)
}

/// Takes an object apart.
pub(crate) fn read(kind: Kind, mut object: DynamicObject) -> Read {
    let key = key(&object);
    let metadata = &mut object.metadata;
    metadata.managed_fields = None;
    metadata.self_link = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.annotations = None;
        }
    }
    let resource_version = metadata.resource_version.take().unwrap_or_default();
    let uid = metadata.uid.clone().unwrap_or_default();
    let mut value = object.data;
    let mut status = Value::Null;
    let metadata = serde_json::to_value(&object.metadata).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        status = map.shift_remove("status").unwrap_or_default();
        if kind == Kind::ConfigMap {
            // Bundles of authorities and prices are all that is read of them; the rest may be large.
            map.shift_remove("binaryData");
            if let Some(Value::Object(data)) = map.get_mut("data") {
                let prices = |text: &Value| text.as_str().is_some_and(may_be_prices);
                data.retain(|key, text| key == BUNDLE || prices(text));
            }
        }
        map.insert("metadata".to_owned(), metadata);
    }
    let class = value["spec"]["gatewayClassName"].as_str();
    let class = class.filter(|_| kind == Kind::Gateway).map(Into::into);
    Read {
        reference: reference(kind, &key),
        key,
        live: Live {
            uid,
            resource_version,
            status: status.into(),
            class,
        },
        value,
    }
}
