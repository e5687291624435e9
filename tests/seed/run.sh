#!/usr/bin/env bash
# Runs the scripts of the document "Advanced Routing Patterns for AI Models", unmodified, against its
# own manifests. They are in $AGW_SEED_DIR, or in a folder `seed` near the checkout.
. "$(dirname "$0")/../lib.sh"

seed=${AGW_SEED_DIR:-}
if [ -z "$seed" ]; then
  for folder in "$top"/../*/seed; do
    if [ -f "$folder/manifests/1-path-routes.yaml" ]; then seed=$folder; fi
  done
fi
if [ -z "$seed" ]; then
  echo "SKIPPED tests/seed: the document's manifests and scripts are not here (AGW_SEED_DIR says where)"
  exit 0
fi
need curl jq awk

address=127.0.77.1
export GATEWAY_IP=$address GATEWAY_PORT=8080
start_agw "$address" seed -f "$seed/manifests" --mock
log=$work/seed.out

echo "test-weighted-routing.sh"
weighted=$(bash "$seed/scripts/test-weighted-routing.sh" 10)
holds "eight of ten to gpt-4o-mini" "$weighted" '^gpt-4o-mini: 8 requests \(80%\)$'
holds "two of ten to gpt-4o" "$weighted" '^gpt-4o: 2 requests \(20%\)$'

# Its other half asks kubectl, which has nothing to say without a cluster.
echo "routing-health-check.sh: connectivity"
health=$(bash "$seed/scripts/routing-health-check.sh" 2>/dev/null | sed -n '/^Route Connectivity/,$p')
same "four routes answer" 4 "$(grep -c '✓ OK$' <<<"$health" || true)"
same "no route fails" 0 "$(grep -c '✗' <<<"$health" || true)"

# Its header tests pass a quoted -H through an unquoted variable, which curl gets in pieces.
echo "comprehensive-routing-test.sh: path and query"
comprehensive=$(bash "$seed/scripts/comprehensive-routing-test.sh" 2>/dev/null)
for name in "Fast Route" "Premium Route" "Speed Optimized" "Quality Optimized" "Cost Optimized"; do
  holds "$name" "$(grep -A2 "^Testing: $name\$" <<<"$comprehensive")" '^✓ Success: gpt-4o'
done

echo "curl -i ... | grep, as the document has it"
for variant in "variant-a gpt-4o-mini" "variant-b gpt-4o"; do
  read -r name model <<<"$variant"
  heads=$(curl -si "$GATEWAY_IP:$GATEWAY_PORT/ai/chat/completions" \
    -H "content-type: application/json" -H "X-AB-Test: $name" \
    -d '{"messages":[{"role":"user","content":"A/B test message"}],"max_tokens":30}' |
    grep -E "(X-AB-Variant|X-Model-Used)" | tr -d '\r' | sort)
  same "$name" "X-AB-Variant: $name X-Model-Used: $model" "$(tr '\n' ' ' <<<"$heads" | sed 's/ $//')"
done
curl -s -o /dev/null "$GATEWAY_IP:$GATEWAY_PORT/ai/chat/completions" \
  -H "content-type: application/json" -H "X-Environment: development" \
  -d '{"messages":[{"role":"user","content":"Hello from development!"}],"max_tokens":50}'

# 10 + 4 + 9 requests from the scripts and 3 from here.
echo "routing-analysis.sh on the captured log"
lines "$log" 26
if jq -es 'all(type == "object")' "$log" >/dev/null; then
  ok "every line of standard output is a JSON object"
else
  bad "a line of standard output is no JSON object"
fi
# Stands in for `kubectl logs`.
kubectl() { cat "$ACCESS_LOG"; }
export -f kubectl
analysis=$(ACCESS_LOG=$log bash "$seed/scripts/routing-analysis.sh")
holds "requests by route" "$analysis" '^  openai-weighted-routing: 11 requests$'
holds "requests by model" "$analysis" '^  gpt-4o: [0-9]+ requests$'
holds "requests by environment" "$analysis" '^  development: 1 requests$'
holds "tokens" "$analysis" '^Total Tokens: [1-9][0-9]*$'

finish "tests/seed"
