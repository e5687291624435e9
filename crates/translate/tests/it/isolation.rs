//! The order of objects means nothing, and a bad object changes nothing for the good ones.

use agw_translate::Translation;
use proptest::prelude::*;
use serde_json::Value;

use super::read;

const GOOD: &str = include_str!("../../testdata/weighted-standby.yaml");

/// Things that are wrong in as many ways, none of them touching what `GOOD` is about.
const BAD: &[&str] = &[
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: no-parent, namespace: ai}\nspec: {parentRefs: [{name: elsewhere}], rules: [{}]}\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: no-backend, namespace: ai}\nspec:\n  parentRefs: [{name: gw}]\n  rules:\n  - matches: [{path: {value: /bad}}]\n    backendRefs: [{name: none, group: agentgateway.dev, kind: AgentgatewayBackend}]\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: bad-regex, namespace: ai}\nspec:\n  parentRefs: [{name: gw}]\n  rules: [{matches: [{path: {type: RegularExpression, value: \"/(\"}}]}]\n",
    "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayBackend\nmetadata: {name: empty, namespace: ai}\nspec: {}\n",
    "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayBackend\nmetadata: {name: typo, namespace: ai}\nspec: {ai: {provider: {opnai: {}}}}\n",
    "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayBackend\nmetadata: {name: no-secret, namespace: ai}\nspec: {ai: {provider: {openai: {}}}, policies: {auth: {secretRef: {name: none}}}}\n",
    "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayPolicy\nmetadata: {name: adrift, namespace: ai}\nspec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: none}], traffic: {timeouts: {request: 1s}}}\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: other, namespace: ai}\nspec: {gatewayClassName: agentgateway, listeners: [{name: t, protocol: example.com/odd, port: 1}]}\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Nonsense\nmetadata: {name: x}\n",
    "a: [unclosed\n",
    "just text\n",
];

/// What the good route makes of itself, whatever else is there.
fn about_good(translation: &Translation) -> Value {
    let gateway = translation
        .gateways
        .iter()
        .find(|g| &*g.gateway.name == "gw")
        .unwrap();
    let routes: Vec<_> = gateway
        .routes
        .iter()
        .filter(|route| &*route.key.name == "chat")
        .collect();
    let backends: Vec<_> = gateway
        .backends
        .iter()
        .filter(|backend| ["one", "two", "three"].contains(&&*backend.key.object.name))
        .collect();
    assert_eq!((routes.len(), backends.len()), (1, 3));
    let statuses: Vec<_> = translation
        .statuses
        .iter()
        .filter(|status| ["chat", "one", "two", "three"].contains(&status.object.name.as_str()))
        .collect();
    serde_json::json!({
        "listeners": gateway.listeners, "routes": routes, "backends": backends, "statuses": statuses
    })
}

#[test]
fn bad_objects_beside_good_ones_change_nothing_for_them() {
    let alone = about_good(&read(&[GOOD]));
    for bad in BAD {
        let beside = read(&[bad, GOOD]);
        assert_eq!(alone, about_good(&beside), "beside {bad}");
        let count = |t: &Translation| t.findings.len();
        assert!(count(&beside) > count(&read(&[GOOD])), "no finding: {bad}");
    }
    let mut all = BAD.to_vec();
    all.push(GOOD);
    assert_eq!(alone, about_good(&read(&all)));
}

proptest! {
    #[test]
    fn the_order_of_documents_means_nothing(order in Just(documents()).prop_shuffle()) {
        let (first, second) = (read_all(&documents()), read_all(&order));
        prop_assert_eq!(told(&first), told(&second));
        prop_assert_eq!(first.gateways, second.gateways);
        prop_assert_eq!(first.statuses, second.statuses);
    }
}

fn read_all(documents: &[String]) -> Translation {
    read(&documents.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What the findings say, without the files they are about.
fn told(translation: &Translation) -> Vec<(&'static str, &str)> {
    let findings = translation.findings.iter();
    let mut told: Vec<_> = findings.map(|f| (f.code.as_str(), &*f.message)).collect();
    told.sort_unstable();
    told
}

fn documents() -> Vec<String> {
    let good = GOOD.split("\n---\n").map(str::to_owned);
    good.chain(BAD.iter().map(|&bad| bad.to_owned())).collect()
}
