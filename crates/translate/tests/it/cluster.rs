//! Objects as an API server gives them.

use agw_core::id::ObjectKey;
use agw_translate::finding::{Code, ObjectRef};
use agw_translate::manifest::{Kind, Object};
use agw_translate::{ClusterState, Mode, Settings, Translation, translate};
use serde_json::{Value, json};

fn translated(state: &ClusterState) -> Translation {
    let settings = Settings {
        mode: Mode::Cluster,
        ..Settings::default()
    };
    translate(state, &settings)
}

fn state(objects: impl IntoIterator<Item = (Kind, Value)>) -> ClusterState {
    let mut state = ClusterState::default();
    for (kind, value) in objects {
        match Object::from_cluster(kind, value) {
            Ok(object) => state.apply(object),
            Err(unreadable) => state.apply_unreadable(*unreadable),
        }
    }
    state
}

fn class() -> (Kind, Value) {
    let value = json!({
        "metadata": { "name": "agentgateway" },
        "spec": { "controllerName": "agentgateway.dev/agentgateway" },
    });
    (Kind::GatewayClass, value)
}

fn gateway() -> (Kind, Value) {
    let value = json!({
        "metadata": { "name": "gw", "namespace": "ai", "uid": "u", "generation": 2 },
        "spec": {
            "gatewayClassName": "agentgateway",
            "listeners": [{ "name": "http", "protocol": "HTTP", "port": 8080 }],
        },
    });
    (Kind::Gateway, value)
}

fn backend(name: &str, spec: Value) -> (Kind, Value) {
    let value = json!({
        "metadata": { "name": name, "namespace": "ai", "generation": 7 },
        "spec": spec,
    });
    (Kind::Backend, value)
}

fn status<'a>(translation: &'a Translation, kind: &str, name: &str) -> &'a Value {
    let mut statuses = translation.statuses.iter();
    let found = statuses.find(|s| s.object.kind == kind && s.object.name == name);
    &found.unwrap().status
}

#[test]
fn findings_of_a_cluster_have_an_object_and_a_field_but_no_file() {
    let state = state([
        class(),
        gateway(),
        backend(
            "b",
            json!({ "ai": { "provider": { "port": 80, "openai": null } } }),
        ),
    ]);
    let translation = translated(&state);
    let finding = &translation.findings[0];
    assert_eq!(finding.code, Code::InvalidBackend);
    assert_eq!(finding.field.as_deref(), Some("spec.ai.provider"));
    assert_eq!(
        finding.object,
        Some(ObjectRef::new("AgentgatewayBackend", Some("ai"), "b"))
    );
    assert_eq!((&finding.file, finding.line), (&None, None));
    assert_eq!(translation.infra[0].uid.as_deref(), Some("u"));
}

#[test]
fn an_object_that_cannot_be_read_is_told_and_takes_no_other_with_it() {
    let good = json!({ "ai": { "provider": { "openai": null } } });
    let bad = json!({
        "ai": { "provider": { "openai": {} } },
        "policies": { "retry": { "backoff": 5 } },
    });
    let route = json!({
        "metadata": { "name": "r", "namespace": "ai", "generation": 3 },
        "spec": {
            "parentRefs": [{ "name": "gw", "sectionName": "http" }, { "name": "foreign" }],
            "rules": [{ "filters": [{ "type": "NotInvented" }] }],
        },
    });
    let policy = json!({
        "metadata": { "name": "p", "namespace": "ai", "generation": 4 },
        "spec": {
            "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw" }],
            "traffic": { "retry": { "backoff": [] } },
        },
    });
    let mut state = state([
        class(),
        gateway(),
        backend("good", good),
        backend("bad", bad),
        (Kind::HttpRoute, route),
        (Kind::Policy, policy),
    ]);
    let translation = translated(&state);
    let accepted = |status: &Value| {
        let condition = &status["conditions"][0];
        let text = |field: &str| condition[field].as_str().unwrap().to_owned();
        (
            text("status"),
            text("message"),
            condition["observedGeneration"].clone(),
        )
    };
    let good = accepted(status(&translation, "AgentgatewayBackend", "good"));
    assert_eq!(good.0, "True");
    let (verdict, message, generation) =
        accepted(status(&translation, "AgentgatewayBackend", "bad"));
    assert_eq!((verdict.as_str(), generation), ("False", json!(7)));
    assert!(
        message.starts_with("spec.policies.retry.backoff: "),
        "{message}"
    );

    let parents = status(&translation, "HTTPRoute", "r")["parents"]
        .as_array()
        .unwrap();
    assert_eq!(parents.len(), 1, "{parents:?}");
    assert_eq!(parents[0]["parentRef"]["sectionName"], "http");
    let (verdict, message, generation) = accepted(&parents[0]);
    assert_eq!((verdict.as_str(), generation), ("False", json!(3)));
    assert!(
        message.starts_with("spec.rules[0].filters[0].type: "),
        "{message}"
    );

    let ancestors = &status(&translation, "AgentgatewayPolicy", "p")["ancestors"];
    assert_eq!(ancestors[0]["ancestorRef"]["name"], "gw");
    assert_eq!(accepted(&ancestors[0]).0, "False");
    assert_eq!(translation.findings.len(), 3, "{:?}", translation.findings);

    // Corrected, and then deleted.
    let (kind, value) = backend("bad", json!({ "static": { "host": "a.test", "port": 80 } }));
    state.apply(Object::from_cluster(kind, value).unwrap());
    let after = translated(&state);
    let now = accepted(status(&after, "AgentgatewayBackend", "bad"));
    assert_eq!(now.0, "True");
    assert_eq!(after.findings.len(), 2);
    for kind in [Kind::HttpRoute, Kind::Policy] {
        let name = if kind == Kind::Policy { "p" } else { "r" };
        state.remove(kind, &ObjectKey::new("ai", name));
    }
    assert!(translated(&state).findings.is_empty());
    assert!(state.broken.is_empty());
}

#[test]
fn a_secret_that_cannot_be_read_is_not_quoted() {
    let value = json!({
        "metadata": { "name": "s", "namespace": "ai" },
        "data": { "Authorization": "canary, not base64" },
    });
    let unreadable = Object::from_cluster(Kind::Secret, value).unwrap_err();
    assert!(
        !format!("{unreadable:?}").contains("canary"),
        "{unreadable:?}"
    );
    assert_eq!(
        unreadable.findings[0].message,
        "the value cannot be decoded"
    );
}

#[test]
fn a_policy_without_any_target_still_has_a_status() {
    let policy = json!({
        "metadata": { "name": "p", "namespace": "ai", "generation": 4 },
        "spec": {
            "targetSelectors": [{
                "group": "gateway.networking.k8s.io", "kind": "Gateway", "matchLabels": { "a": "b" },
            }],
            "traffic": { "timeouts": { "request": "1s" } },
        },
    });
    let translation = translated(&state([class(), gateway(), (Kind::Policy, policy)]));
    let ancestors = &status(&translation, "AgentgatewayPolicy", "p")["ancestors"];
    let conditions = ancestors[0]["conditions"].as_array().unwrap();
    let verdicts: Vec<_> = conditions
        .iter()
        .map(|c| (&c["type"], &c["status"]))
        .collect();
    let (yes, no) = (json!("True"), json!("False"));
    assert_eq!(
        verdicts,
        [(&json!("Accepted"), &yes), (&json!("Attached"), &no)]
    );
}

#[test]
fn what_a_policy_was_to_guard_is_shut_when_the_policy_cannot_be_read() {
    let policy = |name: &str, target: Value, traffic: Value| {
        let value = json!({
            "metadata": { "name": name, "namespace": "ai", "generation": 1 },
            "spec": { "targetRefs": [target, { "kind": 5 }], "traffic": traffic },
        });
        (Kind::Policy, value)
    };
    let on_gateway =
        json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw" });
    let bad = json!({ "jwtAuthentication": { "providers": "all" } });
    let harmless = json!({ "retry": { "backoff": [] } });
    let refused = |traffic: &Value| {
        let state = state([
            class(),
            gateway(),
            policy("p", on_gateway.clone(), traffic.clone()),
        ]);
        let translation = translated(&state);
        translation.gateways[0].policy.refused.clone()
    };
    assert_eq!(
        refused(&bad).as_deref(),
        Some("AgentgatewayPolicy ai/p cannot be read")
    );
    assert_eq!(refused(&harmless), None);

    let on_backend =
        json!({ "group": "agentgateway.dev", "kind": "AgentgatewayBackend", "name": "good" });
    let guard = json!({
        "metadata": { "name": "g", "namespace": "ai" },
        "spec": { "targetRefs": [on_backend], "backend": { "ai": { "promptGuard": 5 } } },
    });
    let route = json!({
        "metadata": { "name": "r", "namespace": "ai" },
        "spec": {
            "parentRefs": [{ "name": "gw" }],
            "rules": [{ "backendRefs": [
                { "group": "agentgateway.dev", "kind": "AgentgatewayBackend", "name": "good" },
            ] }],
        },
    });
    let good = json!({ "ai": { "provider": { "openai": {} } } });
    let state = state([
        class(),
        gateway(),
        backend("good", good),
        (Kind::HttpRoute, route),
        (Kind::Policy, guard),
    ]);
    let translation = translated(&state);
    assert!(translation.gateways[0].backends.is_empty());
}
