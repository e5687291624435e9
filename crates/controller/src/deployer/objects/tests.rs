use serde_json::json;

use super::*;

fn settings() -> ProxySettings {
    ProxySettings {
        image: Image {
            repository: Some("agentgateway".to_owned()),
            tag: Some("1".to_owned()),
            ..Image::default()
        },
        controller: "agw.agw-system.svc:15010".to_owned(),
        audience: "agentgateway-xds".to_owned(),
    }
}

/// The infra of a Gateway with port 80, by way of translation.
fn infra() -> GatewayInfra {
    use agw_translate::manifest::{Kind, Object};
    let object = |kind, value| Object::from_cluster(kind, value).unwrap();
    let mut state = agw_translate::ClusterState::default();
    state.apply(object(
        Kind::GatewayClass,
        json!({
            "metadata": { "name": "agentgateway" },
            "spec": { "controllerName": "agentgateway.dev/agentgateway" },
        }),
    ));
    state.apply(object(
        Kind::Gateway,
        json!({
            "metadata": { "name": "gw", "namespace": "ns", "uid": "u1" },
            "spec": {
                "gatewayClassName": "agentgateway",
                "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP" }],
            },
        }),
    ));
    let settings = agw_translate::Settings {
        mode: agw_translate::Mode::Cluster,
        ..Default::default()
    };
    let mut translation = agw_translate::translate(&state, &settings);
    translation.infra.remove(0)
}

fn of(all: &[Desired], part: Part) -> &Value {
    &all.iter()
        .find(|desired| desired.part == part)
        .unwrap()
        .body
}

#[test]
fn pods_pass_the_restricted_standard_and_prove_who_they_are() {
    let all = desired(&infra(), &settings(), "PEM");
    let pod = &of(&all, Part::Deployment)["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    let container = &pod["containers"][0];
    let security = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
    });
    assert_eq!(container["securityContext"], security);
    assert_eq!(container["image"], "agentgateway:1");
    let token = &pod["volumes"][1]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(token["audience"], "agentgateway-xds");
    assert_eq!(token["expirationSeconds"], 3600);
    let state = &pod["volumes"][2]["emptyDir"];
    assert_eq!(state["medium"], "Memory");
    assert!(state["sizeLimit"].is_string());
    let arguments: Vec<_> = container["args"].as_array().unwrap().iter().collect();
    assert_eq!(arguments[0], "proxy");
    assert!(arguments.contains(&&json!("--gateway=ns/gw")));
    assert!(arguments.contains(&&json!("--controller=agw.agw-system.svc:15010")));
    let strategy = &of(&all, Part::Deployment)["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(strategy["maxUnavailable"], 0);
    assert_eq!(of(&all, Part::ConfigMap)["data"]["ca.crt"], "PEM");
}

#[test]
fn everything_is_owned_and_labelled() {
    let all = desired(&infra(), &settings(), "PEM");
    assert_eq!(all.len(), 4);
    for desired in &all {
        let metadata = &desired.body["metadata"];
        assert_eq!(metadata["ownerReferences"][0]["uid"], "u1");
        assert_eq!(metadata["ownerReferences"][0]["name"], "gw");
        assert_eq!(
            metadata["labels"]["app.kubernetes.io/managed-by"],
            "agentgateway"
        );
        assert_eq!(
            metadata["labels"]["gateway.networking.k8s.io/gateway-name"],
            "gw"
        );
        assert_eq!(metadata["annotations"][APPLIED], desired.hash);
    }
}

#[test]
fn the_hash_tells_what_is_wanted() {
    let (infra, settings) = (infra(), settings());
    let first = desired(&infra, &settings, "PEM");
    assert_eq!(first, desired(&infra, &settings, "PEM"));
    let other = desired(&infra, &settings, "OTHER");
    let changed = std::iter::zip(&first, &other).filter(|(a, b)| a.hash != b.hash);
    let changed: Vec<_> = changed.map(|(a, _)| a.part).collect();
    assert_eq!(changed, [Part::ConfigMap], "pods do not restart for it");
}

#[test]
fn defaults_of_the_server_are_no_drift() {
    let wanted = json!({ "a": { "b": [{ "c": 1 }] }, "empty": {}, "none": [] });
    let live = json!({ "a": { "b": [{ "c": 1, "default": 2 }], "d": 3 }, "e": 4 });
    assert!(contains(&live, &wanted));
    for drifted in [
        json!({ "a": { "b": [{ "c": 2 }] } }),
        json!({ "a": { "b": [{ "c": 1 }, { "c": 1 }] } }),
        json!({ "a": {} }),
    ] {
        assert!(!contains(&drifted, &wanted), "{drifted}");
    }
}
