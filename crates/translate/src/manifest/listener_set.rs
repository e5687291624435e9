//! ListenerSets, whose listeners have the shape of a Gateway's.

use agw_api::external::gateways::GatewayListeners;
use agw_api::external::listenersets::ListenerSetParentRef;
use agw_api::external::{ListenerSet, ObjectMeta};
use serde::Deserialize;

/// A ListenerSet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "ListenerSet")]
pub struct ListenerSetObject {
    pub metadata: ObjectMeta,
    pub parent: ListenerSetParentRef,
    pub listeners: Vec<GatewayListeners>,
}

impl TryFrom<ListenerSet> for ListenerSetObject {
    type Error = serde_json::Error;

    fn try_from(set: ListenerSet) -> Result<Self, Self::Error> {
        let listeners = serde_json::to_value(set.spec.listeners)?;
        Ok(Self {
            metadata: set.metadata,
            parent: set.spec.parent_ref,
            listeners: serde_json::from_value(listeners)?,
        })
    }
}
