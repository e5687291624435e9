//! A controller on a fake API server, and the objects that tests start from.

use std::sync::Arc;
use std::time::Duration;

use agw_controller::{
    CaSettings, Controller, ControllerSettings, LeaseSettings, ProxySettings, Published,
};
use agw_core::id::ObjectKey;
use agw_translate::infra::Image;
use agw_translate::{Mode, Settings};
use serde_json::{Value, json};

use crate::fake::Fake;

pub(crate) const NAMESPACE: &str = "agw-system";
/// Where replicas say that they are.
pub(crate) const ADDRESS: &str = "10.0.0.7:15010";
pub(crate) const AUDIENCE: &str = "agentgateway-xds";
/// Time in tests is virtual: this is much longer than anything takes, and costs nothing.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn settings(identity: &str) -> ControllerSettings {
    ControllerSettings {
        translate: Settings {
            mode: Mode::Cluster,
            ..Settings::default()
        },
        lease: LeaseSettings {
            namespace: NAMESPACE.to_owned(),
            name: "agentgateway".to_owned(),
            identity: agw_controller::identity(identity, ADDRESS.parse().ok()),
            duration: Duration::from_secs(12),
            renew: Duration::from_secs(4),
        },
        ca: CaSettings {
            namespace: NAMESPACE.to_owned(),
            secret: "agentgateway-ca".to_owned(),
            server_names: vec!["agentgateway.agw-system.svc".to_owned()],
        },
        proxy: ProxySettings {
            image: Image {
                repository: Some("agentgateway".to_owned()),
                tag: Some("test".to_owned()),
                ..Image::default()
            },
            controller: "agentgateway.agw-system.svc:15010".to_owned(),
            audience: AUDIENCE.to_owned(),
        },
        account: Some(ObjectKey::new(NAMESPACE, "controller")),
    }
}

pub(crate) fn start(fake: &Fake, name: &'static str) -> Controller {
    Controller::start(&fake.client(name), settings(name))
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, wait).await.is_err() {
        panic!("never: {what}");
    }
}

/// Waits until what is under way has come to an end: nothing is asked of the server any more.
pub(crate) async fn settle(fake: &Fake) {
    let mut before = fake.writes().len();
    let mut quiet = 0;
    while quiet < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = fake.writes().len();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
}

pub(crate) async fn published(controller: &Controller) -> Arc<Published> {
    let mut published = controller.published();
    let first = published
        .wait_for(Option::is_some)
        .await
        .expect("the controller runs");
    first.clone().expect("it is some")
}

/// The classes, a Gateway `ns/gw` with a listener on 8080, a backend and a route to it.
pub(crate) fn basics() -> Vec<Value> {
    vec![
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": { "name": "agentgateway" },
            "spec": { "controllerName": "agentgateway.dev/agentgateway" },
        }),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ns" } }),
        gateway("gw"),
        backend("model"),
        route("route", "gw", "model"),
    ]
}

pub(crate) fn gateway(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": { "name": name, "namespace": "ns" },
        "spec": {
            "gatewayClassName": "agentgateway",
            "listeners": [{ "name": "http", "port": 8080, "protocol": "HTTP" }],
        },
    })
}

pub(crate) fn backend(name: &str) -> Value {
    json!({
        "apiVersion": "agentgateway.dev/v1alpha1",
        "kind": "AgentgatewayBackend",
        "metadata": { "name": name, "namespace": "ns" },
        "spec": { "static": { "host": "example.test", "port": 80 } },
    })
}

pub(crate) fn route(name: &str, gateway: &str, backend: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": { "name": name, "namespace": "ns" },
        "spec": {
            "parentRefs": [{ "name": gateway }],
            "rules": [{
                "matches": [{ "path": { "type": "PathPrefix", "value": format!("/{name}") } }],
                "backendRefs": [{
                    "group": "agentgateway.dev", "kind": "AgentgatewayBackend", "name": backend,
                }],
            }],
        },
    })
}

/// A condition of a status, or of one of its entries.
pub(crate) fn condition<'a>(of: &'a Value, kind: &str) -> &'a Value {
    let mut conditions = of["conditions"].as_array().into_iter().flatten();
    conditions
        .find(|c| c["type"] == kind)
        .unwrap_or(&Value::Null)
}

/// Whether the route's first entry says that it is accepted.
pub(crate) fn is_accepted(fake: &Fake, route: &str) -> bool {
    let route = fake.get("httproutes", "ns", route).unwrap_or_default();
    condition(&route["status"]["parents"][0], "Accepted")["status"] == "True"
}
