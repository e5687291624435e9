#!/usr/bin/env bash
# What is in a Secret or a prompt appears in no log, dump, status, event or metric, with everything logged at trace.
. "$(dirname "$0")/../lib.sh"
with_examples
secret=canary-secret-$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
prompt=canary-prompt-$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
header=canary-header-$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')

k apply -f "$here/manifests/traced.yaml" >/dev/null
k -n ai patch gateway ai --type=merge -p '{"spec":{"infrastructure":{"parametersRef":{"group":"agentgateway.dev","kind":"AgentgatewayParameters","name":"traced"}}}}' >/dev/null
traced() { k -n ai get deployment ai -o json | jq -e '.spec.template.spec.containers[0] | tostring | test("trace")'; }
until_holds 30 "the proxies are told to log at trace" traced
in_rig helm upgrade agentgateway "$top/charts/agentgateway" --namespace "$system" --reuse-values \
  --set controller.log=trace --wait --timeout 2m >/dev/null
k -n ai rollout status deployment/ai --timeout=90s >/dev/null
k -n ai patch secret openai -p "{\"stringData\":{\"Authorization\":\"$secret\"}}" >/dev/null

mocked=http://$(address "$system" "$mock"):8090/_mock
body="{\"messages\":[{\"role\":\"user\",\"content\":\"$prompt\"}]}"
hash=$(printf %s "$secret" | sha256sum | cut -c 1-8)
used() {
  in_rig curl -sf -X DELETE "$mocked/requests" >/dev/null
  ask ai ai /models/mini -d "$body" >/dev/null
  in_rig curl -sf "$mocked/requests" | grep -q "$hash"
}
until_holds 30 "the provider is asked with the canary" used
for path in /models/mini /models/large /chat /auto /steady /nowhere; do
  ask ai ai "$path" -H "Authorization: Bearer $header" -H 'X-Stage: staging' -d "$body" >/dev/null
  ask ai ai "$path" -d "{\"stream\":true,${body#\{}" >/dev/null
  ask ai ai "$path" -d "not json $prompt" >/dev/null
done
for fault in '{"status":503}' '{"reset":true}' '{"garbage":true}'; do
  in_rig curl -sf -X PUT "$mocked/faults/*" -d "$fault" >/dev/null || true
  ask ai ai /steady -d "$body" >/dev/null
  ask ai ai /models/mini -d "{\"stream\":true,${body#\{}" >/dev/null
done
in_rig curl -sf -X DELETE "$mocked/faults" >/dev/null

# A copy of the Secret's object is not a leak, and neither is the answer that repeats the prompt to who asked.
k get gatewayclasses,gateways,httproutes,agentgateway,deployments,services,configmaps,pods,leases -A -o yaml >"$work/objects" 2>/dev/null || true
k get events.events.k8s.io -A -o yaml >"$work/events"
for pod in $(k -n ai get pods -l gateway.networking.k8s.io/gateway-name=ai -o name); do
  k -n ai logs "$pod" --all-containers >>"$work/proxy-log"
  in_rig curl -s "$(k -n ai get "$pod" -o jsonpath='{.status.podIP}'):15020/metrics" >>"$work/proxy-metrics"
  forwarded=$((20000 + RANDOM % 10000))
  in_rig kubectl -n ai port-forward "$pod" "$forwarded:15000" >/dev/null 2>&1 &
  pids+=($!)
  until_holds 20 "the admin port answers" in_rig curl -sf -o "$work/dump" "127.0.0.1:$forwarded/config_dump"
done
k -n "$system" logs "deployment/$controller" --all-containers >"$work/controller-log"
in_rig curl -s "$(address "$system" "$controller"):15020/metrics" >"$work/controller-metrics"
for file in objects events proxy-log proxy-metrics dump controller-log controller-metrics; do
  if [ ! -s "$work/$file" ]; then bad "there is no $file to look into"; fi
  for canary in "$secret" "$prompt" "$header" "$(printf %s "$secret" | base64 -w 0)"; do
    if grep -qF -- "$canary" "$work/$file"; then bad "$canary is in $file: $(grep -F -m 1 -- "$canary" "$work/$file" | cut -c 1-300)"; fi
  done
  ok "no canary in $file ($(wc -c <"$work/$file") bytes)"
done
holds "the proxies did log at trace" "$(grep -c '"level":"trace"' "$work/proxy-log" || true)" '^[1-9]'
holds "so did the controller" "$(grep -c '"level":"trace"' "$work/controller-log" || true)" '^[1-9]'

in_rig helm upgrade agentgateway "$top/charts/agentgateway" --namespace "$system" --reuse-values --set controller.log=info --wait --timeout 2m >/dev/null
k -n ai patch gateway ai --type=json -p '[{"op":"remove","path":"/spec/infrastructure"}]' >/dev/null
k apply -f "$top/examples/routing-patterns" >/dev/null
finish 70-canary
