//! What the controller asks of the API server: the chart grants this and nothing else.

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::rig::{AUDIENCE, basics, gateway, is_accepted, route, settle, start, until};

/// Verbs by resource, sorted. In the controller's own namespace: `leases`, and `secrets` but to
/// watch them.
const VERBS: &[(&str, &[&str])] = &[
    ("agentgatewaybackends", &["list", "watch"]),
    ("agentgatewaybackends/status", &["patch"]),
    ("agentgatewaymodels", &["list", "watch"]),
    ("agentgatewaymodels/status", &["patch"]),
    ("agentgatewayparameters", &["list", "watch"]),
    ("agentgatewaypolicies", &["list", "watch"]),
    ("agentgatewaypolicies/status", &["patch"]),
    ("backendtlspolicies", &["list", "watch"]),
    ("backendtlspolicies/status", &["patch"]),
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
    ("grpcroutes", &["list", "watch"]),
    ("grpcroutes/status", &["patch"]),
    (
        "horizontalpodautoscalers",
        &["create", "delete", "get", "list", "patch", "watch"],
    ),
    ("httproutes", &["list", "watch"]),
    ("httproutes/status", &["patch"]),
    ("leases", &["create", "get", "update"]),
    ("listenersets", &["list", "watch"]),
    ("listenersets/status", &["patch"]),
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
    ("tcproutes", &["list", "watch"]),
    ("tcproutes/status", &["patch"]),
    ("tlsroutes", &["list", "watch"]),
    ("tlsroutes/status", &["patch"]),
    ("tokenreviews", &["create"]),
    ("udproutes", &["list", "watch"]),
    ("udproutes/status", &["patch"]),
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
    fake.apply(others());
    // Each kind with a status meets a conflict once.
    for resource in STATUSES {
        fake.fail(resource, 409, 1);
    }
    let controller = start(&fake, "a");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    let token = format!("{AUDIENCE}/system:serviceaccount:ns:gw");
    assert!(controller.tokens().bearer_of(&token).await.is_ok());
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

/// One object of each kind that the basics have none of.
fn others() -> Vec<Value> {
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": kind,
            "metadata": { "name": "other", "namespace": "ns" },
            "spec": spec,
        })
    };
    let parent = json!([{ "name": "gw" }]);
    let rules = json!([{ "backendRefs": [{ "name": "svc", "port": 80 }] }]);
    let plain = json!({ "parentRefs": parent, "rules": rules });
    let mut named = plain.clone();
    named["hostnames"] = json!(["a.example"]);
    let listener = json!({ "name": "set", "port": 8081, "protocol": "HTTP" });
    let reaching = json!({ "parentRefs": parent, "rules": rules });
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "svc", "namespace": "ns" },
            "spec": { "ports": [{ "port": 80 }] },
        }),
        json!({
            "apiVersion": "agentgateway.dev/v1alpha1",
            "kind": "AgentgatewayModel",
            "metadata": { "name": "model", "namespace": "ns" },
            "spec": { "parentRefs": parent, "provider": "OpenAI" },
        }),
        object("HTTPRoute", reaching),
        object("GRPCRoute", plain.clone()),
        object("TLSRoute", named),
        object("TCPRoute", plain.clone()),
        object("UDPRoute", plain),
        object(
            "ListenerSet",
            json!({ "parentRef": { "name": "gw" }, "listeners": [listener] }),
        ),
        object(
            "BackendTLSPolicy",
            json!({
                "targetRefs": [{ "group": "", "kind": "Service", "name": "svc" }],
                "validation": { "hostname": "svc.example", "wellKnownCACertificates": "System" },
            }),
        ),
    ]
}

const STATUSES: [&str; 13] = [
    "agentgatewaybackends/status",
    "agentgatewaymodels/status",
    "agentgatewaypolicies/status",
    "backendtlspolicies/status",
    "enterpriseagentgatewaypolicies/status",
    "gatewayclasses/status",
    "gateways/status",
    "grpcroutes/status",
    "httproutes/status",
    "listenersets/status",
    "tcproutes/status",
    "tlsroutes/status",
    "udproutes/status",
];
