//! What the controller asks of the API server: the chart grants this and nothing else.

use serde_json::json;

use crate::fake::Fake;
use crate::rig::{AUDIENCE, basics, gateway, is_accepted, route, settle, start, until};

/// Verbs by resource, sorted. In the controller's own namespace: `leases`, and `secrets` but to
/// watch them.
const VERBS: &[(&str, &[&str])] = &[
    ("agentgatewaybackends", &["list", "watch"]),
    ("agentgatewaybackends/status", &["patch"]),
    ("agentgatewayparameters", &["list", "watch"]),
    ("agentgatewaypolicies", &["list", "watch"]),
    ("agentgatewaypolicies/status", &["patch"]),
    (
        "configmaps",
        &["create", "delete", "get", "list", "patch", "watch"],
    ),
    (
        "deployments",
        &["create", "delete", "get", "list", "patch", "watch"],
    ),
    ("endpointslices", &["list", "watch"]),
    ("enterpriseagentgatewayparameters", &["list", "watch"]),
    ("enterpriseagentgatewaypolicies", &["list", "watch"]),
    ("enterpriseagentgatewaypolicies/status", &["patch"]),
    ("events", &["create"]),
    ("gatewayclasses", &["list", "watch"]),
    ("gatewayclasses/status", &["patch"]),
    ("gateways", &["list", "watch"]),
    ("gateways/status", &["patch"]),
    (
        "horizontalpodautoscalers",
        &["create", "delete", "get", "list", "patch", "watch"],
    ),
    ("httproutes", &["list", "watch"]),
    ("httproutes/status", &["patch"]),
    ("leases", &["create", "get", "update"]),
    ("namespaces", &["list", "watch"]),
    (
        "poddisruptionbudgets",
        &["create", "delete", "get", "list", "patch", "watch"],
    ),
    ("referencegrants", &["list", "watch"]),
    ("secrets", &["create", "get", "list", "update", "watch"]),
    (
        "serviceaccounts",
        &["create", "delete", "get", "list", "patch", "watch"],
    ),
    (
        "services",
        &["create", "delete", "get", "list", "patch", "watch"],
    ),
    ("tokenreviews", &["create"]),
];

/// A server-side apply that creates needs `create` too, and an authority is renewed only after
/// months.
const UNSEEN: &[(&str, &str)] = &[
    ("configmaps", "create"),
    ("deployments", "create"),
    ("horizontalpodautoscalers", "create"),
    ("poddisruptionbudgets", "create"),
    ("secrets", "update"),
    ("serviceaccounts", "create"),
    ("services", "create"),
];

#[tokio::test(start_paused = true)]
async fn the_verbs_are_those_that_are_granted() {
    let fake = Fake::default();
    fake.apply(basics());
    fake.apply([route("lost", "gw", "no-such-backend")]);
    let parameters = |spec| {
        json!({
            "apiVersion": "agentgateway.dev/v1alpha1",
            "kind": "AgentgatewayParameters",
            "metadata": { "name": "shape", "namespace": "ns" },
            "spec": spec,
        })
    };
    let mut shaped = gateway("gw");
    shaped["spec"]["infrastructure"] = json!({ "parametersRef": {
        "group": "agentgateway.dev", "kind": "AgentgatewayParameters", "name": "shape",
    }});
    let full = json!({
        "podDisruptionBudget": { "spec": { "minAvailable": 1 } },
        "horizontalPodAutoscaler": { "spec": { "maxReplicas": 5 } },
    });
    let policy = |group: &str, kind: &str| {
        json!({
            "apiVersion": format!("{group}/v1alpha1"),
            "kind": kind,
            "metadata": { "name": "policy", "namespace": "ns" },
            "spec": {
                "targetRefs": [{
                    "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "route",
                }],
                "traffic": { "timeouts": { "request": "10s" } },
            },
        })
    };
    fake.apply([
        shaped,
        parameters(full),
        policy("agentgateway.dev", "AgentgatewayPolicy"),
        policy(
            "enterpriseagentgateway.solo.io",
            "EnterpriseAgentgatewayPolicy",
        ),
    ]);
    // Each kind with a status meets a conflict once.
    for resource in STATUSES {
        fake.fail(resource, 409, 1);
    }
    let controller = start(&fake, "a");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    let token = format!("{AUDIENCE}/system:serviceaccount:ns:gw");
    assert!(controller.tokens().gateway_of(&token).await.is_ok());
    settle(&fake).await;
    fake.apply([parameters(json!({}))]);
    settle(&fake).await;
    let mut theirs = gateway("gw");
    theirs["spec"]["gatewayClassName"] = json!("theirs");
    fake.apply([theirs]);
    settle(&fake).await;
    let renewal = ("update".to_owned(), "leases".to_owned());
    until("the Lease is renewed", || fake.asked().contains(&renewal)).await;

    let mut wanted: Vec<(String, String)> = VERBS
        .iter()
        .flat_map(|(resource, verbs)| verbs.iter().map(move |verb| (*verb, *resource)))
        .filter(|(verb, resource)| !UNSEEN.contains(&(*resource, *verb)))
        .map(|(verb, resource)| (verb.to_owned(), resource.to_owned()))
        .collect();
    wanted.sort();
    let asked: Vec<_> = fake.asked().into_iter().collect();
    assert_eq!(asked, wanted);
}

const STATUSES: [&str; 6] = [
    "agentgatewaybackends/status",
    "agentgatewaypolicies/status",
    "enterpriseagentgatewaypolicies/status",
    "gatewayclasses/status",
    "gateways/status",
    "httproutes/status",
];
