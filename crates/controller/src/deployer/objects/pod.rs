//! The Deployment of the proxies: pods that pass the restricted pod security standard.

use agw_api::parameters::LogFormat;
use agw_translate::infra::{CONTAINER, DeploymentInfra, GatewayInfra, PortProtocol};
use serde_json::{Value, json};

use super::{ProxySettings, put, trust_name};
use crate::ca::BUNDLE;

const ADMIN: &str = "127.0.0.1:15000";
const METRICS: u16 = 15020;
const READY: u16 = 15021;
/// The user that the image has, too.
const USER: i64 = 65532;

const TRUST: &str = "/etc/agentgateway/ca";
const TOKEN: &str = "/var/run/secrets/agentgateway";
/// Kept over restarts of the container, in memory: it holds credentials.
const STATE: &str = "/var/lib/agentgateway";
const STATE_SIZE: &str = "256Mi";
const TOKEN_SECONDS: u32 = 3600;

pub(super) fn deployment(infra: &GatewayInfra, settings: &ProxySettings) -> Value {
    let DeploymentInfra { pod, replicas, .. } = &infra.deployment;
    let mut spec = json!({
        "selector": { "matchLabels": infra.selector },
        // A new pod is ready before an old one goes.
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 },
        },
        "template": {
            "metadata": { "labels": pod.labels, "annotations": pod.annotations },
            "spec": pod_spec(infra, settings),
        },
    });
    put(&mut spec, "replicas", *replicas);
    spec
}

fn pod_spec(infra: &GatewayInfra, settings: &ProxySettings) -> Value {
    let deployment = &infra.deployment;
    let mut spec = json!({
        "serviceAccountName": infra.name,
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": deployment.termination_grace_period_seconds,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
            // Listeners bind their own ports, 80 and 443 too, without a capability.
            "sysctls": [{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "0" }],
        },
        "containers": [container(infra, settings)],
        "volumes": volumes(infra, settings),
    });
    let secrets = deployment.image_pull_secrets.iter();
    let secrets: Vec<_> = secrets.map(|name| json!({ "name": name })).collect();
    let some = |value: Value, is_empty: bool| (!is_empty).then_some(value);
    let selector = &deployment.node_selector;
    put(
        &mut spec,
        "imagePullSecrets",
        some(json!(secrets), secrets.is_empty()),
    );
    put(
        &mut spec,
        "nodeSelector",
        some(json!(selector), selector.is_empty()),
    );
    let tolerations = &deployment.tolerations;
    put(
        &mut spec,
        "tolerations",
        some(json!(tolerations), tolerations.is_empty()),
    );
    put(
        &mut spec,
        "priorityClassName",
        deployment.priority_class.as_ref(),
    );
    spec
}

fn container(infra: &GatewayInfra, settings: &ProxySettings) -> Value {
    let deployment = &infra.deployment;
    let image = deployment.image.over(&settings.image);
    let port = |name: String, port: u16, protocol: PortProtocol| json!({ "name": name, "containerPort": port, "protocol": protocol });
    let listeners = infra.ports.iter();
    let listeners = listeners.map(|own| port(own.name(), own.number, own.protocol));
    let pages = [("metrics", METRICS), ("ready", READY)];
    let pages = pages.map(|(name, number)| port(name.to_owned(), number, PortProtocol::Tcp));
    let mut container = json!({
        "name": CONTAINER,
        "image": image.reference().unwrap_or_default(),
        "args": arguments(infra, settings),
        "env": [field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace")],
        "ports": listeners.chain(pages).collect::<Value>(),
        "readinessProbe": probe("/healthz/ready", 2),
        "livenessProbe": probe("/healthz/live", 10),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
        },
        "volumeMounts": [
            { "name": "ca", "mountPath": TRUST, "readOnly": true },
            { "name": "token", "mountPath": TOKEN, "readOnly": true },
            { "name": "state", "mountPath": STATE },
        ],
    });
    let resources = json!(deployment.resources);
    let is_empty = resources.as_object().is_none_or(serde_json::Map::is_empty);
    put(
        &mut container,
        "resources",
        (!is_empty).then_some(resources),
    );
    put(&mut container, "imagePullPolicy", image.pull_policy);
    let wait = deployment.shutdown.min;
    let sleep = json!({ "preStop": { "sleep": { "seconds": wait } } });
    put(&mut container, "lifecycle", (wait > 0).then_some(sleep));
    container
}

fn arguments(infra: &GatewayInfra, settings: &ProxySettings) -> Vec<String> {
    let deployment = &infra.deployment;
    let shutdown = deployment.shutdown;
    let drain = shutdown.max.saturating_sub(shutdown.min);
    let options = [
        ("controller", settings.controller.clone()),
        ("gateway", infra.gateway.to_string()),
        ("ca-file", format!("{TRUST}/{BUNDLE}")),
        ("token-file", format!("{TOKEN}/token")),
        ("state-file", format!("{STATE}/snapshot")),
        ("bind", "0.0.0.0".to_owned()),
        ("admin", ADMIN.to_owned()),
        ("metrics", format!("0.0.0.0:{METRICS}")),
        ("ready", format!("0.0.0.0:{READY}")),
        ("drain", drain.to_string()),
    ];
    let mut arguments = vec!["proxy".to_owned()];
    arguments.extend(
        options
            .into_iter()
            .map(|(name, value)| format!("--{name}={value}")),
    );
    arguments.extend(
        deployment
            .log
            .level
            .iter()
            .map(|level| format!("--log={level}")),
    );
    if deployment.log.format == LogFormat::Text {
        arguments.push("--log-format=text".to_owned());
    }
    arguments
}

fn field(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}

fn probe(path: &str, period: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": "ready" },
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": 3,
    })
}

fn volumes(infra: &GatewayInfra, settings: &ProxySettings) -> Value {
    json!([
        {
            "name": "ca",
            "configMap": {
                "name": trust_name(infra),
                "items": [{ "key": BUNDLE, "path": BUNDLE }],
            },
        },
        {
            "name": "token",
            "projected": { "sources": [{ "serviceAccountToken": {
                "audience": settings.audience,
                "expirationSeconds": TOKEN_SECONDS,
                "path": "token",
            }}]},
        },
        { "name": "state", "emptyDir": { "medium": "Memory", "sizeLimit": STATE_SIZE } },
    ])
}
