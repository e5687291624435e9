//! Deploying proxies.

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::rig::{basics, condition, gateway, settle, start, until};

const PARTS: [&str; 4] = ["serviceaccounts", "configmaps", "services", "deployments"];

fn parameters(spec: &Value) -> Value {
    json!({
        "apiVersion": "agentgateway.dev/v1alpha1",
        "kind": "AgentgatewayParameters",
        "metadata": { "name": "shape", "namespace": "ns" },
        "spec": spec,
    })
}

fn shaped() -> Value {
    let mut gateway = gateway("gw");
    gateway["spec"]["infrastructure"] = json!({ "parametersRef": {
        "group": "agentgateway.dev", "kind": "AgentgatewayParameters", "name": "shape",
    }});
    gateway
}

fn name(resource: &str) -> &'static str {
    if resource == "configmaps" {
        "gw-ca"
    } else {
        "gw"
    }
}

fn all_there(fake: &Fake) -> bool {
    PARTS
        .iter()
        .all(|part| fake.get(part, "ns", name(part)).is_some())
}

fn applies(fake: &Fake) -> usize {
    PARTS.iter().map(|part| fake.writes_of(part).len()).sum()
}

#[tokio::test(start_paused = true)]
async fn everything_is_applied_once_and_addresses_come_from_the_service() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    until("everything is there", || all_there(&fake)).await;
    settle(&fake).await;
    assert_eq!(applies(&fake), PARTS.len(), "{:?}", fake.writes());

    let status = || fake.get("gateways", "ns", "gw").unwrap()["status"].clone();
    assert_eq!(
        status()["addresses"],
        json!([{ "type": "IPAddress", "value": "10.96.0.10" }])
    );
    assert_eq!(condition(&status(), "Programmed")["reason"], "Pending");
    fake.edit("services", "ns", "gw", |service| {
        service["status"] = json!({ "loadBalancer": { "ingress": [{ "hostname": "lb.test" }] } });
    });
    let lb = json!([{ "type": "Hostname", "value": "lb.test" }]);
    until("the load balancer is its address", || {
        status()["addresses"] == lb
    })
    .await;
    fake.edit("deployments", "ns", "gw", |deployment| {
        deployment["status"] = json!({ "readyReplicas": 1 });
    });
    let programmed = || condition(&status(), "Programmed")["status"] == "True";
    until("the Gateway is programmed", programmed).await;
    settle(&fake).await;
    assert_eq!(applies(&fake), PARTS.len(), "{:?}", fake.writes());

    // Another process finds everything in order.
    controller.stop(std::time::Duration::from_secs(5)).await;
    let _second = start(&fake, "b");
    settle(&fake).await;
    assert_eq!(applies(&fake), PARTS.len(), "{:?}", fake.writes());
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_or_changed_by_hand_is_made_right() {
    let fake = Fake::default();
    fake.apply(basics());
    let _controller = start(&fake, "a");
    until("everything is there", || all_there(&fake)).await;
    settle(&fake).await;
    fake.delete("deployments", "ns", "gw");
    until("the Deployment is back", || all_there(&fake)).await;
    fake.edit("services", "ns", "gw", |service| {
        service["spec"]["type"] = json!("ClusterIP")
    });
    let kind = || fake.get("services", "ns", "gw").unwrap()["spec"]["type"].clone();
    until("the Service is right again", || kind() == "LoadBalancer").await;
    settle(&fake).await;

    // What others add is theirs: it is kept, and no reason to apply anything. The controller of
    // Deployments does so with every new one.
    let before = applies(&fake);
    let revision = "deployment.kubernetes.io/revision";
    fake.edit("deployments", "ns", "gw", |deployment| {
        deployment["metadata"]["annotations"][revision] = json!("1");
    });
    settle(&fake).await;
    let deployment = fake.get("deployments", "ns", "gw").unwrap();
    assert_eq!(deployment["metadata"]["annotations"][revision], "1");
    assert_eq!(applies(&fake), before);
}

#[tokio::test(start_paused = true)]
async fn parameters_add_and_take_away() {
    let fake = Fake::default();
    fake.apply(basics());
    let full = json!({
        "replicas": 3,
        "podDisruptionBudget": { "spec": { "minAvailable": 1 } },
        "horizontalPodAutoscaler": { "spec": { "minReplicas": 2, "maxReplicas": 5 } },
    });
    fake.apply([shaped(), parameters(&json!({ "replicas": 3 }))]);
    let _controller = start(&fake, "a");
    until("everything is there", || all_there(&fake)).await;
    let replicas = || fake.get("deployments", "ns", "gw").unwrap()["spec"]["replicas"].clone();
    assert_eq!(replicas(), 3);

    fake.apply([parameters(&full)]);
    let budget = || fake.get("poddisruptionbudgets", "ns", "gw");
    let scaler = || fake.get("horizontalpodautoscalers", "ns", "gw");
    until("both are there", || {
        budget().is_some() && scaler().is_some()
    })
    .await;
    assert_eq!(budget().unwrap()["spec"]["minAvailable"], 1);
    assert_eq!(scaler().unwrap()["spec"]["maxReplicas"], 5);
    settle(&fake).await;
    assert_eq!(replicas(), 3, "the autoscaler starts from what there is");
    fake.edit("deployments", "ns", "gw", |deployment| {
        deployment["spec"]["replicas"] = json!(4)
    });
    settle(&fake).await;
    assert_eq!(replicas(), 4, "and what it decides stays");

    fake.apply([parameters(&json!({ "replicas": 2 }))]);
    until("both are gone", || budget().is_none() && scaler().is_none()).await;
    until("replicas are ours again", || replicas() == 2).await;
    assert!(all_there(&fake));
}

#[tokio::test(start_paused = true)]
async fn what_is_somebody_elses_is_left_alone_and_told() {
    let fake = Fake::default();
    let theirs = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "gw", "namespace": "ns" },
        "spec": { "type": "ClusterIP", "ports": [{ "port": 1 }] },
    });
    fake.apply([theirs]);
    fake.apply(basics());
    let before = fake.get("services", "ns", "gw");
    let _controller = start(&fake, "a");
    let programmed = || {
        let gateway = fake.get("gateways", "ns", "gw").unwrap();
        condition(&gateway["status"], "Programmed").clone()
    };
    let says = || {
        programmed()["message"]
            .as_str()
            .is_some_and(|m| m.contains("does not belong"))
    };
    until("it is told", says).await;
    assert_eq!(fake.get("services", "ns", "gw"), before);
    assert!(fake.get("deployments", "ns", "gw").is_none());
    fake.delete("services", "ns", "gw");
    until("everything is there", || all_there(&fake)).await;
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_goes_to_another_class_is_no_longer_deployed() {
    let fake = Fake::default();
    fake.apply(basics());
    let _controller = start(&fake, "a");
    until("everything is there", || all_there(&fake)).await;
    let mut theirs = gateway("gw");
    theirs["spec"]["gatewayClassName"] = json!("theirs");
    fake.apply([theirs]);
    let gone = || {
        PARTS
            .iter()
            .all(|part| fake.get(part, "ns", name(part)).is_none())
    };
    until("everything is gone", gone).await;

    fake.apply([gateway("gw")]);
    until("everything is back", || all_there(&fake)).await;
    fake.delete("gateways", "ns", "gw");
    settle(&fake).await;
    assert!(gone(), "what a deleted Gateway owned stays gone");
}

#[tokio::test(start_paused = true)]
async fn a_class_that_is_created_anew_takes_no_proxy_away() {
    let fake = Fake::default();
    fake.apply(basics());
    let _controller = start(&fake, "a");
    until("everything is there", || all_there(&fake)).await;
    settle(&fake).await;
    let before = applies(&fake);
    fake.delete("gatewayclasses", "", "agentgateway");
    settle(&fake).await;
    assert!(all_there(&fake));
    fake.apply(basics());
    settle(&fake).await;
    assert!(all_there(&fake));
    assert_eq!(applies(&fake), before, "{:?}", fake.writes());
}
