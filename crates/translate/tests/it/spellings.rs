//! What may be written in several ways means the same in each.

use std::sync::Arc;

use agw_core::config::GatewayConfig;

use super::{line, read};

const FRAME: &str = r#"
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ai}
spec:
  gatewayClassName: agentgateway
  listeners: [{name: http, protocol: HTTP, port: 8080}]
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: ai}
stringData: {Authorization: "Bearer sk-abc", bare: sk-abc}
"#;

const ROUTE: &str = r#"
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: ai}
spec:
  parentRefs: [{name: gw}]
  rules:
  - backendRefs: [{name: b, group: agentgateway.dev, kind: AgentgatewayBackend}]
"#;

fn backend(spec: &str) -> String {
    let body: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayBackend\nmetadata: {{name: b, namespace: ai}}\nspec:\n{body}"
    )
}

fn policy(group: &str, kind: &str, traffic: &str) -> String {
    let body: String = traffic.lines().map(|l| format!("    {l}\n")).collect();
    format!(
        "apiVersion: {group}/v1alpha1\nkind: {kind}\nmetadata: {{name: p, namespace: ai}}\nspec:\n  \
         targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: gw}}]\n  traffic:\n{body}"
    )
}

fn upstream(traffic: &str) -> String {
    policy("agentgateway.dev", "AgentgatewayPolicy", traffic)
}

fn enterprise(traffic: &str) -> String {
    let group = "enterpriseagentgateway.solo.io";
    policy(group, "EnterpriseAgentgatewayPolicy", traffic)
}

fn config(documents: &[&str]) -> Arc<GatewayConfig> {
    let mut texts = vec![FRAME, ROUTE];
    texts.extend(documents);
    let translation = read(&texts);
    let errors: Vec<_> = translation.findings.iter().map(line).collect();
    let errors: Vec<_> = errors.iter().filter(|l| l.contains(" error ")).collect();
    assert!(errors.is_empty(), "{documents:?}: {errors:#?}");
    translation.gateways[0].clone()
}

#[test]
fn spellings_of_a_backend_mean_the_same() {
    const OPENAI: &str = "ai: {provider: {openai: {model: gpt-4o}}}\npolicies:\n";
    let rows: &[(&str, &[&str])] = &[
        (
            "forced model",
            &[
                "ai: {provider: {openai: {config: {model: gpt-4o}}}}",
                "ai: {provider: {openai: {model: gpt-4o}}}",
                "ai: {provider: {openai: {model: gpt-4o, config: {model: gpt-4o}}}}",
            ],
        ),
        (
            "no model",
            &[
                "ai: {provider: {openai: }}",
                "ai: {provider: {openai: null}}",
                "ai: {provider: {openai: {}}}",
                "ai: {provider: {openai: {config: {}}}}",
                "ai: {provider: {}}",
            ],
        ),
        (
            "key",
            &[
                &format!("{OPENAI}  auth: {{secretRef: {{name: key}}}}"),
                &format!("{OPENAI}  auth: {{secretRef: {{name: key, key: Authorization}}}}"),
                &format!("{OPENAI}  auth: {{secretRef: {{name: key, key: bare}}}}"),
                &format!("{OPENAI}  auth: {{key: sk-abc}}"),
                &format!("{OPENAI}  auth: {{key: Bearer sk-abc}}"),
            ],
        ),
        (
            "timeout",
            &[
                &format!("{OPENAI}  timeout: {{request: 60s}}"),
                &format!("{OPENAI}  timeout: {{request: 1m}}"),
                &format!("{OPENAI}  http: {{requestTimeout: 60s}}"),
            ],
        ),
        (
            "health",
            &[
                &format!("{OPENAI}  healthCheck: {{unhealthyThreshold: 3}}"),
                &format!(
                    "{OPENAI}  healthCheck: {{}}\n  health: {{eviction: {{consecutiveFailures: 3}}}}"
                ),
            ],
        ),
        (
            "routes",
            &[
                "ai: {provider: {openai: {}}, routes: {/chat: Completions}}",
                "ai: {provider: {openai: {}}}\npolicies: {ai: {routes: {/chat: Completions}}}",
            ],
        ),
    ];
    let mut seen = Vec::new();
    for (name, spellings) in rows {
        let first = config(&[&backend(spellings[0])]);
        for other in &spellings[1..] {
            assert_eq!(first, config(&[&backend(other)]), "{name}: {other}");
        }
        assert!(!seen.contains(&first), "{name} changes nothing");
        seen.push(first);
    }
}

#[test]
fn spellings_of_a_policy_mean_the_same() {
    let chat = backend("ai: {provider: {openai: {}}}");
    let rows: &[(&str, &[String])] = &[
        (
            "headers before the match",
            &[
                enterprise("requestTransformation: {inline: {headers: {add: {X-A: size('a')}}}}")
                    .replace("size('a')", "string(size(request.path))"),
                enterprise(
                    "requestTransformation: {inline: {headers: {set: {X-A: string(size(request.path))}}}}",
                ),
                enterprise(
                    "phase: PreRouting\ntransformation: {request: {set: [{name: X-A, value: string(size(request.path))}]}}",
                ),
                upstream(
                    "phase: PreRouting\ntransformation: {request: {set: [{name: X-A, value: string(size(request.path))}]}}",
                ),
            ],
        ),
        (
            "timeouts",
            &[
                upstream("timeouts: {request: 90s}"),
                upstream("timeouts: {request: 1m30s}"),
                enterprise("timeouts: {request: 90s}"),
            ],
        ),
        (
            "retry",
            &[
                upstream("retry: {attempts: 2, backoff: 100ms, codes: [503]}"),
                upstream("retry: {attempts: 2, backoff: {baseInterval: 100ms}, codes: [503]}"),
                enterprise("retry: {attempts: 2, backoff: 100ms, codes: [503]}"),
            ],
        ),
    ];
    let mut seen = vec![config(&[&chat])];
    for (name, spellings) in rows {
        let first = config(&[&chat, &spellings[0]]);
        for other in &spellings[1..] {
            assert_eq!(first, config(&[&chat, other]), "{name}: {other}");
        }
        assert!(!seen.contains(&first), "{name} changes nothing");
        seen.push(first);
    }
}
