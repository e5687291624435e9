//! The CustomResourceDefinitions of our kinds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::names;
use crate::{
    AgentgatewayBackend, AgentgatewayModel, AgentgatewayParameters, AgentgatewayPolicy,
    EnterpriseAgentgatewayParameters, EnterpriseAgentgatewayPolicy,
};

/// Every own CustomResourceDefinition, ready to apply.
pub fn all() -> Vec<CustomResourceDefinition> {
    [
        AgentgatewayBackend::crd(),
        AgentgatewayModel::crd(),
        AgentgatewayParameters::crd(),
        AgentgatewayPolicy::crd(),
        EnterpriseAgentgatewayParameters::crd(),
        EnterpriseAgentgatewayPolicy::crd(),
    ]
    .map(finish)
    .into()
}

/// Labels the definition and drops what the API server would warn about.
fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    crd.metadata
        .labels
        .get_or_insert_default()
        .insert(names::APP_NAME_LABEL.into(), names::APP_NAME.into());
    let mut value = serde_json::to_value(&crd).expect("a definition is plain data");
    drop_rust_formats(&mut value);
    serde_json::from_value(value).expect("formats are optional in a definition")
}

/// `format: uint32` and the like mean nothing to the API server.
fn drop_rust_formats(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|f| f.starts_with("uint"))
            {
                map.shift_remove("format");
            }
            map.values_mut().for_each(drop_rust_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_rust_formats),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
