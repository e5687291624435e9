# manifests ROUND MODEL: what is served in that round; every round names its routes and backends anew.
# shellcheck shell=bash
manifests() {
  local round=$1 model=$2
  cat <<YAML
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ai}
spec:
  gatewayClassName: agentgateway
  listeners:
  - {name: http, protocol: HTTP, port: 8080}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: backend-$round, namespace: ai}
spec: {ai: {provider: {openai: {model: $model}, host: 127.0.81.2, port: 8090}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route-$round, namespace: ai}
spec:
  parentRefs: [{name: gw}]
  rules:
  - backendRefs: [{name: backend-$round, group: agentgateway.dev, kind: AgentgatewayBackend}]
    filters:
    - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Round, value: "$round"}]}}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: primary, namespace: ai}
spec: {ai: {provider: {openai: {model: first}, host: 127.0.81.3, port: 8090}}}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: standby, namespace: ai}
spec: {ai: {provider: {openai: {model: second}, host: 127.0.81.2, port: 8090}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reliable, namespace: ai}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: /reliable}}]
    backendRefs:
    - {name: primary, group: agentgateway.dev, kind: AgentgatewayBackend, weight: 1}
    - {name: standby, group: agentgateway.dev, kind: AgentgatewayBackend, weight: 0}
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /v1}}}]
YAML
}
