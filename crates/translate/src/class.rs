//! GatewayClasses: which Gateways are ours.

use std::collections::BTreeMap;

use agw_api::conditions::{gateway as reasons, types};
use agw_api::external::GatewayClass;
use agw_api::names::{CONTROLLER_NAME, GATEWAY_CLASSES};
use agw_core::id::ObjectKey;
use serde_json::json;

use crate::finding::ObjectRef;
use crate::infra::{Parameters, ParametersRef, Shape, follow};
use crate::manifest::Sourced;
use crate::report::{Report, Subject};
use crate::settings::{Mode, Settings};
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};

/// The classes whose Gateways are served, by name, each with what its parameters ask for or why
/// they cannot be used.
pub(crate) type Classes = BTreeMap<String, Result<Shape, String>>;

/// What this release serves, by the names of the conformance suite. Sorted.
const FEATURES: &[&str] = &[
    "BackendTLSPolicy",
    "BackendTLSPolicySANValidation",
    "GRPCRoute",
    "GRPCRouteNamedRouteRule",
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayBackendClientCertificate",
    "GatewayFrontendClientCertificateValidation",
    "GatewayFrontendClientCertificateValidationInsecureFallback",
    "GatewayHTTPListenerIsolation",
    "GatewayHTTPSListenerDetectMisdirectedRequests",
    "GatewayInfrastructure",
    "GatewayPort8080",
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRoute303RedirectStatusCode",
    "HTTPRoute307RedirectStatusCode",
    "HTTPRoute308RedirectStatusCode",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendTimeout",
    "HTTPRouteCORS",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteRetry",
    "HTTPRouteRetryBackendTimeout",
    "HTTPRouteRetryConnectionError",
    "HTTPRouteSchemeRedirect",
    "ListenerSet",
    "ReferenceGrant",
    "TCPRoute",
    "TLSRoute",
    "TLSRouteModeMixed",
    "TLSRouteModeTerminate",
    "UDPRoute",
];

/// The classes that are ours. In files the two built-in ones need no object.
pub(crate) fn ours(
    state: &ClusterState,
    settings: &Settings,
    parameters: &Parameters,
    report: &mut Report,
) -> Classes {
    let mut classes = match settings.mode {
        Mode::Files => GATEWAY_CLASSES
            .map(|name| (name.to_owned(), Ok(Shape::default())))
            .into(),
        Mode::Cluster => Classes::new(),
    };
    for (key, class) in &state.classes {
        if class.object.spec.controller_name == CONTROLLER_NAME {
            let shape = shape(state, parameters, key, class, report);
            classes.insert(key.name.to_string(), shape);
        } else {
            // An object says otherwise about a built-in name.
            classes.remove(&*key.name);
        }
    }
    classes
}

fn shape(
    state: &ClusterState,
    parameters: &Parameters,
    key: &ObjectKey,
    class: &Sourced<GatewayClass>,
    report: &mut Report,
) -> Result<Shape, String> {
    let Some(reference) = &class.object.spec.parameters_ref else {
        return Ok(Shape::default());
    };
    let subject = Subject {
        kind: "GatewayClass",
        key,
        origin: &class.origin,
    };
    let reference = ParametersRef {
        group: &reference.group,
        kind: &reference.kind,
        namespace: reference.namespace.as_deref(),
        name: &reference.name,
    };
    follow(
        state,
        parameters,
        reference,
        subject,
        "spec.parametersRef",
        report,
    )
}

/// Statuses of the classes that are objects.
pub(crate) fn statuses(state: &ClusterState, classes: &Classes) -> Vec<ObjectStatus> {
    let objects = state.classes.iter();
    let ours = objects.filter_map(|(key, class)| Some((key, class, classes.get(&*key.name)?)));
    ours.map(|(key, class, shape)| {
        let accepted = match shape {
            Ok(_) => Condition::yes(types::ACCEPTED, reasons::ACCEPTED),
            Err(why) => Condition::no(types::ACCEPTED, reasons::INVALID_PARAMETERS, why),
        };
        let generation = class.object.metadata.generation;
        let features: Vec<_> = FEATURES
            .iter()
            .map(|name| json!({ "name": name }))
            .collect();
        ObjectStatus {
            gateways: Vec::new(),
            object: ObjectRef::new("GatewayClass", None, &key.name),
            status: json!({
                "conditions": conditions(&[accepted], generation),
                "supportedFeatures": features,
            }),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_sorted() {
        assert!(FEATURES.is_sorted());
    }
}
