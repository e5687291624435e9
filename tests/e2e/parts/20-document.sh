#!/usr/bin/env bash
# The document "Advanced Routing Patterns for AI Models": its manifests, scripts, columns and cleanup, unmodified.
. "$(dirname "$0")/../lib.sh"
document=${AGW_SEED_DIR:-}
if [ -z "$document" ]; then
  for folder in "$top"/../*/seed; do
    if [ -f "$folder/manifests/1-path-routes.yaml" ]; then document=$folder; fi
  done
fi
if [ -z "$document" ]; then
  echo "  SKIPPED: the document's manifests and scripts are not here (AGW_SEED_DIR says where)"
  exit 0
fi
space=enterprise-agentgateway
k create namespace "$space" >/dev/null
# Four of its rules rewrite the prefix of two matches each, which the Gateway API's definition would refuse.
in_rig deploy/lenient-routes.sh >/dev/null
for file in "$document"/manifests/*.yaml; do
  if said=$(k apply -f "$file" 2>&1); then ok "kubectl apply -f $(basename "$file")"; else bad "$(basename "$file"): $said"; fi
done
gateway_up "$space" agentgateway
accepted() { ! k get httproute -n "$space" -o custom-columns='A:.status.parents[0].conditions[?(@.type=="Accepted")].status' --no-headers | grep -v '^True$'; }
until_holds 30 "every route's Accepted is True in custom columns" accepted

export GATEWAY_PORT=8080
GATEWAY_IP=$(address "$space" agentgateway)
export GATEWAY_IP

echo "test-weighted-routing.sh"
weighted=$(in_rig bash "$document/scripts/test-weighted-routing.sh" 10)
holds "eight of ten to gpt-4o-mini" "$weighted" '^gpt-4o-mini: 8 requests \(80%\)$'
holds "two of ten to gpt-4o" "$weighted" '^gpt-4o: 2 requests \(20%\)$'

echo "routing-health-check.sh"
health=$(in_rig bash "$document/scripts/routing-health-check.sh")
routes=$(sed -n '/^Route Status/,/^Backend Status/p' <<<"$health" | grep -c ' True ' || true)
same "its columns show every route accepted" "$(k get httproute -n "$space" -o name | wc -l)" "$routes"
backends=$(sed -n '/^Backend Status/,/^Route Connectivity/p' <<<"$health" | grep -c ' True ' || true)
same "and every backend" "$(k get agentgatewaybackend -n "$space" -o name | wc -l)" "$backends"
same "four routes answer" 4 "$(grep -c '✓ OK$' <<<"$health" || true)"
same "no route fails" 0 "$(grep -c '✗' <<<"$health" || true)"

# Its header tests pass a quoted -H through an unquoted variable, which curl gets in pieces.
echo "comprehensive-routing-test.sh"
comprehensive=$(in_rig bash "$document/scripts/comprehensive-routing-test.sh" 2>/dev/null)
for name in "Fast Route" "Premium Route" "Speed Optimized" "Quality Optimized" "Cost Optimized"; do
  holds "$name" "$(grep -A2 "^Testing: $name\$" <<<"$comprehensive")" '^✓ Success: gpt-4o'
done

echo "headers, content and failover"
post() { in_rig curl -si -m 20 "$GATEWAY_IP:8080$1" -H 'content-type: application/json' "${@:2}" | tr -d '\r'; }
body='{"messages":[{"role":"user","content":"A/B test message"}],"max_tokens":30}'
for variant in "variant-a gpt-4o-mini" "variant-b gpt-4o"; do
  read -r name model <<<"$variant"
  same "$name" "X-AB-Variant: $name X-Model-Used: $model" \
    "$(post /ai/chat/completions -H "X-AB-Test: $name" -d "$body" | grep -E '(X-AB-Variant|X-Model-Used)' | sort | tr '\n' ' ' | sed 's/ $//')"
done
holds "development" "$(post /ai/chat/completions -H 'X-Environment: development' -d "$body")" '"model": *"gpt-4o-mini"'
holds "production" "$(post /ai/chat/completions -H 'X-Environment: production' -d "$body")" '"model": *"gpt-4o"'
holds "short content" "$(post /ai/smart/completions -d "$body")" '^X-Content-Routing: short-content-fast-model'
long="{\"messages\":[{\"role\":\"user\",\"content\":\"$(printf 'word %.0s' $(seq 60))\"}]}"
holds "long content" "$(post /ai/smart/completions -d "$long")" '^X-Content-Routing: long-content-premium-model'
faults=http://$(address "$system" "$mock"):8090/_mock/faults
in_rig curl -sf -X PUT "$faults/gpt-4o" -d '{"status":503}' >/dev/null
holds "failover" "$(post /ai/reliable/completions -d "$body")" '"model": *"gpt-4o-mini"'
in_rig curl -sf -X DELETE "$faults" >/dev/null

echo "routing-analysis.sh"
analysis=$(in_rig bash "$document/scripts/routing-analysis.sh")
holds "counts requests" "$analysis" '^Total Requests: [1-9]'
holds "counts tokens" "$analysis" '^Total Tokens: [1-9]'
holds "knows the routes" "$analysis" '^  openai-weighted-routing: 1[0-9] requests$'
holds "knows the models" "$analysis" '^  gpt-4o-mini: [1-9]'
holds "knows the environments" "$analysis" '^  development: [1-9]'

echo "Cleanup"
# As it stands: some of what it names is gone by its own first command, and it says so.
# shellcheck disable=SC2016 # The backquotes are the document's.
sed -n '/^## Cleanup/,/^## /{/^```bash/,/^```$/{/^```/d;p}}' "$document/advanced-routing-patterns.md" >"$work/cleanup.sh"
holds "the document has a cleanup section" "$(<"$work/cleanup.sh")" '^kubectl delete'
said=$(cd "$work" && in_rig bash cleanup.sh 2>&1) || true
same "its commands find all but what they deleted before" "" "$(grep -i error <<<"$said" | grep -vi notfound || true)"
same "no route is left" "" "$(k get httproute -n "$space" -o name)"
same "one backend is left" agentgatewaybackend.agentgateway.dev/openai-all-models "$(k get agentgatewaybackend -n "$space" -o name)"
same "no policy is left" "" "$(k get enterpriseagentgatewaypolicy -n "$space" -o name)"
gone() { [ "$(in_rig curl -s -o /dev/null -w '%{http_code}' "$GATEWAY_IP:8080/ai/fast/completions" -d "$body")" = 404 ]; }
until_holds 10 "routes answer 404" gone
k delete namespace "$space" --timeout=90s >/dev/null
same "nothing of the Gateway is left" "" "$(k get deployment,service,serviceaccount -A -l gateway.networking.k8s.io/gateway-name=agentgateway -o name)"
finish 20-document
