#!/usr/bin/env bash
# The six example patterns, asked from a pod of the cluster by the name of the Gateway's Service.
. "$(dirname "$0")/../lib.sh"
with_examples
long="{\"messages\":[{\"role\":\"user\",\"content\":\"$(printf 'word %.0s' $(seq 60))\"}]}"
embedding='{"model":"text-embedding-3-small","input":"Hello"}'

# A route is Accepted only when proxies serve it, so nothing here has to be asked twice.
for route in by-path by-header by-query by-weight by-content with-standby; do
  until_holds 30 "$route is accepted" \
    k -n ai wait "httproute/$route" --for=jsonpath='{.status.parents[0].conditions[?(@.type=="Accepted")].status}'=True --timeout=1s
done
while IFS='|' read -r path body header expected; do
  case $body in long) body=$long ;; embedding) body=$embedding ;; *) body=$chat ;; esac
  same "$path ${header:-}" "$expected" "$(ask ai ai "$path" -H "${header:-x-none: 1}" -d "$body")"
done <<'CASES'
/models/mini|chat||200 gpt-4o-mini
/models/large|chat||200 gpt-4o
/openai/embeddings|embedding||200 text-embedding-3-small
/chat|chat|X-Stage: staging|200 gpt-4o-mini
/chat|chat|X-Stage: live|200 gpt-4o
/chat|chat|X-Experiment: group-b-1|200 gpt-4o
/ask?tier=cheap|chat||200 gpt-4o-mini
/ask?tier=best|chat||200 gpt-4o
/auto|chat||200 gpt-4o-mini
/auto|long||200 gpt-4o
/steady|chat||200 gpt-4o
/nowhere|chat||404 none
CASES
models=$(for _ in $(seq 10); do ask ai ai /rollout -d "$chat"; done | sort | uniq -c | awk '{print $1, $3}')
same "/rollout is eight and two" $'2 gpt-4o\n8 gpt-4o-mini' "$models"

faults=http://$(k -n "$system" get service "$mock" -o jsonpath='{.spec.clusterIP}'):8090/_mock/faults
in_rig curl -sf -X PUT "$faults/gpt-4o" -d '{"status":503}' >/dev/null
same "/steady while the first choice fails" "200 gpt-4o-mini" "$(ask ai ai /steady -d "$chat")"
in_rig curl -sf -X DELETE "$faults" >/dev/null

for kind in httproute agentgatewaybackend agentgatewaypolicy; do
  same "kubectl get $kind knows no object without a status" "" \
    "$(k -n ai get "$kind" -o json | jq -r '.items[] | select(.status == null) | .metadata.name')"
done
same "agbe, agpol and the category name our kinds" 0 "$(k -n ai get agbe,agpol,agentgateway >/dev/null; echo $?)"
holds "a pod's log is of JSON lines with the route" \
  "$(k -n ai logs deployment/ai --tail=50 | jq -r 'select(.route_name) | .route_name' | sort -u)" '^by-path$'
finish 10-patterns
