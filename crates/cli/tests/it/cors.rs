//! Browsers of other origins.

use agw_testkit::{Answer, Request};

use crate::setup::{Rig, chat};

const MANIFEST: &str = r#"
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: ai}
spec:
  gatewayClassName: agentgateway
  listeners: [{name: http, protocol: HTTP, port: 8080}]
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: b, namespace: ai}
spec: {ai: {provider: {openai: {model: gpt-4o}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: ai}
spec:
  parentRefs: [{name: g}]
  rules:
  - filters:
    - type: CORS
      cors:
        allowOrigins: ["https://*.example.com"]
        allowMethods: [PUT]
        allowHeaders: ["*"]
        exposeHeaders: [x-request-id]
        allowCredentials: true
        maxAge: 600
    backendRefs: [{name: b, group: agentgateway.dev, kind: AgentgatewayBackend}]
"#;

fn preflight(origin: &str) -> Request {
    Request::new("OPTIONS", "/v1/chat/completions")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "authorization")
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn a_preflight_is_answered_and_goes_no_further() {
    let rig = Rig::with(MANIFEST);
    let (answer, line) = rig.logged(preflight("https://app.example.com"));
    assert_eq!(answer.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example.com"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "PUT"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(line["reason"], "preflight");
    assert!(line["attempts"].is_null(), "{line}");
    let stranger = rig.agw.send(&preflight("https://evil.example")).unwrap();
    assert_eq!((stranger.status, allowed(&stranger)), (204, None));
}

#[test]
fn answers_and_errors_say_who_may_see_them() {
    let rig = Rig::with(MANIFEST);
    let ask = |origin: &str, fault: &str| {
        let request = chat("/v1/chat/completions", "Hi").header("Origin", origin);
        let request = request.header("x-mock-fault", fault);
        rig.agw.send(&request).unwrap()
    };
    for (fault, status) in [("delay=1ms", 200), ("status=503", 503), ("garbage", 502)] {
        let answer = ask("https://app.example.com", fault);
        assert_eq!(answer.status, status, "{fault}: {}", answer.text());
        assert_eq!(allowed(&answer), Some("https://app.example.com"), "{fault}");
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed, Some("x-request-id"), "{fault}");
    }
    assert_eq!(allowed(&ask("https://evil.example", "delay=1ms")), None);
    assert_eq!(allowed(&rig.chat("/v1/chat/completions", "Hi")), None);
}
