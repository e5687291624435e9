//! GatewayClasses: which Gateways are ours.

use std::collections::BTreeSet;

use agw_api::conditions::types;
use agw_api::names::{CONTROLLER_NAME, GATEWAY_CLASSES};
use serde_json::json;

use crate::finding::ObjectRef;
use crate::settings::{Mode, Settings};
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};

/// Names of the classes whose Gateways are served. In files the two built-in ones need no object.
pub(crate) fn ours(state: &ClusterState, settings: &Settings) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = match settings.mode {
        Mode::Files => GATEWAY_CLASSES.map(str::to_owned).into(),
        Mode::Cluster => BTreeSet::new(),
    };
    for (key, class) in &state.classes {
        if class.object.spec.controller_name == CONTROLLER_NAME {
            names.insert(key.name.to_string());
        } else {
            // An object says otherwise about a built-in name.
            names.remove(&*key.name);
        }
    }
    names
}

pub(crate) fn statuses(state: &ClusterState) -> Vec<ObjectStatus> {
    let ours = state
        .classes
        .iter()
        .filter(|(_, c)| c.object.spec.controller_name == CONTROLLER_NAME);
    ours.map(|(key, class)| {
        let accepted = Condition::yes(types::ACCEPTED, "Accepted");
        let generation = class.object.metadata.generation;
        ObjectStatus {
            object: ObjectRef::new("GatewayClass", None, &key.name),
            status: json!({ "conditions": conditions(&[accepted], generation) }),
        }
    })
    .collect()
}
